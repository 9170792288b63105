"""Counters of all processes in one place: each writes its own file, the worker reads them all."""

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from raykeep.supervisor import write_whole

MAX_FILE = 65_536  # bytes that are read of one process's counters


def write_counters(folder: Path, process: str, counters: Mapping[str, int | float]) -> None:
    """Write the counters of this process; a failure costs numbers, nothing else."""
    with contextlib.suppress(OSError):
        write_whole(folder / f"{process}.json", json.dumps(dict(counters)))


def counters_of(folder: Path, role: str) -> Callable[[], dict[str, int | float]]:
    """Gives the counters of all processes of a role, added up."""

    def read() -> dict[str, int | float]:
        total: dict[str, int | float] = {}
        for path in folder.glob(f"{role}-*.json"):
            with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
                for name, value in json.loads(path.read_text()[:MAX_FILE]).items():
                    total[name] = total.get(name, 0) + value
        return total

    return read
