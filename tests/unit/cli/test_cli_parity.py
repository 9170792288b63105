"""The command line and the archive's table of commands have the same commands and parameters."""

from collections.abc import Iterator

import click
import msgspec
import pytest

from raykeep.__main__ import raykeep
from raykeep.cli.sections import Leaf
from raykeep.servers.control.table import Command
from raykeep.servers.control.tables import ALL_COMMANDS

TABLE = {command.name: command for command in ALL_COMMANDS.commands()}
HERE_ALONE = {"init", "serve", "_process", "db upgrade"}  # need an archive that is down, or none


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        place = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            yield from leaves(command, place)
        else:
            yield place, command


LEAVES = dict(leaves(raykeep))
ASKING = {name: leaf for name, leaf in LEAVES.items() if leaf.asks}


def handed_over(leaf: Leaf) -> set[str]:
    """Parameters that go to the archive."""
    return {p.name for p in leaf.params if p.expose_value} - leaf.here


def fields(command: Command) -> dict[str, bool]:
    """Parameters that the archive takes, and whether each is required."""
    return {field.name: field.required for field in msgspec.structs.fields(command.parameters)}


def test_every_command_line_knows_where_it_is_run() -> None:
    assert all(isinstance(leaf, Leaf) for leaf in LEAVES.values())
    assert {name for name, leaf in LEAVES.items() if not leaf.asks} == HERE_ALONE


def test_every_command_of_the_archive_can_be_typed() -> None:
    assert {leaf.asks for leaf in ASKING.values()} == set(TABLE)


@pytest.mark.parametrize("name", ASKING)
def test_what_can_be_typed_is_what_the_archive_takes(name) -> None:
    leaf = ASKING[name]
    taken = fields(TABLE[leaf.asks])

    assert handed_over(leaf) <= set(taken)
    assert {field for field, required in taken.items() if required} <= handed_over(leaf)


@pytest.mark.parametrize("name", TABLE)
def test_whatever_the_archive_takes_can_be_typed_somewhere(name) -> None:
    typed = set().union(*(handed_over(leaf) for leaf in ASKING.values() if leaf.asks == name))

    assert typed == set(fields(TABLE[name]))


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_and_option_says_what_it_is_for(name) -> None:
    leaf = LEAVES[name]

    assert leaf.help
    assert leaf.hidden or [p.name for p in leaf.params if not p.help] == []


@pytest.mark.parametrize("name", LEAVES)
def test_the_global_options_are_taken_behind_every_command(name) -> None:
    names = {p.name for p in LEAVES[name].params if isinstance(p, click.Option) and p.hidden}

    assert names == {"data", "config", "as_json"}
