"""Facility names: so narrow that a path and associated data can be made of them."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import InvalidInput
from raykeep.domain.facility import FacilityName

ALLOWED = set(string.ascii_lowercase + string.digits + "-")

names = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)


@given(text=names)
def test_a_name_is_the_text_that_it_was_made_of(text):
    assert FacilityName(text) == text
    assert hash(FacilityName(text)) == hash(text)


@given(text=st.text(max_size=40) | st.text("ab-_./ \n", max_size=34))
def test_a_text_is_a_name_or_refused(text):
    try:
        FacilityName(text)
    except InvalidInput:
        return
    assert 1 <= len(text) <= 32
    assert set(text) <= ALLOWED
    assert not text.startswith("-")
    assert not text.endswith("-")


@pytest.mark.parametrize(
    "text",
    ["", "-", "a-", "-a", "A", "ä", "a/b", "..", "a b", "a\n", "a_b", "a" * 33, "lost+found"],
)
def test_what_might_lead_elsewhere_is_refused(text):
    with pytest.raises(InvalidInput, match="not a facility name"):
        FacilityName(text)
