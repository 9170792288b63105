"""The commands by name: each takes plain parameters and ends with a plain result."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from raykeep.domain.access import Actor
from raykeep.domain.errors import InvalidInput
from raykeep.servers.control.context import Context, Finished, Plain, Steps

Handler = Callable[[Context, Actor, Any], Steps]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every command's parameters."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the table."""

    name: str
    parameters: type[Parameters]
    handler: Handler


class CommandTable:
    """Commands by name. Each module of commands has one and fills it by decoration."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def command(self, name: str, parameters: type[Parameters]) -> Callable[[Handler], Handler]:
        """Enter a handler that yields `Progress` and ends with `Finished`."""

        def enter(handler: Handler) -> Handler:
            self._commands[name] = Command(name, parameters, handler)
            return handler

        return enter

    def answer(
        self, name: str, parameters: type[Parameters]
    ) -> Callable[
        [Callable[[Context, Actor, Any], Plain | Finished]],
        Callable[[Context, Actor, Any], Plain | Finished],
    ]:
        """Enter a handler that is done at once and returns its result."""

        def enter(
            handler: Callable[[Context, Actor, Any], Plain | Finished],
        ) -> Callable[[Context, Actor, Any], Plain | Finished]:
            def steps(context: Context, actor: Actor, given: Any) -> Steps:  # noqa: ANN401
                result = handler(context, actor, given)
                yield result if isinstance(result, Finished) else Finished(result)

            self._commands[name] = Command(name, parameters, steps)
            return handler

        return enter

    def include(self, other: "CommandTable") -> None:
        """Take in the commands of another table."""
        self._commands.update(other._commands)  # noqa: SLF001 - its own kind

    def names(self) -> list[str]:
        """All names."""
        return sorted(self._commands)

    def run(self, context: Context, actor: Actor, name: str, given: Plain) -> Iterator[Any]:
        """Run a command.

        Raises:
            InvalidInput: there is no such command, or the parameters do not fit it.
            ArchiveError: whatever the command raises.
        """
        command = self._commands.get(name)
        if command is None:
            msg = f"this release knows no command '{name}'. Client and archive differ: upgrade one"
            raise InvalidInput(msg)
        try:
            parameters = msgspec.convert(given, command.parameters)
        except msgspec.ValidationError as error:
            msg = f"command '{name}': {error}"
            raise InvalidInput(msg) from error
        return command.handler(context, actor, parameters)
