"""What a run does: which rows, how much of each, and where."""

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.goals import NEWER, NEWER_TARGETS, RECORDED, TARGETS
from benchmarks.orthanc import Secured
from benchmarks.processes import forget_peaks, usage
from benchmarks.table import Line, Reading, Readings

RAYKEEP: Final = "Raykeep"
ORTHANC: Final = "Orthanc"
STORESCP: Final = "DCMTK storescp"

# Work that a server puts off (chaining the trail, say) belongs to what it costs.
_SETTLE: Final = 1.2  # seconds
_LONG_ENOUGH: Final = 10.0  # seconds of calls one after the other
_ENOUGH: Final = 20  # calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is done in a run.

    Attributes:
        ct: CT of P1, P3 and P10.
        ct_nagle: CT that a peer is sent in P2, where each takes it 50 ms.
        small: Objects of P4.
        queries: Of each kind in P6, one after the other.
        lists: Searches of P7, one after the other.
        retrievals: Of each kind in P10, one after the other.
        requests: Of 20 instances in P13.
        wrk_seconds: Of each run of wrk.
    """

    ct: int = 500
    ct_nagle: int = 60
    small: int = 2_000
    queries: int = 200
    lists: int = 30
    retrievals: int = 200
    requests: int = 10
    wrk_seconds: float = 5.0


QUICK: Final = Sizes(
    ct=40, ct_nagle=10, small=80, queries=20, lists=5, retrievals=20, requests=2, wrk_seconds=1.0
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the benchmarks.

    Attributes:
        rows: Rows that are wanted, e.g. `P1`.
        studies: In the large archive.
        runs: Of each side; medians are told.
        sizes: How much of each.
        folder: Temporary.
        cache: Where loaded archives stay.
        secured: Certificates of the peers.
        peers: Whether peers are measured.
        peer_version: Orthanc's.
    """

    rows: frozenset[str]
    studies: int
    runs: int
    sizes: Sizes
    folder: Path
    cache: Path
    secured: Secured
    peers: bool
    peer_version: str
    _batches: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    @property
    def orthanc_name(self) -> str:
        """How Orthanc is called in the table."""
        return f"{ORTHANC} {self.peer_version}"

    def wants(self, *rows: str) -> bool:
        """Whether one of these rows is wanted."""
        return bool(self.rows.intersection(rows))

    def new_batch(self) -> int:
        """A batch of objects that no server of this run has seen."""
        return next(self._batches)

    def new_folder(self, name: str) -> Path:
        """A path below the temporary folder where nothing is yet."""
        return self.folder / f"{name}-{self.new_batch()}"

    def alternate(self, what: str, sides: Mapping[str, Callable[[int], Reading]]) -> Readings:
        """Measure the sides in turns: A B A B.

        Args:
            what: Told while it runs.
            sides: Each measures one run, whose number from 0 it is given.
        """
        readings = Readings()
        for run in range(self.runs):
            for side, measure in sides.items():
                tell(f"{what}: {side}, run {run + 1} of {self.runs}")
                os.sync()  # what one side left to be written is not the other's to wait for
                readings.add(side, measure(run))
        return readings

    def sides(
        self, ours: Callable[[int], Reading], **others: Callable[[int], Reading]
    ) -> dict[str, Callable[[int], Reading]]:
        """Ours last, behind the peers when they are wanted."""
        names = {"orthanc": ORTHANC, "storescp": STORESCP}
        peers = {names[key]: measure for key, measure in others.items()} if self.peers else {}
        return {**peers, RAYKEEP: ours}

    def lines(
        self,
        readings: Readings,
        metric: str,
        *,
        row: str,
        what: str,
        unit: str,
        target: str = "",
        recorded: str = "",
        lower_is_better: bool = False,
        peer: str = ORTHANC,
    ) -> list[Line]:
        """The lines of one number: against the peer, and against its newer release.

        Args:
            readings: Of both sides.
            metric: Which number of a reading.
            row: Row of goals.
            what: What was done.
            unit: Of the number.
            target: Key of `goals.TARGETS`; empty for none.
            recorded: Key of `goals.RECORDED`; empty for none.
            lower_is_better: Times and costs.
            peer: Side that is compared with.
        """
        peers = readings.values(peer, metric)
        line = Line(
            row=row,
            what=what,
            unit=unit,
            ours=readings.values(RAYKEEP, metric),
            peer=(self.orthanc_name if peer == ORTHANC else peer) if peers else "",
            peers=peers,
            target=TARGETS[target] if target else None,
            lower_is_better=lower_is_better,
        )
        advantage = RECORDED.get(self.studies, {}).get(recorded)
        if advantage is None or not peers:
            return [line]
        return [line, line.against_newer(NEWER, advantage, NEWER_TARGETS.get(target))]


def tell(text: str) -> None:
    """Say on standard error what is going on."""
    print(f"  {text}", file=sys.stderr, flush=True)


@contextmanager
def costing(pid: int, count: int, reading: dict[str, float]) -> Iterator[None]:
    """Note what the block cost a server: CPU an object, and its peak of memory.

    Args:
        pid: The server's first process.
        count: Objects that it gets.
        reading: Gets `cpu_ms` and `peak_mb`.
    """
    forget_peaks(pid)
    before = usage(pid)
    yield
    time.sleep(_SETTLE)
    after = usage(pid)
    reading["cpu_ms"] = (after.cpu_ms - before.cpu_ms) / count
    reading["peak_mb"] = after.peak_mb


def p50_ms(calls: Iterable[Callable[[], object]]) -> float:
    """The median time of calls one after the other, in milliseconds.

    A slow server is not asked all of them: after some seconds its median is known.
    """
    spent: list[float] = []
    before = time.perf_counter()
    stop = before + _LONG_ENOUGH
    for call in calls:
        call()
        now = time.perf_counter()
        spent.append(1e3 * (now - before))
        before = now
        if now > stop and len(spent) >= _ENOUGH:
            break
    return statistics.median(spent)
