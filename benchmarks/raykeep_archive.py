"""This archive, as shipped: sealed, audited, durable. Only the plain listener is switched on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.association import Acceptor, TlsFiles
from benchmarks.failures import BenchmarkFailed
from benchmarks.processes import STOP_TIMEOUT
from benchmarks.web_client import WebService
from tests.running import CommandFailed, RunningArchive

_EXEMPTION = timedelta(days=30)
_DEVICE, _PLAIN_DEVICE = "BENCH", "BENCHPLAIN"
_SETTINGS = """\
# Devices without TLS are a part of what is measured.
[dimse_plain]
enabled = true
port = 0
"""


@dataclass(frozen=True, slots=True)
class RunningRaykeep:
    """A running archive.

    Attributes:
        tls: Its DICOM listener over TLS.
        plain: Its listener for devices without TLS.
        web: Its DICOMweb service.
        pid: Its supervisor.
        start_seconds: From the start of `serve` until every listener answered.
    """

    tls: Acceptor
    plain: Acceptor
    web: WebService
    pid: int
    start_seconds: float


@contextmanager
def raykeep(folder: Path) -> Iterator[RunningRaykeep]:
    """Run the archive of a folder until the block ends; it is made when there is none.

    Raises:
        BenchmarkFailed: it did not come up.
    """
    archive = RunningArchive(folder)
    try:
        if not archive.data.exists():
            _make(archive)
        began = time.perf_counter()
        archive.start()
        seconds = time.perf_counter() - began
        pid = int(archive.ready["pid"])
    except CommandFailed as failure:
        raise BenchmarkFailed(str(failure)) from failure
    try:
        yield _running(archive, pid, seconds)
    finally:
        _stop(archive)


def _make(archive: RunningArchive) -> None:
    archive.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    archive.init("--key-file", str(archive.folder / "root.key"))
    (archive.data / "raykeep.toml").write_text(_SETTINGS)


def _running(archive: RunningArchive, pid: int, seconds: float) -> RunningRaykeep:
    files = _device(archive)
    token = archive.token()
    return RunningRaykeep(
        tls=Acceptor(int(archive.ready["dimse_port"]), "RAYKEEP", _DEVICE, files),
        plain=Acceptor(int(archive.ready["dimse_plain_port"]), "RAYKEEP", _PLAIN_DEVICE),
        web=WebService(
            int(archive.ready["https_port"]),
            "/dicom-web",
            Path(archive.ca),
            {"Authorization": f"Bearer {token}"},
        ),
        pid=pid,
        start_seconds=seconds,
    )


def _device(archive: RunningArchive) -> TlsFiles:
    """The files of the device, which is enrolled when the archive is new."""
    folder = archive.folder / "devices"
    files = TlsFiles(folder / f"{_DEVICE}.key", folder / f"{_DEVICE}.crt", folder / "ca.crt")
    if not files.certificate.exists():
        archive.enroll(_DEVICE, "--may", "store,find,echo")
        archive.enroll(
            _PLAIN_DEVICE,
            *("--may", "store,find,echo"),
            "--plain",
            *("--until", f"{datetime.now(UTC) + _EXEMPTION:%Y-%m-%d}"),
            *("--owner", "benchmark"),
            *("--reason", "measured beside a peer without TLS"),
            *("--ip", "127.0.0.1/32"),
        )
    return files


def _stop(archive: RunningArchive) -> None:
    process = archive.process
    if process is None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except Exception:
        archive.kill()
        raise
    archive.process = None
