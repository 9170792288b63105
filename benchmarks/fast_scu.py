"""A fast storage client: a process an association, so that no client is the limit.

As a program it makes its objects, says `ready`, waits for a line on standard input, stores them,
and prints when it began and ended.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.association import Acceptor, Association, TlsFiles
from benchmarks.corpus import KINDS, SOP_CLASSES
from benchmarks.failures import BenchmarkFailed

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT = 3 * 3600.0  # seconds; a large archive takes long to load


@dataclass(frozen=True, slots=True)
class Timing:
    """So many objects, in so many seconds."""

    count: int
    seconds: float

    @property
    def rate(self) -> float:
        """Objects a second."""
        return self.count / self.seconds


def store(
    acceptor: Acceptor, kind: str, *, batch: int, count: int, start: int = 0, associations: int = 4
) -> Timing:
    """Store objects over several associations at once.

    Args:
        acceptor: The server.
        kind: One of `corpus.KINDS`.
        batch: Which batch of them.
        count: How many, in all.
        start: The first, counted from 0.
        associations: How many processes, with an association each.

    Raises:
        BenchmarkFailed: an object was not stored.
    """
    shares = [count // associations + (at < count % associations) for at in range(associations)]
    running = []
    try:
        for share in filter(None, shares):
            running.append(_start(acceptor, kind, batch, start, share))
            start += share
        for process in running:
            _line(process)
        for process in running:
            _go(process)
        told = [json.loads(_line(process)) for process in running]
        for process in running:
            process.wait(TIMEOUT)
    finally:
        for process in running:
            process.kill()
            process.communicate()
    seconds = max(one["ended"] for one in told) - min(one["began"] for one in told)
    return Timing(sum(one["stored"] for one in told), seconds)


def _start(
    acceptor: Acceptor, kind: str, batch: int, start: int, count: int
) -> "subprocess.Popen[str]":
    tls = acceptor.tls
    files = [] if tls is None else ["--tls", str(tls.key), str(tls.certificate), str(tls.ca)]
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks.fast_scu",
            *("--port", str(acceptor.port)),
            *("--called", acceptor.called),
            *("--calling", acceptor.calling),
            *("--kind", kind),
            *("--batch", str(batch)),
            *("--start", str(start)),
            *("--count", str(count)),
            *files,
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _go(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.write("go\n")
        process.stdin.flush()


def _line(process: "subprocess.Popen[str]") -> str:
    line = "" if process.stdout is None else process.stdout.readline()
    if not line:
        msg = "a storage client broke off; what it said stands above"
        raise BenchmarkFailed(msg)
    return line


def main() -> int:
    """Be one association."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--called", required=True)
    parser.add_argument("--calling", required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--tls", nargs=3, type=Path, metavar=("KEY", "CERT", "CA"))
    asked = parser.parse_args()
    tls = TlsFiles(*asked.tls) if asked.tls else None
    acceptor = Acceptor(asked.port, asked.called, asked.calling, tls)
    objects = list(KINDS[asked.kind](asked.batch, asked.start, asked.count))
    print("ready", flush=True)
    sys.stdin.readline()
    association = Association(acceptor, [SOP_CLASSES[asked.kind]])
    began = time.monotonic()  # one clock for all processes of a host
    for one in objects:
        association.store(one)
    ended = time.monotonic()
    print(json.dumps({"stored": len(objects), "began": began, "ended": ended}), flush=True)
    association.release()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
