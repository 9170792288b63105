"""DCMTK's tools: `storescu` as the client that hospitals have, `storescp` as a peer."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.association import VERIFICATION, Acceptor, Association, TlsFiles
from benchmarks.failures import BenchmarkFailed, PeerMissing
from benchmarks.fast_scu import Timing
from benchmarks.processes import free_port, serving, wait_until

# A virtual environment may hold namesakes (pynetdicom's storescu): look past it.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"
MAX_PDU_LENGTH = 131_072  # bytes; what we announce, too
TIMEOUT = 600.0  # seconds for one run of storescu


def system_program(name: str) -> str:
    """Where a program of the system is.

    Raises:
        PeerMissing: it is not installed.
    """
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise PeerMissing(name)
    return found


def environment(*, no_delay: bool) -> dict[str, str]:
    """The environment of DCMTK-based programs, servers and clients.

    Without the variable they leave Nagle's algorithm on, as installed.
    """
    variables = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    return {**variables, "TCP_NODELAY": "1"} if no_delay else variables


def storescu(acceptor: Acceptor, folder: Path, *, no_delay: bool) -> Timing:
    """Store the files of a folder over one association, the program's start included.

    Raises:
        BenchmarkFailed: one of them was not stored.
    """
    files = sorted(map(str, folder.iterdir()))
    began = time.perf_counter()
    done = subprocess.run(
        [
            system_program("storescu"),
            *_tls(acceptor.tls),
            "-R",  # proposes what the files need, and no more
            *("-aet", acceptor.calling),
            *("-aec", acceptor.called),
            "127.0.0.1",
            str(acceptor.port),
            *files,
        ],
        env=environment(no_delay=no_delay),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        msg = f"storescu ended with {done.returncode}: {done.stderr[-500:]}"
        raise BenchmarkFailed(msg)
    return Timing(len(files), seconds)


@contextmanager
def storescp(
    folder: Path, tls: TlsFiles | None, device: TlsFiles | None
) -> Iterator[tuple[Acceptor, int]]:
    """DCMTK's storage server, a process an association; gives where it is, and its process.

    Args:
        folder: Where it writes its files; made here.
        tls: Its own key and certificate; None for plain DICOM.
        device: What its clients show.
    """
    folder.mkdir(parents=True)
    port = free_port()
    command = [
        system_program("storescp"),
        *_tls(tls),
        "--fork",
        *("-pdu", str(MAX_PDU_LENGTH)),
        *("-od", str(folder)),
        str(port),
    ]
    acceptor = Acceptor(port, "STORESCP", "BENCH", device)
    log = folder.with_suffix(".log")
    with serving(command, log, environment(no_delay=True)) as process:
        wait_until(lambda: answers_echo(acceptor), process, log)
        yield acceptor, process.pid


def answers_echo(acceptor: Acceptor) -> bool:
    """Whether a server takes associations yet."""
    try:
        association = Association(acceptor, [VERIFICATION])
        association.echo()
        association.release()
    except OSError:
        return False
    return True


def _tls(files: TlsFiles | None) -> list[str]:
    if files is None:
        return []
    return ["+tls", str(files.key), str(files.certificate), "+cf", str(files.ca)]
