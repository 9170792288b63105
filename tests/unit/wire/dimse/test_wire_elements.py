"""Elements of command sets (PS3.7 section 6.3.1)."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidAETitle, InvalidInput, InvalidUID, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.dimse.elements import (
    VR,
    Element,
    plain,
    read_elements,
    read_value,
    write_elements,
    write_value,
)
from tests.unit.wire.associations import numbers, titles, uids

values = st.one_of(
    st.tuples(st.just(VR.US), numbers),
    st.tuples(st.just(VR.UI), uids),
    st.tuples(st.just(VR.AE), titles),
    st.tuples(st.just(VR.AT), st.lists(st.integers(0, 0xFFFFFFFF), max_size=5).map(tuple)),
    st.tuples(st.just(VR.LO), st.from_regex(r"[A-Za-z0-9?]{0,64}", fullmatch=True)),
)
even = st.binary(max_size=20).map(lambda raw: raw[: len(raw) & ~1])


def element(group, number, value):
    return struct.pack("<HHI", group, number, len(value)) + value


def command_set(*elements, length=None):
    body = b"".join(elements)
    total = len(body) if length is None else length
    return element(0, 0, struct.pack("<I", total)) + body


@given(values)
def test_values_survive_the_wire_at_even_length(pair):
    vr, value = pair

    raw = write_value(vr, value)

    assert len(raw) % 2 == 0
    assert read_value(Element(0x0100, vr), raw) == value


@given(st.dictionaries(st.integers(1, 0xFFFF), even, max_size=8))
def test_elements_survive_the_wire_in_their_order(found):
    assert read_elements(write_elements(sorted(found.items()))) == found


@given(st.binary(max_size=200))
def test_any_bytes_are_elements_or_a_protocol_error(raw):
    with contextlib.suppress(ProtocolError):
        read_elements(raw)


@given(st.sampled_from(VR), st.binary(max_size=80))
def test_any_bytes_are_a_value_or_a_domain_error(vr, raw):
    with contextlib.suppress(InvalidInput):
        read_value(Element(0x0100, vr), raw)


A = element(0, 0x0002, b"1.2\0")
B = element(0, 0x0100, b"\1\0")


@pytest.mark.parametrize(
    "raw",
    [
        b"",  # no group length
        A + B,
        command_set(A, B, length=4),
        command_set(A, B, length=0xFFFFFFFF),
        element(0, 0, b"\0\0") + A,
        command_set(B, A),  # order
        command_set(A, A),  # twice
        command_set(element(0x0008, 0x0018, b"1.2\0")),  # another group
        command_set(element(0, 0x0002, b"1.2")),  # odd
        command_set(A, B)[:-1],
        command_set(A, B[:5]),
        command_set(struct.pack("<HHI", 0, 2, 0xFFFFFFFF)),
        command_set(struct.pack("<HHI", 0, 2, 0xFFFFFFFE) + b"1.2\0"),
    ],
)
def test_what_is_no_command_set_is_a_protocol_error(raw):
    with pytest.raises(ProtocolError):
        read_elements(raw)


def test_values_that_break_their_vr_are_told_apart():
    with pytest.raises(InvalidUID):
        read_value(Element(2, VR.UI), b"1.02")
    with pytest.raises(InvalidAETitle):
        read_value(Element(2, VR.AE), b"    ")
    with pytest.raises(ProtocolError):
        read_value(Element(2, VR.US), b"\1")
    with pytest.raises(ProtocolError):
        read_value(Element(2, VR.AT), b"\1\2")


def test_padding_is_what_the_vr_wants():
    assert write_value(VR.UI, UID("1.2")) == b"1.2\0"
    assert write_value(VR.AE, AETitle("ABC")) == b"ABC "
    assert write_value(VR.LO, "abc") == b"abc "
    assert read_value(Element(2, VR.AE), b" ABC  ") == AETitle("ABC")


@pytest.mark.parametrize("number", [-1, 0x10000])
def test_a_number_that_does_not_fit_is_refused(number):
    with pytest.raises(ProtocolError):
        write_value(VR.US, number)


@given(st.text(max_size=200))
def test_a_comment_is_short_and_plain(text):
    made = plain(text)

    assert len(made) <= 64
    assert all(" " <= char <= "~" and char != "\\" for char in made)
    assert plain(made) == made


def test_an_element_is_shown_as_the_standard_writes_it():
    assert str(Element(0x1000, VR.UI)) == "(0000,1000)"
