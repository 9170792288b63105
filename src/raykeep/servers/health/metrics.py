"""The Prometheus text format, as far as plain numbers need it (exposition format 0.0.4)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[a-z][a-z0-9_]*")

Snapshot = Callable[[], Mapping[str, int | float]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where numbers come from.

    Attributes:
        prefix: Of their names: `raykeep_web` makes `raykeep_web_requests_total`.
        snapshot: Gives the numbers by name; called for each scrape, on a thread.
        counters: Those names that only ever rise; the others are gauges.
        about: What they are about, in a few words.
    """

    prefix: str
    snapshot: Snapshot
    counters: frozenset[str] = frozenset()
    about: str = ""


def exposition(sources: tuple[Source, ...]) -> bytes:
    """Every number of every source.

    Labels are never written: a label is where a patient's or a user's name would get in.

    Raises:
        ValueError: a name is not one of Prometheus', which is a mistake of ours.
    """
    lines: list[str] = []
    for source in sources:
        for name, value in sorted(source.snapshot().items()):
            rises = name in source.counters
            full = f"{source.prefix}_{name}{'_total' if rises else ''}"
            if _NAME.fullmatch(full) is None:
                msg = f"{full} is not a name of a metric"
                raise ValueError(msg)
            words = f"{source.about} {name.replace('_', ' ')}".strip()
            lines.append(f"# HELP {full} {words}.")
            lines.append(f"# TYPE {full} {'counter' if rises else 'gauge'}")
            lines.append(f"{full} {value}")
    return ("\n".join(lines) + "\n").encode("ascii")
