"""P1 to P4 and P13: storing into an archive that holds little."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks import corpus, dcmtk, fast_scu
from benchmarks.association import Acceptor
from benchmarks.corpus import Instance
from benchmarks.orthanc import orthanc
from benchmarks.plan import STORESCP, Plan, costing
from benchmarks.raykeep_archive import RunningRaykeep, raykeep
from benchmarks.table import Line, Reading, Readings
from benchmarks.web_client import WebConnection, WebService

ROWS: Final = ("P1", "P2", "P3", "P4", "P13")

_WARM_UP: Final = 16  # objects
_PER_REQUEST: Final = 20  # instances of a STOW-RS request
_BOUNDARY: Final = "synthetic-boundary"

Store = Callable[[int], Reading]


def measure(plan: Plan) -> list[Line]:
    """Measure those of the rows that are wanted."""
    lines: list[Line] = []
    if not plan.wants(*ROWS):
        return lines
    with raykeep(plan.new_folder("raykeep")) as ours:
        _warm_up(plan, ours.plain, ours.tls)
        for transport in ("plain", "TLS"):
            acceptor = ours.plain if transport == "plain" else ours.tls
            with _peers(plan, tls=transport == "TLS") as peers:
                if plan.wants("P1"):
                    lines += _p1(plan, ours, acceptor, peers, transport)
                if plan.wants("P3"):
                    lines += _p3(plan, ours, acceptor, peers, transport)
                if plan.wants("P4"):
                    lines += _p4(plan, ours, acceptor, peers, transport)
        if plan.wants("P2"):
            lines += _p2(plan, ours)
        if plan.wants("P13"):
            lines += _p13(plan, ours)
    return sorted(lines, key=lambda line: int(line.row[1:]))


Peers = dict[str, tuple[Acceptor, int]]  # by keyword of `Plan.sides`: where, and its process


@contextmanager
def _peers(plan: Plan, *, tls: bool) -> Iterator[Peers]:
    """The peers with one transport, warmed up; empty when none are wanted."""
    with ExitStack() as stack:
        peers: Peers = {}
        if plan.peers:
            folder = plan.new_folder("orthanc")
            running = stack.enter_context(orthanc(folder, plan.secured, dicom_tls=tls))
            peers["orthanc"] = (running.dicom, running.pid)
            server, device = (plan.secured.server, plan.secured.device) if tls else (None, None)
            files = plan.new_folder("storescp")
            peers["storescp"] = stack.enter_context(dcmtk.storescp(files, server, device))
            _warm_up(plan, *(acceptor for acceptor, _ in peers.values()))
        yield peers


def _warm_up(plan: Plan, *acceptors: Acceptor) -> None:
    for acceptor in acceptors:
        fast_scu.store(acceptor, "ct", batch=plan.new_batch(), count=_WARM_UP, associations=4)


def _p1(
    plan: Plan, ours: RunningRaykeep, acceptor: Acceptor, peers: Peers, transport: str
) -> list[Line]:
    with _files(plan, plan.sizes.ct) as files:
        readings = plan.alternate(
            f"P1 {transport}",
            plan.sides(
                _by_storescu(acceptor, ours.pid, files, no_delay=True),
                **{name: _by_storescu(*peer, files, no_delay=True) for name, peer in peers.items()},
            ),
        )
    what = f"CT, 1 association, storescu, {transport}"
    return [
        *plan.lines(readings, "rate", row="P1", what=what, unit="obj/s", target="P1"),
        *_beside(plan, readings, "P1", what),
    ]


def _p2(plan: Plan, ours: RunningRaykeep) -> list[Line]:
    sizes = plan.sizes
    with ExitStack() as stack:
        files = stack.enter_context(_files(plan, sizes.ct))
        few = stack.enter_context(_files(plan, sizes.ct_nagle))
        peers: dict[str, Store] = {}
        if plan.peers:
            folder = plan.new_folder("orthanc")
            running = stack.enter_context(orthanc(folder, plan.secured, no_delay=False))
            _warm_up(plan, running.dicom)
            peers["orthanc"] = _by_storescu(running.dicom, running.pid, few, no_delay=False)
        readings = plan.alternate(
            "P2",
            plan.sides(_by_storescu(ours.plain, ours.pid, files, no_delay=False), **peers),
        )
    what = "CT, 1 association, storescu as installed, plain"
    return plan.lines(readings, "rate", row="P2", what=what, unit="obj/s", target="P2")


def _p3(
    plan: Plan, ours: RunningRaykeep, acceptor: Acceptor, peers: Peers, transport: str
) -> list[Line]:
    work = ("ct", plan.sizes.ct)
    readings = _fast(plan, f"P3 {transport}", work, (acceptor, ours.pid), peers)
    what = f"CT, 4 associations, fast client, {transport}"
    beside = _beside(
        plan,
        readings,
        "P3",
        what,
        cpu="P3 CPU" if transport == "plain" else "",
        storescp="P3 storescp" if transport == "plain" else "",
    )
    target = f"P3 {transport}"
    return [
        *plan.lines(readings, "rate", row="P3", what=what, unit="obj/s", target=target),
        *beside,
    ]


def _p4(
    plan: Plan, ours: RunningRaykeep, acceptor: Acceptor, peers: Peers, transport: str
) -> list[Line]:
    work = ("small", plan.sizes.small)
    readings = _fast(plan, f"P4 {transport}", work, (acceptor, ours.pid), peers)
    what = f"7-29 KB, 4 associations, fast client, {transport}"
    return [
        *plan.lines(readings, "rate", row="P4", what=what, unit="obj/s", target="P4"),
        *_beside(plan, readings, "P4", what),
    ]


def _p13(plan: Plan, ours: RunningRaykeep) -> list[Line]:
    count = plan.sizes.requests * _PER_REQUEST
    batches = [plan.new_batch() for _ in range(plan.runs + 1)]

    def by_stow(service: WebService, pid: int) -> Store:
        # The last batch is for warming up.
        _stow(service, list(corpus.ct(batches[-1], 0, _PER_REQUEST)))

        def run(number: int) -> Reading:
            reading: dict[str, float] = {}
            instances = list(corpus.ct(batches[number], 0, count))
            with costing(pid, count, reading):
                reading["mb_s"] = _stow(service, instances)
            return reading

        return run

    with ExitStack() as stack:
        peers: dict[str, Store] = {}
        if plan.peers:
            folder = plan.new_folder("orthanc")
            running = stack.enter_context(orthanc(folder, plan.secured))
            peers["orthanc"] = by_stow(running.web, running.pid)
        readings = plan.alternate("P13", plan.sides(by_stow(ours.web, ours.pid), **peers))
    what = "STOW-RS, 20 CT a request, HTTPS"
    return [
        *plan.lines(readings, "mb_s", row="P13", what=what, unit="MB/s", target="P13"),
        *_costs(plan, readings, "P13", what),
    ]


# --- how ---------------------------------------------------------------------------------------


@contextmanager
def _files(plan: Plan, count: int) -> Iterator[Callable[[int], Path]]:
    """Folders of CT files, one a run, the same for all sides; removed at the end."""
    folders: dict[int, Path] = {}

    def folder(run: int) -> Path:
        if run not in folders:
            folders[run] = plan.new_folder("ct")
            corpus.write_files(folders[run], corpus.ct(plan.new_batch(), 0, count))
        return folders[run]

    try:
        yield folder
    finally:
        for path in folders.values():
            shutil.rmtree(path)


def _by_storescu(
    acceptor: Acceptor, pid: int, files: Callable[[int], Path], *, no_delay: bool
) -> Store:
    def run(number: int) -> Reading:
        reading: dict[str, float] = {}
        folder = files(number)
        with costing(pid, len(list(folder.iterdir())), reading):
            reading["rate"] = dcmtk.storescu(acceptor, folder, no_delay=no_delay).rate
        return reading

    return run


def _fast(
    plan: Plan, what: str, work: tuple[str, int], ours: tuple[Acceptor, int], peers: Peers
) -> Readings:
    """Measure so many objects of a kind, by the fast client over four associations."""
    kind, count = work
    batches = [plan.new_batch() for _ in range(plan.runs)]

    def by_fast_client(acceptor: Acceptor, pid: int) -> Store:
        def run(number: int) -> Reading:
            reading: dict[str, float] = {}
            with costing(pid, count, reading):
                timing = fast_scu.store(acceptor, kind, batch=batches[number], count=count)
            reading["rate"] = timing.rate
            return reading

        return run

    others = {name: by_fast_client(*peer) for name, peer in peers.items()}
    return plan.alternate(what, plan.sides(by_fast_client(*ours), **others))


def _beside(
    plan: Plan, readings: Readings, row: str, what: str, *, cpu: str = "", storescp: str = ""
) -> list[Line]:
    """The lines beside a rate: DCMTK's server, CPU and memory."""
    lines = _costs(plan, readings, row, what, target=cpu)
    if readings.values(STORESCP, "rate"):
        lines += plan.lines(
            readings,
            "rate",
            row=row,
            what=f"{what}: beside plain files, no index, no sync",
            unit="obj/s",
            target=storescp,
            peer=STORESCP,
        )
    return lines


def _costs(plan: Plan, readings: Readings, row: str, what: str, *, target: str = "") -> list[Line]:
    return [
        *plan.lines(
            readings,
            "cpu_ms",
            row=row,
            what=f"{what}: server CPU",
            unit="ms/obj",
            target=target,
            lower_is_better=True,
        ),
        *plan.lines(
            readings,
            "peak_mb",
            row=row,
            what=f"{what}: peak memory, all processes",
            unit="MB",
            lower_is_better=True,
        ),
    ]


def _stow(service: WebService, instances: list[Instance]) -> float:
    """Store instances, 20 a request, over one connection; returns 10^6 bytes a second."""
    bodies = [
        _multipart(instances[at : at + _PER_REQUEST])
        for at in range(0, len(instances), _PER_REQUEST)
    ]
    content_type = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
    connection = WebConnection(service)
    began = time.perf_counter()
    for body in bodies:
        connection.post("/studies", content_type, body)
    seconds = time.perf_counter() - began
    connection.close()
    return sum(map(len, bodies)) / seconds / 1e6


def _multipart(instances: list[Instance]) -> bytes:
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = [piece for one in instances for piece in (head, one.part10(), b"\r\n")]
    return b"".join((*parts, f"--{_BOUNDARY}--\r\n".encode()))
