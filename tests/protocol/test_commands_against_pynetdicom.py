"""Command sets as pydicom and pynetdicom, written independently, understand them."""

import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pynetdicom import dimse_messages
from pynetdicom.dsutils import decode as pydicom_decode
from pynetdicom.dsutils import encode as pydicom_encode

from raykeep.wire.dimse.codec import decode, encode
from raykeep.wire.dimse.commands import COMMANDS
from raykeep.wire.dimse.elements import ELEMENTS
from tests.unit.wire.dimse.commands import any_command

KEYWORDS = {
    name: "".join(part.capitalize() for part in name.split("_"))
    .replace("Sop", "SOP")
    .replace("Uid", "UID")
    .replace("Id", "ID")
    .replace("IDentifier", "Identifier")
    for name in ELEMENTS
}
NAMES = {
    command: (command.__name__[0] + "_" + command.__name__[1:-2]) for command in COMMANDS.values()
}


def their_name(command):
    """CFindRQ is C_FIND_RQ, NEventReportRSP is N_EVENT_REPORT_RSP."""
    name = command.__name__
    suffix = "RSP" if name.endswith("RSP") else "RQ"
    middle = name[1 : -len(suffix)]
    words = "".join("_" + char if char.isupper() else char.upper() for char in middle)
    return f"{name[0]}{words}_{suffix}"


def test_elements_carry_the_numbers_and_vrs_of_the_dictionary():
    for name, element in ELEMENTS.items():
        tag = tag_for_keyword(KEYWORDS[name])
        assert tag == element.number, name
        assert dictionary_VR(tag) == element.vr.value


@pytest.mark.parametrize("field", sorted(COMMANDS), ids=lambda field: COMMANDS[field].__name__)
def test_command_fields_and_their_elements_are_theirs(field):
    command = COMMANDS[field]
    theirs = getattr(dimse_messages, their_name(command))()
    assert dimse_messages._MESSAGE_TYPES[field][1] is type(theirs)
    expected = {element.keyword for element in theirs.command_set}
    ours = {KEYWORDS[one.name] for one in dataclasses.fields(command) if one.name in ELEMENTS}

    missing = expected - ours - {"CommandGroupLength", "CommandField", "CommandDataSetType"}
    assert missing == set()


@given(any_command)
def test_what_we_write_pydicom_reads_and_writes_back_byte_for_byte(command):
    raw = encode(command)

    read = pydicom_decode(io.BytesIO(raw), is_implicit_vr=True, is_little_endian=True)

    assert read.CommandField == command.command_field
    assert (read.CommandDataSetType != 0x0101) == command.has_data_set
    assert pydicom_encode(read, is_implicit_vr=True, is_little_endian=True) == raw


@given(any_command)
def test_what_we_write_says_the_same_to_pydicom(command):
    read = pydicom_decode(io.BytesIO(encode(command)), is_implicit_vr=True, is_little_endian=True)

    for one in dataclasses.fields(command):
        if one.name not in ELEMENTS:
            continue
        value = getattr(command, one.name)
        theirs = getattr(read, KEYWORDS[one.name], None)
        if value is None or value in ("", ()):
            assert theirs is None
        elif isinstance(value, tuple):
            assert (list(theirs) if len(value) > 1 else [theirs]) == list(value)
        else:
            assert str(theirs) == str(value)


@given(any_command, st.booleans())
def test_pdus_of_a_message_of_theirs_are_read(command, has_empty):
    values = pydicom_decode(io.BytesIO(encode(command)), is_implicit_vr=True, is_little_endian=True)
    if has_empty and command.command_field == 1:
        # They send these two empty when there is nothing to say.
        for keyword in ("MoveOriginatorApplicationEntityTitle", "MoveOriginatorMessageID"):
            if keyword not in values:
                setattr(values, keyword, None)
    del values.CommandGroupLength
    values.CommandGroupLength = len(
        pydicom_encode(values, is_implicit_vr=True, is_little_endian=True)
    )

    raw = pydicom_encode(values, is_implicit_vr=True, is_little_endian=True)

    assert decode(raw) == command
