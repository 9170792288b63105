"""`benchmarks/run.py`: what can be asked for, and the report."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import orthanc
from benchmarks.dcmtk import system_program
from benchmarks.failures import BenchmarkFailed, PeerMissing
from benchmarks.goals import FULL_STUDIES
from benchmarks.machine import describe
from benchmarks.orthanc import Secured
from benchmarks.plan import QUICK, Plan, Sizes, tell
from benchmarks.rows import query, retrieve, start, store
from benchmarks.table import BELOW, Line, render

MEASURES = (store, query, retrieve, start)
ROWS = tuple(row for one in MEASURES for row in one.ROWS)
QUICK_STUDIES = 300
USUAL_STUDIES = 10_000

_READING = (
    "in brackets the least and the most. A ratio above 1 is in our favour; below 1.3, read it as "
    "equal."
)
_AS_SHIPPED = (
    "Ours is as shipped: sealed with AES-256-GCM, audited, durable before it answers, rights "
    "checked. The peer neither encrypts at rest nor keeps a trail."
)
_INSTALL = "apt-get install -y orthanc orthanc-dicomweb libssl-dev dcmtk wrk"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table; returns the exit code."""
    asked = _parser().parse_args(arguments)
    rows = frozenset(asked.rows.split(",")) if asked.rows else frozenset(ROWS)
    if unknown := rows.difference(ROWS):
        print(
            f"no such row: {', '.join(sorted(unknown))}. Rows: {', '.join(ROWS)}", file=sys.stderr
        )
        return 2
    studies = asked.studies or (
        FULL_STUDIES if asked.full else QUICK_STUDIES if asked.quick else USUAL_STUDIES
    )
    try:
        _check_programs(peers=not asked.without_peers)
    except PeerMissing as missing:
        print(_missing(missing), file=sys.stderr)
        return 2
    cache = asked.cache or _default_cache()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="raykeep-bench-"))
    try:
        plan = Plan(
            rows=rows,
            studies=studies,
            runs=asked.runs or (1 if asked.quick else 3),
            sizes=QUICK if asked.quick else Sizes(),
            folder=folder,
            cache=cache,
            secured=Secured.make(folder / "tls"),
            peers=not asked.without_peers,
            peer_version="" if asked.without_peers else orthanc.version(),
        )
        machine = describe(folder)
        began = time.monotonic()
        lines, failures = _measure(plan)
        tell(f"done in {time.monotonic() - began:.0f} s")
    except PeerMissing as missing:
        print(_missing(missing), file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(_report(plan, machine, lines))
    if asked.json is not None:
        asked.json.write_text(json.dumps(_document(plan, machine, lines), indent=2))
    for failure in failures:
        print(f"\nA group of rows could not be measured: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _measure(plan: Plan) -> tuple[list[Line], list[BenchmarkFailed]]:
    """Measure what is wanted; what fails takes none of the rest with it."""
    lines: list[Line] = []
    failures = []
    for one in MEASURES:
        try:
            lines += one.measure(plan)
        except BenchmarkFailed as failure:
            failures.append(failure)
    return lines, failures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description="Measure this archive beside Orthanc and DCMTK, on this machine.",
    )
    parser.add_argument("--rows", metavar="P1,P7", help=f"of {','.join(ROWS)}; default: all")
    parser.add_argument("--studies", type=_positive, help="in the large archive")
    parser.add_argument(
        "--full",
        action="store_true",
        help=f"{FULL_STUDIES:,} studies, which the goals are about, in place of {USUAL_STUDIES:,}; "
        "Orthanc takes 10 minutes and more to load them, once",
    )
    parser.add_argument("--runs", type=_positive, help="of each side, in turns; default: 3")
    parser.add_argument(
        "--quick", action="store_true", help="little of everything: does it work, not how fast"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every reading there, too")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where loaded archives stay")
    parser.add_argument("--without-peers", action="store_true", help="measure this archive alone")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        msg = f"{value} is below 1"
        raise argparse.ArgumentTypeError(msg)
    return value


def _check_programs(*, peers: bool) -> None:
    """Raise `PeerMissing` for the first that is not there."""
    for name in ("storescu", "wrk", *(("storescp", "Orthanc") if peers else ())):
        system_program(name)
    if peers:
        orthanc.plugin()


def _missing(what: PeerMissing) -> str:
    return f"{what} is not installed. On Debian: {_INSTALL}. Or measure --without-peers"


def _default_cache() -> Path:
    return Path(tempfile.gettempdir()) / f"raykeep-bench-cache-{os.getuid()}"


def _report(plan: Plan, machine: dict[str, str], lines: Sequence[Line]) -> str:
    below = sum(line.verdict == BELOW for line in lines)
    notes = [
        f"Medians of {plan.runs} run{'s' * (plan.runs > 1)}, in turns with the peer; {_READING}",
        _AS_SHIPPED,
        f"Lines below their first gate: {below}. The gates do not fail the run yet.",
    ]
    if plan.studies != FULL_STUDIES and plan.wants("P6", "P7", "P10"):
        notes.append(
            f"Goals of P6, P7 and P10 'studies stored' are about {FULL_STUDIES:,} studies; this "
            f"run had {plan.studies:,}. What it costs Orthanc 1.10 grows with the archive."
        )
    told = "\n".join(f"{name}: {value}" for name, value in machine.items())
    return "\n\n".join((told, render(lines), "\n".join(notes)))


def _document(plan: Plan, machine: dict[str, str], lines: Sequence[Line]) -> dict[str, object]:
    return {
        "machine": machine,
        "studies": plan.studies,
        "runs": plan.runs,
        "sizes": asdict(plan.sizes),
        "lines": [{**asdict(line), "ratio": line.ratio, "verdict": line.verdict} for line in lines],
    }
