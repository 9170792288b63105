"""What a command yields on its way. Few imports: the command line has these words, too."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

Plain = dict[str, Any]
"""What JSON can hold."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long command has come."""

    done: int
    what: str


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of a file that the command line writes for the operator, as that user.

    Attributes:
        name: Plain file name, within the folder that the operator named.
        text: What to append.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a command.

    Attributes:
        result: For `--json`, and for the command line to print.
        exit_code: 0 done, 1 done and it found something wrong.
    """

    result: Plain
    exit_code: int = 0


Steps = Generator[Progress | Output | Finished, None, None]
"""How a command goes: closing it ends the command."""
