"""Small sealed values open for what they were sealed for, and for nothing else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.seal_small import context, open_small, seal_small
from raykeep.domain.errors import IntegrityError

STUDY_KEY = bytes(range(32))
RANDOM = hashlib.shake_128(b"random").digest(32)
BOUND_TO = context("header", "north", "ab" * 16)
SEALED = seal_small(b"PatientName", study_key=STUDY_KEY, bound_to=BOUND_TO, random=RANDOM)


@given(plain=st.binary(max_size=2000), parts=st.lists(st.text(max_size=20), max_size=4))
def test_what_was_sealed_opens(plain: bytes, parts: list[str]) -> None:
    bound_to = context(*parts)

    sealed = seal_small(plain, study_key=STUDY_KEY, bound_to=bound_to, random=RANDOM)

    assert open_small(sealed, study_key=STUDY_KEY, bound_to=bound_to) == plain
    assert len(sealed) == len(plain) + 57


def test_any_flipped_bit_is_found() -> None:
    for position in range(len(SEALED) * 8):
        changed = bytearray(SEALED)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(IntegrityError):
            open_small(bytes(changed), study_key=STUDY_KEY, bound_to=BOUND_TO)


@pytest.mark.parametrize("end", range(len(SEALED)))
def test_cut_anywhere_it_does_not_open(end: int) -> None:
    with pytest.raises(IntegrityError):
        open_small(SEALED[:end], study_key=STUDY_KEY, bound_to=BOUND_TO)


@pytest.mark.parametrize(
    "parts",
    [
        ("header", "north", "ba" * 16),
        ("header", "south", "ab" * 16),
        ("pack", "north", "ab" * 16),
        ("header", "north"),
        ("headernorth", "ab" * 16),
    ],
)
def test_it_opens_for_nothing_else(parts: tuple[str, ...]) -> None:
    with pytest.raises(IntegrityError, match="belongs elsewhere"):
        open_small(SEALED, study_key=STUDY_KEY, bound_to=context(*parts))


def test_another_study_key_does_not_open_it() -> None:
    with pytest.raises(IntegrityError):
        open_small(SEALED, study_key=bytes(32), bound_to=BOUND_TO)


@given(
    one=st.lists(st.text(max_size=8), max_size=4), other=st.lists(st.text(max_size=8), max_size=4)
)
def test_contexts_of_different_parts_differ(one: list[str], other: list[str]) -> None:
    assert (context(*one) == context(*other)) == (one == other)


def test_the_format_stays_as_it_is() -> None:
    """A change here is a new version of the format, and the old one must still open."""
    assert hashlib.sha256(SEALED).hexdigest() == (
        "7a045d063e508dbd892e08ab3094ce97f852f0b333ef943e03e9bb66f2ffd494"
    )
