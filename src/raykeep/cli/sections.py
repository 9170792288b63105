"""The kinds of command that there are."""

from typing import Any

import click

from raykeep.cli.place import global_options


class Leaf(click.Command):
    """A command that does something.

    Attributes:
        asks: Name of the command of the archive's table that it runs, if it runs one.
        here: Its parameters that are the command line's own business; all others go there.
    """

    def __init__(
        self,
        name: str | None,
        *,
        asks: str | None = None,
        here: tuple[str, ...] = (),
        **rest: Any,  # noqa: ANN401 - handed on to click as it is
    ) -> None:
        super().__init__(name, **rest)
        self.asks = asks
        self.here = frozenset(here)
        self.params.extend(global_options(hidden=True))


class Section(click.Group):
    """Commands that belong together."""

    command_class = Leaf
