"""Servers that a benchmark starts: where they listen, what they cost, how they end."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.failures import BenchmarkFailed

START_TIMEOUT: Final = 120.0  # seconds; with a large archive Orthanc takes long
STOP_TIMEOUT: Final = 120.0  # seconds, the same

_TICK: Final = 1000 / os.sysconf("SC_CLK_TCK")  # milliseconds


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server; SIGTERM at the end, and wait."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(is_up: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait for a server to answer.

    Raises:
        BenchmarkFailed: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_TIMEOUT
    while not is_up():
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-2000:]
            msg = f"{process.args!r} did not come up:\n{said}"
            raise BenchmarkFailed(msg)
        time.sleep(0.05)


# --- what they cost ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """What the processes of a server have used.

    Attributes:
        cpu_ms: Processor time since their start, of children that ended too, milliseconds.
        peak_mb: Sum over the processes of the most resident memory, 10^6 bytes; pages that they
            share count for each.
    """

    cpu_ms: float
    peak_mb: float


def usage(root: int) -> Usage:
    """What a process and its descendants have used.

    Raises:
        BenchmarkFailed: the process is gone.
    """
    pids = family(root)
    if not pids:
        msg = f"process {root} is gone; its server must have crashed"
        raise BenchmarkFailed(msg)
    return Usage(sum(map(_cpu_ms, pids)), sum(map(_peak_mb, pids)))


def forget_peaks(root: int) -> None:
    """Begin to watch for the most resident memory anew (proc(5), clear_refs)."""
    for pid in family(root):
        # Without the right to it the peak since the start is told, which is no less.
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def family(root: int) -> list[int]:
    """A process and its descendants, as far as they are there."""
    found = []
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
            found.append(pid)
    return found


def _cpu_ms(pid: int) -> float:
    """utime, stime, and those of children that were waited for: fields 14 to 17 of proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) * _TICK


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kilobytes = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return next(kilobytes, 0) * 1024 / 1e6
