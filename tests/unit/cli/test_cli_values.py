"""Values as operators write them."""

from datetime import UTC, datetime, timedelta

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.cli import values

WRONG = ["", "d", "30", "0d", "-1d", "1.5h", "30 d x", "1y", "9999999d", "\uff130d", "30d\n30d"]


@given(count=st.integers(1, 999_999), unit=st.sampled_from("mhdw"))
def test_a_duration_is_its_count_times_its_unit(count, unit) -> None:
    seconds = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}[unit]

    assert values.duration(f"{count}{unit}") == count * seconds
    assert values.duration(f" {count}{unit.upper()} ") == count * seconds


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_duration_is_refused_with_an_example(text) -> None:
    with pytest.raises(click.BadParameter, match="30d"):
        values.duration(text)


def test_an_exemption_lasts_to_the_end_of_the_day_that_is_named() -> None:
    end = datetime.fromisoformat(values.until("2030-05-06"))

    assert end.utcoffset() is not None
    assert end == datetime(2030, 5, 7).astimezone()


def test_a_time_with_an_offset_is_taken_as_it_is() -> None:
    end = datetime.fromisoformat(values.until("2030-05-06T07:00:00+00:00"))

    assert end == datetime(2030, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize("text", ["tomorrow", "", "2030-13-01", "06.05.2030"])
def test_what_is_no_day_is_refused_with_an_example(text) -> None:
    with pytest.raises(click.BadParameter, match="2026-12-31"):
        values.until(text)
    with pytest.raises(click.BadParameter, match="2026-12-31"):
        values.since(text)


def test_a_search_may_begin_some_time_ago() -> None:
    begin = datetime.fromisoformat(values.since("2h"))

    assert abs(datetime.now(UTC) - begin - timedelta(hours=2)) < timedelta(minutes=1)


def test_a_search_may_begin_on_a_day_here() -> None:
    begin = datetime.fromisoformat(values.since("2030-05-06"))

    assert begin == datetime(2030, 5, 6).astimezone()


def test_lists_may_be_written_with_commas_or_one_by_one() -> None:
    assert values.words(("store, find", "find", "", "echo,")) == ["store", "find", "echo"]


def test_a_file_of_text_is_read(tmp_path) -> None:
    (tmp_path / "a.pem").write_text("täxt")

    assert values.text_of(tmp_path / "a.pem") == "täxt"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read"), (b"\xff\xfe", "is no text"), (b"x" * 300_000, "more than")],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, content, why) -> None:
    path = tmp_path / "a.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(click.UsageError, match=why):
        values.text_of(path)
