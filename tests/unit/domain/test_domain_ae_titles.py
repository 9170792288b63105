"""AE titles: valid by construction, the same whatever padding they came with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.ae_title import MAX_LENGTH, AETitle
from raykeep.domain.errors import InvalidAETitle

printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\")
titles = st.text(printable, min_size=1, max_size=MAX_LENGTH).filter(lambda t: t == t.strip(" "))
spaces = st.text(" ", max_size=16)


@given(title=titles, before=spaces, after=spaces)
def test_a_title_is_the_same_whatever_padding_it_came_with(title, before, after):
    padded = before + title + after

    assert AETitle.parse(padded) == AETitle(title)
    assert AETitle.parse(padded.encode()) == AETitle(title)
    assert str(AETitle(title)) == title


@given(text=st.text(max_size=20))
def test_a_text_is_taken_as_it_stands_or_refused(text):
    try:
        title = AETitle(text)
    except InvalidAETitle:
        return
    assert title.value == text
    assert 1 <= len(text) <= MAX_LENGTH
    assert text.isascii()
    assert text.isprintable()
    assert "\\" not in text
    assert text == text.strip(" ")


@given(raw=st.binary(max_size=20))
def test_any_bytes_are_a_title_or_refused(raw):
    try:
        title = AETitle.parse(raw)
    except InvalidAETitle:
        return
    assert title.value.encode("ascii") == raw.strip(b" ")


@pytest.mark.parametrize(
    "text", ["", " CT", "CT ", "CT\\01", "CT\n01", "CT\x0001", "CT\x7f", "RÖNTGEN", "A" * 17]
)
def test_what_the_standard_does_not_allow_is_refused(text):
    with pytest.raises(InvalidAETitle):
        AETitle(text)


@pytest.mark.parametrize("raw", ["", "    ", b"                ", b"CT\xff"])
def test_padding_alone_and_other_bytes_are_no_title(raw):
    with pytest.raises(InvalidAETitle):
        AETitle.parse(raw)
