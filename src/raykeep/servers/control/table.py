"""The commands by name: each takes plain parameters and ends with a plain result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from raykeep.domain.access import Actor
from raykeep.domain.errors import InvalidInput, shown
from raykeep.servers.control.context import Context
from raykeep.servers.control.steps import Finished, Plain, Steps


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every command's parameters."""


class Nothing(Parameters, frozen=True):
    """No parameters."""


P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the table.

    Attributes:
        name: For example `device.enroll`.
        parameters: What it takes.
        start: Begins it with plain parameters.
    """

    name: str
    parameters: type[Parameters]
    start: Callable[[Context, Actor, Plain], Steps]


class CommandTable:
    """Commands by name. Each module of commands has one and fills it by decoration."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def command(
        self, name: str, parameters: type[P]
    ) -> Callable[[Callable[[Context, Actor, P], Steps]], Callable[[Context, Actor, P], Steps]]:
        """Enter a handler that yields `Progress` and `Output` and ends with `Finished`."""

        def enter(
            handler: Callable[[Context, Actor, P], Steps],
        ) -> Callable[[Context, Actor, P], Steps]:
            def start(context: Context, actor: Actor, given: Plain) -> Steps:
                return handler(context, actor, _fitted(name, given, parameters))

            self._enter(Command(name, parameters, start))
            return handler

        return enter

    def answer(
        self, name: str, parameters: type[P]
    ) -> Callable[
        [Callable[[Context, Actor, P], Plain | Finished]],
        Callable[[Context, Actor, P], Plain | Finished],
    ]:
        """Enter a handler that is done at once and returns its result."""

        def enter(
            handler: Callable[[Context, Actor, P], Plain | Finished],
        ) -> Callable[[Context, Actor, P], Plain | Finished]:
            def steps(context: Context, actor: Actor, given: P) -> Steps:
                result = handler(context, actor, given)
                yield result if isinstance(result, Finished) else Finished(result)

            def start(context: Context, actor: Actor, given: Plain) -> Steps:
                return steps(context, actor, _fitted(name, given, parameters))

            self._enter(Command(name, parameters, start))
            return handler

        return enter

    def include(self, other: "CommandTable") -> None:
        """Take in the commands of another table."""
        for command in other.commands():
            self._enter(command)

    def commands(self) -> list[Command]:
        """All commands, by name."""
        return [self._commands[name] for name in sorted(self._commands)]

    def run(self, context: Context, actor: Actor, name: str, given: Plain) -> Steps:
        """Begin a command; what it yields last is `Finished`.

        Raises:
            InvalidInput: there is no such command, or the parameters do not fit it.
            ArchiveError: whatever the command raises, from this call or while it is iterated.
        """
        command = self._commands.get(name)
        if command is None:
            msg = (
                f"this archive knows no command {shown(name)}: it is of another release than the "
                "command line. Use the same release for both"
            )
            raise InvalidInput(msg)
        return command.start(context, actor, given)

    def _enter(self, command: Command) -> None:
        if command.name in self._commands:
            msg = f"two commands are named {command.name}"
            raise ValueError(msg)
        self._commands[command.name] = command


def _fitted(name: str, given: Plain, parameters: type[P]) -> P:
    try:
        return msgspec.convert(given, parameters)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        place = f"{name} {where.removesuffix('`').replace('_', '-')}".rstrip()
        msg = f"{place}: {what[:1].lower()}{what[1:]}. See `raykeep {_words(name)} --help`"
        raise InvalidInput(msg) from error


def _words(name: str) -> str:
    return name.replace(".", " ")
