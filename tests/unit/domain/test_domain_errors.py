"""Errors: they say what was refused, and nothing that was not given to be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain import errors
from raykeep.domain.errors import (
    AccessDenied,
    ArchiveError,
    AssociationRefused,
    InstanceRefused,
    InvalidAETitle,
    InvalidUID,
    LimitExceeded,
    NotAuthenticated,
    shown,
)


def is_harmless(text: str) -> bool:
    return text.replace("…", "").isascii() and text.isprintable()


@given(text=st.text(), limit=st.integers(1, 100))
def test_what_a_peer_wrote_is_shown_in_printable_ascii_and_cut(text, limit):
    told = shown(text, limit)

    assert told[0] == told[-1] == "'"
    assert is_harmless(told)
    assert len(told) <= limit + 3
    assert ("…" in told) == (len(ascii(text)) - 2 > limit)


@given(
    text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="'\\"))
)
def test_plain_text_is_shown_as_it_is(text):
    assert shown(text, 1000) == f"'{text}'"


@given(text=st.text(max_size=300))
def test_a_peers_text_does_no_harm_within_a_message(text):
    for error in (InvalidUID(text), InvalidAETitle(text), InstanceRefused(text, "a finding")):
        assert is_harmless(str(error))
        assert len(str(error)) < 300


@given(reason=st.text(min_size=3).filter(lambda t: t not in str(NotAuthenticated(""))))
def test_who_is_not_known_is_told_nothing_of_why(reason):
    assert str(NotAuthenticated(reason)) == str(NotAuthenticated(""))
    assert NotAuthenticated(reason).reason == reason


def test_a_denial_carries_its_reason_for_the_trail():
    assert AccessDenied("no rule").reason == "no rule"
    assert str(AccessDenied("no rule")) == "not permitted: no rule"


def test_a_refused_association_says_permanent_user_and_calling_title_unless_told_otherwise():
    refused = AssociationRefused("the device is revoked")

    assert (refused.result, refused.source, refused.diagnostic) == (1, 1, 3)
    assert refused.reason == "the device is revoked"
    other = AssociationRefused("too many", result=2, source=3, diagnostic=2)
    assert (other.result, other.source, other.diagnostic) == (2, 3, 2)


@pytest.mark.parametrize(
    ("unit", "told"),
    [("bytes", "body is 11 bytes, more than the 10 bytes allowed"), ("", "body is 11, more than")],
)
def test_a_limit_is_told_with_its_value_and_its_unit(unit, told):
    error = LimitExceeded("body", 11, 10, unit)

    assert str(error).startswith(told)
    assert (error.limit, error.value, error.allowed) == ("body", 11, 10)


def test_a_refused_instance_names_itself_and_the_finding():
    error = InstanceRefused("1.2.3", "it is a program")

    assert (error.sop_instance_uid, error.finding) == ("1.2.3", "it is a program")
    assert "'1.2.3'" in str(error)


def test_every_error_is_of_the_one_tree_and_says_what_it_means():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and k is not ArchiveError]

    assert kinds
    for kind in kinds:
        assert issubclass(kind, ArchiveError)
        assert kind.__doc__
