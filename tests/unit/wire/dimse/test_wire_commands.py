"""Command sets as typed values (PS3.7 sections 9.3 and 10.3)."""

import contextlib
import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import InvalidInput, InvalidUID, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.dimse import commands
from raykeep.wire.dimse.codec import decode, encode
from raykeep.wire.dimse.commands import (
    COMMANDS,
    RESPONSE,
    CCancelRQ,
    CEchoRQ,
    CEchoRSP,
    CFindRSP,
    CMoveRSP,
    CStoreRQ,
    CStoreRSP,
    NGetRQ,
    Request,
    Response,
)
from raykeep.wire.dimse.elements import read_elements, write_elements
from tests.unit.wire.dimse.commands import any_command

STORE = CStoreRQ(
    message_id=7,
    affected_sop_class_uid=UID("1.2.840.10008.5.1.4.1.1.2"),
    affected_sop_instance_uid=UID("1.2.3"),
)


def changed(command, **elements):
    """The bytes of a command with elements (by number in hex) changed, or left out for None."""
    values = read_elements(encode(command))
    for number, value in elements.items():
        values[int(number[1:], 16)] = value
    return write_elements(sorted((n, v) for n, v in values.items() if v is not None))


@given(any_command)
def test_every_command_survives_the_wire(command):
    assert decode(encode(command)) == command


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_a_domain_error(raw):
    with pytest.raises(InvalidInput):
        decode(raw)


@given(any_command, st.data())
def test_a_command_with_one_byte_changed_decodes_or_raises_a_domain_error(command, data):
    raw = bytearray(encode(command))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(InvalidInput):
        decode(bytes(raw))


@given(any_command, st.data())
def test_a_command_cut_short_is_a_protocol_error(command, data):
    raw = encode(command)

    with pytest.raises(ProtocolError):
        decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(any_command)
def test_each_mandatory_element_is_missed(command):
    names = [
        field.name for field in dataclasses.fields(command) if field.default is dataclasses.MISSING
    ]
    numbers_by_name = commands_elements()
    for name in names:
        with pytest.raises(InvalidInput, match=name):
            decode(changed(command, **{f"x{numbers_by_name[name]:04x}": None}))


def commands_elements():
    from raykeep.wire.dimse.elements import ELEMENTS

    return {name: element.number for name, element in ELEMENTS.items()}


def test_requests_and_responses_come_in_pairs():
    requests = {field for field in COMMANDS if not field & RESPONSE}
    responses = {field ^ RESPONSE for field in COMMANDS if field & RESPONSE}

    assert requests - responses == {CCancelRQ.command_field}
    assert responses < requests
    for field, command in COMMANDS.items():
        if command is not CCancelRQ:
            assert issubclass(command, Response if field & RESPONSE else Request)


def test_every_command_of_the_page_is_in_the_table():
    named = {one for name, one in vars(commands).items() if name.endswith(("RQ", "RSP"))}

    assert named == set(COMMANDS.values())


@pytest.mark.parametrize("missing", ["x0100", "x0800"])
def test_without_its_two_head_elements_it_is_no_command(missing):
    with pytest.raises(ProtocolError):
        decode(changed(STORE, **{missing: None}))


def test_an_unknown_operation_can_be_answered():
    with pytest.raises(InvalidInput, match="0999H") as refused:
        decode(changed(STORE, x0100=b"\x99\x09"))

    assert not isinstance(refused.value, ProtocolError)


def test_a_bad_uid_can_be_answered():
    with pytest.raises(InvalidUID):
        decode(changed(STORE, x1000=b"1.02"))


def test_an_empty_value_is_an_absent_one():
    assert decode(changed(STORE, x1030=b"", x1031=b"")) == STORE
    with pytest.raises(InvalidInput, match="lacks"):
        decode(changed(STORE, x1000=b""))


@pytest.mark.parametrize("present", [0, 1, 0x0102, 0xFFFF])
def test_any_data_set_type_but_0101_means_a_data_set(present):
    assert decode(changed(STORE, x0800=struct.pack("<H", present))) == STORE


def test_a_data_set_that_the_command_forbids_or_lacks_is_a_protocol_error():
    echo = CEchoRQ(message_id=1, affected_sop_class_uid=UID("1.2.840.10008.1.1"))
    with pytest.raises(ProtocolError, match="required"):
        decode(changed(STORE, x0800=b"\x01\x01"))
    with pytest.raises(ProtocolError, match="forbidden"):
        decode(changed(echo, x0800=b"\x00\x00"))


def test_elements_that_nobody_asked_for_are_passed_over():
    assert decode(changed(STORE, x0001=bytes(4), x5110=b"ab")) == STORE


def test_error_comments_are_cut_and_made_plain():
    answer = CStoreRSP(
        message_id_being_responded_to=1, status=0xA700, error_comment="é\n" + "x" * 100
    )

    assert decode(encode(answer)).error_comment == "??" + "x" * 62


def test_zero_counts_are_sent_and_absent_ones_are_not():
    answer = CMoveRSP(
        message_id_being_responded_to=1, status=0xFF00, number_of_completed_suboperations=0
    )

    values = read_elements(encode(answer))

    assert values[0x1021] == b"\0\0"
    assert 0x1020 not in values


def test_numbers_must_fit():
    with pytest.raises(ProtocolError):
        encode(CEchoRSP(message_id_being_responded_to=70_000, status=0))


def test_tags_keep_their_group_and_element():
    asked = NGetRQ(
        message_id=1,
        requested_sop_class_uid=UID("1.2"),
        requested_sop_instance_uid=UID("1.3"),
        attribute_identifier_list=(0x00100010, 0x7FE00010),
    )

    assert read_elements(encode(asked))[0x1005] == b"\x10\0\x10\0\xe0\x7f\x10\0"
    assert decode(encode(asked)) == asked


def test_a_pending_answer_may_have_an_identifier():
    pending = CFindRSP(message_id_being_responded_to=1, status=0xFF00, has_data_set=True)

    assert decode(encode(pending)).has_data_set
