"""wrk: many connections at once, from one thread of C."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dcmtk import system_program
from benchmarks.failures import BenchmarkFailed
from benchmarks.web_client import WebService

CONNECTIONS = 8
TIMEOUT = 60  # seconds that one answer may take
LONGEST = 120.0  # seconds; a server that answers nothing in that time is not measured

# Each connection asks for the next path; luajit is a part of wrk.
_SCRIPT = """
local paths = {{ {paths} }}
local at = 0
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
"""
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did under load: requests a second, and the median answer in ms."""

    rate: float
    p50_ms: float


def measure(
    service: WebService, paths: Sequence[str], accept: str, seconds: float, folder: Path
) -> Load:
    """Ask for `paths` round and round over eight connections.

    Args:
        service: The server.
        paths: Below its root.
        accept: The Accept header.
        seconds: How long; longer for a server that answers less than a few requests in it.
        folder: Where the script may be written.

    Raises:
        BenchmarkFailed: a request was not answered with 200, or none was in time.
    """
    script = folder / "paths.lua"
    quoted = ", ".join(json.dumps(service.root + path) for path in paths)
    script.write_text(_SCRIPT.format(paths=quoted))
    headers = {**service.headers, "Accept": accept}
    command = [
        system_program("wrk"),
        *("-t", "1"),
        *("-c", str(CONNECTIONS)),
        *("--timeout", f"{TIMEOUT}s"),
        "--latency",
        *("-s", str(script)),
        *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}")),
        service.address("/"),
    ]
    while seconds <= LONGEST:
        load = _run(command, seconds)
        if load.rate * seconds >= CONNECTIONS:
            return load
        seconds *= 4
    msg = f"wrk: {service.address(paths[0])} was hardly answered in {LONGEST} s"
    raise BenchmarkFailed(msg)


def _run(command: Sequence[str], seconds: float) -> Load:
    done = subprocess.run(
        [*command, "-d", f"{max(1, round(seconds))}s"],
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        check=False,
    )
    if done.returncode:
        msg = f"wrk ended with {done.returncode}: {done.stderr or done.stdout}"
        raise BenchmarkFailed(msg)
    return parse(done.stdout)


def parse(report: str) -> Load:
    """Read what wrk prints.

    Raises:
        BenchmarkFailed: requests failed, or the report has no numbers.
    """
    if failed := re.search(r"(Non-2xx or 3xx responses|Socket errors): *(.+)", report):
        msg = f"wrk: {failed[1]}: {failed[2]}"
        raise BenchmarkFailed(msg)
    rate = re.search(r"Requests/sec: *([0-9.]+)", report)
    median = re.search(r"50% *([0-9.]+)(us|ms|s|m)", report)
    if rate is None or median is None:
        msg = f"wrk said nothing that can be read: {report!r}"
        raise BenchmarkFailed(msg)
    return Load(float(rate[1]), float(median[1]) * _UNITS[median[2]])
