"""Values on their way into columns keep their meaning, their order and their bounds."""

import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.adapters.sql.conditions import after_all_with, literal_prefix
from raykeep.adapters.sql.dialect import PostgresDialect, SqliteDialect
from raykeep.adapters.sql.values import (
    LONGEST_VALUE,
    NO_NUMBER,
    clean,
    folded,
    is_storable,
    name_text,
    order_number,
    padded_time,
    plain_date,
    several,
    to_microseconds,
    to_moment,
    year_of,
)

any_text = st.text(st.characters(exclude_categories=[]))  # lone surrogates, too
storable = st.text()
moments = st.datetimes(timezones=st.just(UTC))


@given(moments)
def test_a_moment_survives_to_the_microsecond(moment: datetime) -> None:
    assert to_moment(to_microseconds(moment)) == moment


@given(moments, moments)
def test_moments_keep_their_order(one: datetime, other: datetime) -> None:
    assert (one < other) == (to_microseconds(one) < to_microseconds(other))


def test_the_zone_of_a_moment_does_not_matter() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=5, minutes=45)))

    assert to_microseconds(elsewhere) == to_microseconds(noon)


@given(any_text)
def test_what_was_cleaned_can_be_stored(text: str) -> None:
    cleaned = clean(text)

    assert is_storable(cleaned)
    assert len(cleaned) <= LONGEST_VALUE
    cleaned.encode()
    assert clean(cleaned) == cleaned


@given(storable.filter(lambda text: "\0" not in text and len(text) <= LONGEST_VALUE))
def test_good_text_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("10", "100000.000000"),
        ("1015", "101500.000000"),
        ("101530", "101530.000000"),
        ("101530.5", "101530.500000"),
        ("235959.999999", "235959.999999"),
        ("10:15:30", "101530.000000"),
        ("235960", "235960.000000"),
        ("24", None),
        ("1060", None),
        ("9", None),
        ("101530.", None),
        ("101530.1234567", None),
        ("\u0661\u0660", None),
        ("", None),
    ],
)
def test_a_time_is_padded_to_its_first_moment(text: str, padded: str | None) -> None:
    assert padded_time(text) == padded


@pytest.mark.parametrize(
    ("text", "plain", "year"),
    [
        ("20260302", "20260302", 2026),
        ("2026.03.02", "20260302", 2026),
        ("2026.3.2", "2026.3.2", 2026),
        ("2026", "2026", 2026),
        ("", "", 0),
        ("x", "x", 0),
        ("\u0662\u0660\u0662\u0666", "\u0662\u0660\u0662\u0666", 0),
    ],
)
def test_a_date_loses_the_dots_of_old(text: str, plain: str, year: int) -> None:
    assert plain_date(text) == plain
    assert year_of(text) == year


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_numbers_sort_as_numbers_and_before_what_is_none(one: int, other: int) -> None:
    assert (order_number(str(one)) < order_number(f" {other} ")) == (one < other)
    assert order_number(str(one)) < order_number("x") == order_number(None) == NO_NUMBER


@given(st.text(string.digits + "+-. ", max_size=400))
def test_no_text_makes_a_number_that_a_column_cannot_hold(text: str) -> None:
    assert -NO_NUMBER <= order_number(text) <= NO_NUMBER


@given(storable, storable)
def test_everything_with_a_prefix_lies_below_the_text_after_it(prefix: str, rest: str) -> None:
    end = after_all_with(prefix)
    text = prefix + rest

    assert text >= prefix
    assert end is None or text < end


@given(storable, storable)
def test_nothing_without_the_prefix_lies_between(prefix: str, other: str) -> None:
    end = after_all_with(prefix)
    if end is not None and prefix <= other < end:
        assert other.startswith(prefix)


def test_behind_the_last_character_there_is_none() -> None:
    assert after_all_with("") is None
    assert after_all_with("\U0010ffff") is None
    assert after_all_with("a\U0010ffff") == "b"
    assert after_all_with("\ud7ff") == "\ue000"


@pytest.mark.parametrize(
    ("pattern", "prefix"), [("abc", "abc"), ("ab*c?", "ab"), ("?a*", ""), ("*", ""), ("", "")]
)
def test_the_prefix_ends_at_the_first_wildcard(pattern: str, prefix: str) -> None:
    assert literal_prefix(pattern) == prefix


@given(storable)
def test_each_component_of_a_name_has_its_mark_in_the_search_text(name: str) -> None:
    groups = folded(name)
    text = name_text(groups)

    for group in (groups.alphabetic, groups.ideographic, groups.phonetic):
        for component in group.split("^"):
            assert "^" + component in text


def test_many_values_are_cut_off() -> None:
    assert several("a\\b\\") == ["a", "b", ""]
    assert len(several("\\".join("x" * 10_000))) == 256


@pytest.mark.parametrize("dialect", [SqliteDialect(), PostgresDialect()], ids=lambda d: d.name)
def test_a_literal_within_a_pattern_has_no_wildcards(dialect) -> None:
    assert dialect.literal("plain") == "plain"
    assert dialect.pattern("a*b?") in {"a*b?", "a%b_"}
    escaped = dialect.literal("*?")
    assert escaped not in {dialect.pattern("*?"), dialect.pattern("**")}
