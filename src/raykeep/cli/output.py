"""What commands print. Values come from the archive, and some of them from its peers."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import IO

from raykeep.cli.failures import OutputClosed
from raykeep.cli.place import Place
from raykeep.servers.control.steps import Finished, Plain, Progress

Row = Sequence[object]


def harmless(value: object) -> str:
    """A value as text that leaves the terminal as it is: what cannot be printed is escaped."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def conclude(place: Place, finished: Finished, show: Callable[[Plain], None]) -> int:
    """Print a result, as JSON or by `show`; returns the exit code."""
    if place.as_json:
        document(finished.result)
    else:
        show(finished.result)
    return finished.exit_code


def document(result: Plain) -> None:
    """Print the one JSON document. Only ASCII, so that a terminal is not steered by it."""
    line(json.dumps(result, indent=2))


def line(text: str = "") -> None:
    """Print a line that is known to be harmless."""
    raw(f"{text}\n")


def raw(text: str) -> None:
    """Print text that ends its own lines.

    Raises:
        OutputClosed: nobody reads it any more.
    """
    _write(sys.stdout, text)


def remark(text: str) -> None:
    """Say something beside the result, on standard error."""
    _write(sys.stderr, f"{harmless(text)}\n")


def _write(stream: IO[str], text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Else the interpreter complains when it flushes the stream at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise OutputClosed from None


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values below one another; a value that is None is left out."""
    shown = [(name, harmless(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        line(f"{name:<{width}}  {value}".rstrip())


def table(headings: Sequence[str], rows: Iterable[Row], *, none: str, fold: bool = True) -> None:
    """Print rows below their headings: fitted to a terminal, else in full and aligned.

    Args:
        headings: One for each column.
        rows: Their values.
        none: What to say, on standard error, when there are no rows.
        fold: Whether a terminal gets cells of several lines rather than lines that run over.
    """
    cells = [[harmless(value) for value in row] for row in rows]
    if not cells:
        remark(none)
    elif fold and sys.stdout.isatty():
        _rich_table(headings, cells)
    else:
        widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
        for row in (headings, *cells):
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            line("  ".join(padded).rstrip())


def _rich_table(headings: Sequence[str], cells: list[list[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - takes time, and only terminals need it
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    for row in cells:
        grid.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(grid)


def moment(text: object) -> str:
    """A time of the archive's, in the zone of this machine, to the second."""
    if not isinstance(text, str):
        return ""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def day(text: object) -> str:
    """The day of a time of the archive's."""
    return moment(text)[:10]


def counted(count: int, what: str, plural: str = "") -> str:
    """A number of things for people: `1 study`, `2 studies`."""
    return f"{count} {what if count == 1 else plural or what + 's'}"


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004 - what the units say
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


@contextmanager
def progress_bar(place: Place) -> Iterator[Callable[[Progress], None]]:
    """Shows how far a command has come, on a terminal, from its first tidings on."""
    silent = place.as_json or not sys.stderr.isatty()
    with ExitStack() as stack:
        bar: Callable[[Progress], None] | None = None

        def show(progress: Progress) -> None:
            nonlocal bar
            if silent or not progress.what:
                return
            if bar is None:
                bar = _rich_bar(stack)
            bar(progress)

        yield show


def _rich_bar(stack: ExitStack) -> Callable[[Progress], None]:
    from rich.console import Console  # noqa: PLC0415 - takes time, and only terminals need it
    from rich.progress import (  # noqa: PLC0415 - the same
        BarColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415 - the same

    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    bar = stack.enter_context(Bar(*columns, console=Console(stderr=True), transient=True))
    task = bar.add_task("", total=None)
    return lambda progress: bar.update(
        task, description=f"{progress.done:,} {harmless(progress.what)}"
    )
