"""A command runs with parameters that fit it, and with no others."""

import pytest

from raykeep.domain.errors import InvalidInput
from raykeep.servers.control.context import local_operator
from raykeep.servers.control.steps import Finished
from raykeep.servers.control.table import CommandTable
from raykeep.servers.control.tables import ALL_COMMANDS
from tests.fakes.control import Seen, small_context, small_table

ANN = local_operator("ann")


def run(name, given) -> list:
    seen = Seen()
    return list(small_table(seen).run(small_context(seen), ANN, name, given))


def test_a_command_ends_with_its_result() -> None:
    assert run("echo", {"text": "a"}) == [Finished({"text": "a"}, 0)]
    assert run("wrong", {}) == [Finished({"found": "something"}, 1)]


@pytest.mark.parametrize(
    ("name", "given", "what"),
    [
        ("echo", {}, "echo: object missing required field `text`"),
        ("echo", {"text": 3}, "echo text: expected `str`, got `int`"),
        ("echo", {"text": "a", "user": "root"}, "unknown field `user`"),
        ("nothing", {}, "knows no command 'nothing'"),
        ("echo\x1b[2J", {}, r"knows no command 'echo\\x1b\[2J'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_done(name, given, what) -> None:
    with pytest.raises(InvalidInput, match=what):
        run(name, given)


def test_two_commands_of_one_name_are_a_mistake() -> None:
    table = CommandTable()
    table.include(ALL_COMMANDS)

    with pytest.raises(ValueError, match="two commands"):
        table.include(ALL_COMMANDS)


def test_the_operator_acts_everywhere_and_by_name() -> None:
    assert ANN.name == "ann"
    assert ANN.all_facilities
