"""UIDs: valid by construction, the same whatever padding they came with."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import RE_VALID_UID

from raykeep.domain.errors import InvalidUID
from raykeep.domain.implementation import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from raykeep.domain.uids import MAX_LENGTH, UID

uids = (
    st.lists(st.integers(0, 10**12), min_size=1, max_size=9)
    .map(lambda parts: ".".join(map(str, parts)))
    .filter(lambda text: len(text) <= MAX_LENGTH)
)


@given(uid=uids, padding=st.text("\0 ", max_size=3))
def test_a_uid_is_the_same_whatever_padding_it_came_with(uid, padding):
    assert UID.parse(uid + padding) == UID(uid) == uid
    assert UID.parse((uid + padding).encode()) == uid
    assert hash(UID(uid)) == hash(uid)


@given(text=st.text("0123456789. \0\n", max_size=70) | st.text(max_size=10))
def test_a_text_is_a_uid_exactly_when_the_standard_says_so(text):
    by_the_standard = len(text) <= MAX_LENGTH and re.fullmatch(RE_VALID_UID, text) is not None
    # pydicom's expression ends with `$`, which also takes a line feed.
    by_the_standard = by_the_standard and not text.endswith("\n")
    try:
        found = UID(text)
    except InvalidUID:
        assert not by_the_standard
    else:
        assert by_the_standard
        assert found == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1.",
        ".1",
        "1..2",
        "01.2",
        "1.02",
        "1.2.",
        "1.2\n",
        "1.\uff12",
        "1.2a",
        "1" * 65,
        "-1",
    ],
)
def test_what_is_no_uid_is_refused(text):
    with pytest.raises(InvalidUID):
        UID(text)


def test_other_bytes_are_no_uid():
    with pytest.raises(InvalidUID):
        UID.parse(b"1.2.\xff")


def test_the_archive_names_itself_by_what_a_uid_and_a_version_name_may_be():
    assert re.fullmatch(RE_VALID_UID, IMPLEMENTATION_CLASS_UID)
    assert 1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16
