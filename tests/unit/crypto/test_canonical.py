"""Canonical JSON against the examples of RFC 8785 and against the standard library."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.canonical import LARGEST_INTEGER, canonical_json

texts = st.text(st.characters(codec="utf-8"))
integers = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def test_names_are_sorted_by_utf_16_code_units() -> None:
    # RFC 8785 section 3.2.3
    members = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }

    assert list(json.loads(canonical_json(members)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_texts_are_escaped_as_little_as_json_allows() -> None:
    # RFC 8785 section 3.2.2.2 and its example in 3.2.2
    assert canonical_json('\u20ac$\u000f\nA\'B"\\\\"/') == (
        rb'"' + "\u20ac$".encode() + rb"\u000f\nA'B\"\\\\\"/" + rb'"'
    )
    assert canonical_json("\b\t\n\f\r\x00\x1f\x7f") == b'"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f"'


def test_literals_lists_and_nesting_have_no_space() -> None:
    value = {"numbers": [0, -7, LARGEST_INTEGER], "literals": [None, True, False], "empty": {}}

    assert canonical_json(value) == (
        b'{"empty":{},"literals":[null,true,false],"numbers":[0,-7,9007199254740991]}'
    )


@given(values)
def test_what_is_written_reads_back_as_the_same_value(value) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(texts, integers, max_size=6), st.randoms())
def test_the_order_of_making_leaves_no_trace(members, random) -> None:
    shuffled = list(members.items())
    random.shuffle(shuffled)

    assert canonical_json(dict(shuffled)) == canonical_json(members)


@pytest.mark.parametrize("number", [LARGEST_INTEGER + 1, -LARGEST_INTEGER - 1])
def test_numbers_that_readers_would_round_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="2\\^53"):
        canonical_json([number])


@pytest.mark.parametrize("value", [1.5, b"bytes", {1: "a"}, {"a": object()}])
def test_other_kinds_are_refused(value) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json("\ud800")
