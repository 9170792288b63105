"""Strategies for commands of every kind."""

import dataclasses

from hypothesis import strategies as st

from raykeep.domain.ae_title import AETitle
from raykeep.domain.uids import UID
from raykeep.wire.dimse.commands import COMMANDS, Presence
from tests.unit.wire.associations import numbers, titles, uids

FIELD_VALUES = {
    UID: uids,
    AETitle: titles,
    int: numbers,
    str: st.from_regex(r"[A-Za-z0-9.]{0,64}", fullmatch=True),
    tuple[int, ...]: st.lists(st.integers(0, 0xFFFFFFFF), max_size=4).map(tuple),
}


def values_for(field):
    for kind, strategy in FIELD_VALUES.items():
        if field.type in (kind, kind | None):
            return st.none() | strategy if field.type == kind | None else strategy
    raise AssertionError(field)


def any_of(command):
    presence = {
        Presence.REQUIRED: st.just(value=True),
        Presence.FORBIDDEN: st.just(value=False),
        Presence.OPTIONAL: st.booleans(),
    }
    fields = {
        field.name: presence[command.data_set]
        if field.name == "has_data_set"
        else values_for(field)
        for field in dataclasses.fields(command)
    }
    return st.builds(command, **fields)


any_command = st.sampled_from(sorted(COMMANDS)).flatmap(lambda field: any_of(COMMANDS[field]))
