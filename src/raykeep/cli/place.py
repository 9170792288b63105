"""Which archive is meant, and how to answer: the global options."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from raykeep.cli.failures import CommandFailed
from raykeep.config.layout import Layout
from raykeep.servers.control.statuses import WRONG_USAGE

SYSTEM_DATA = Path("/var/lib/raykeep")
VARIABLE = "RAYKEEP_DATA"


@dataclass(frozen=True, slots=True)
class Place:
    """One archive, seen from the command line.

    Attributes:
        data: Its data directory, absolute.
        config: Its settings file, absolute; it need not be there unless it was named.
        as_json: Answer with one JSON document on standard output and nothing else.
    """

    data: Path
    config: Path
    as_json: bool

    @property
    def layout(self) -> Layout:
        """The paths of the data directory."""
        return Layout(self.data)

    @property
    def command(self) -> str:
        """How to call `raykeep` for this archive, for messages."""
        usual = default_data(os.environ, is_root=os.geteuid() == 0)
        return "raykeep" if self.data == usual else f"raykeep --data {self.data}"


@dataclass(slots=True)
class Given:
    """What the global options said, before the command or behind it."""

    data: Path | None = None
    config: Path | None = None
    as_json: bool = False

    def place(self) -> Place:
        """The archive that is meant.

        Raises:
            CommandFailed: the settings file that was named is not there.
        """
        data = self.data or default_data(os.environ, is_root=os.geteuid() == 0)
        config = self.config or data / "raykeep.toml"
        if self.config is not None and not config.is_file():
            msg = f"there is no settings file {config}. Name another with --config"
            raise CommandFailed(msg, WRONG_USAGE)
        return Place(absolute(data), absolute(config), self.as_json)


def default_data(environ: Mapping[str, str], *, is_root: bool) -> Path:
    """The data directory where none is named.

    Raises:
        CommandFailed: there is no home directory.
    """
    if named := environ.get(VARIABLE, ""):
        return absolute(Path(named))
    if is_root:
        return SYSTEM_DATA
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        msg = f"there is no home directory for the data. Name one with --data or ${VARIABLE}"
        raise CommandFailed(msg, WRONG_USAGE)
    return Path(home, ".local", "share", "raykeep")


def absolute(path: Path) -> Path:
    """The same place from wherever it is looked at; links are left as they are."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - Path.absolute() keeps ".."


P = ParamSpec("P")
R = TypeVar("R")


def pass_place(function: Callable[Concatenate[Place, P], R]) -> Callable[P, R]:
    """Give a command the `Place` that the global options name, as its first argument."""

    def with_place(*args: P.args, **kwargs: P.kwargs) -> R:
        given = click.get_current_context().find_object(Given) or Given()
        return function(given.place(), *args, **kwargs)

    return update_wrapper(with_place, function)


def global_options(*, hidden: bool) -> list[click.Option]:
    """`--data`, `--config`, `--json`: shown at the root, and taken behind any command, too."""
    folder = click.Path(file_okay=False, path_type=Path)
    file = click.Path(dir_okay=False, path_type=Path)

    def note(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ANN401
        given = context.find_root().ensure_object(Given)
        if value and parameter.name is not None:
            setattr(given, parameter.name, value)

    return [
        click.Option(
            ["--data", "data"],
            type=folder,
            metavar="DIR",
            callback=note,
            expose_value=False,
            hidden=hidden,
            help=f"Data directory. Default: ${VARIABLE}, else {SYSTEM_DATA} for root and "
            "~/.local/share/raykeep otherwise.",
        ),
        click.Option(
            ["--config", "config"],
            type=file,
            metavar="FILE",
            callback=note,
            expose_value=False,
            hidden=hidden,
            help="Settings file. Default: raykeep.toml in the data directory.",
        ),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            callback=note,
            expose_value=False,
            hidden=hidden,
            help="Answer with one JSON document on standard output and nothing else.",
        ),
    ]
