"""Typed commands to bytes and back (PS3.7 section 6.3 and annex E)."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Final, NamedTuple

from raykeep.domain.errors import InvalidInput, ProtocolError
from raykeep.wire.dimse.commands import COMMANDS, Command, Presence
from raykeep.wire.dimse.elements import (
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    DATA_SET,
    ELEMENTS,
    NO_DATA_SET,
    Element,
    Value,
    read_elements,
    read_number,
    read_value,
    write_elements,
    write_value,
)


class _Field(NamedTuple):
    name: str
    element: Element
    is_mandatory: bool


def _fields_of(command: type[Command]) -> tuple[_Field, ...]:
    found = [
        _Field(one.name, ELEMENTS[one.name], one.default is MISSING)
        for one in fields(command)
        if one.name != "has_data_set"
    ]
    return tuple(sorted(found, key=lambda one: one.element.number))


# Looked up once, at import: a command is decoded for every object that is stored.
_FIELDS: Final = {command: _fields_of(command) for command in COMMANDS.values()}


def encode(command: Command) -> bytes:
    """Encode a command set, Command Group Length and all.

    Raises:
        ProtocolError: a number does not fit its element.
    """
    present = DATA_SET if command.has_data_set else NO_DATA_SET
    values = [
        (COMMAND_FIELD.number, write_value(COMMAND_FIELD.vr, command.command_field)),
        (COMMAND_DATA_SET_TYPE.number, write_value(COMMAND_DATA_SET_TYPE.vr, present)),
    ]
    for name, element, _ in _FIELDS[type(command)]:
        value = getattr(command, name)
        if value is not None and value not in ("", ()):
            values.append((element.number, write_value(element.vr, value)))
    return write_elements(sorted(values))


def decode(raw: bytes) -> Command:
    """Decode a whole command set.

    Raises:
        ProtocolError: the bytes are no command set; the association is to be
            aborted.
        InvalidInput: a command set that is unknown, lacks a mandatory element
            or holds a value that its VR forbids; it can be answered.
    """
    return typed(read_elements(raw))


def typed(values: dict[int, bytes]) -> Command:
    """Make the typed command of elements already taken apart; raises as `decode` does."""
    command_field, has_data_set = head_of(values)
    command = COMMANDS.get(command_field)
    if command is None:
        raise InvalidInput(f"Command Field {command_field:04X}H is not a known operation")
    expected = command.data_set
    if expected is not Presence.OPTIONAL and has_data_set is not (expected is Presence.REQUIRED):
        raise ProtocolError(f"a data set is {expected.value} with {command.__name__}")
    arguments: dict[str, Value | bool] = {"has_data_set": has_data_set}
    for name, element, is_mandatory in _FIELDS[command]:
        value = values.get(element.number)
        # An empty value says nothing, as an absent one does.
        if value:
            arguments[name] = read_value(element, value)
        elif is_mandatory:
            raise InvalidInput(f"{command.__name__} lacks {element} {name}")
    make: Callable[..., Command] = command
    return make(**arguments)


def head_of(values: dict[int, bytes]) -> tuple[int, bool]:
    """Command Field, and whether a data set follows.

    Raises:
        ProtocolError: one of the two is missing.
    """
    numbers = []
    for element in (COMMAND_FIELD, COMMAND_DATA_SET_TYPE):
        if element.number not in values:
            raise ProtocolError(f"a command set lacks {element}")
        numbers.append(read_number(element, values[element.number]))
    return numbers[0], numbers[1] != NO_DATA_SET
