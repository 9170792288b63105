"""Ways to call on a real archive, and to look at what that does to its processes and its trail."""

import os
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.scu import Scu, associate_rq
from tests.running import RunningArchive

LOOPBACK = "127.0.0.1"


def tls_context(ca: str, files: dict[str, Any] | None = None) -> ssl.SSLContext:
    """TLS that trusts the archive and shows a device's certificate, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the archive is called by its address
    context.load_verify_locations(ca)
    if files is not None:
        context.load_cert_chain(files["certificate"], files["key"])
    return context


def dimse_address(archive: RunningArchive) -> tuple[str, int]:
    return LOOPBACK, int(archive.ready["dimse_port"])


def call(
    archive: RunningArchive,
    files: dict[str, Any],
    *,
    title: str | None = None,
    timeout: float = 15.0,
    **request: Any,
) -> Scu:
    """Ask for an association with a device's files, by its AE title or by another one."""
    return Scu(
        dimse_address(archive),
        associate_rq(title or str(files["aet"]), **request),
        tls_context(archive.ca, files),
        timeout,
    )


@contextmanager
def calling(archive: RunningArchive, files: dict[str, Any], **how: Any) -> Iterator[Scu]:
    """An accepted association, closed at the end."""
    scu = call(archive, files, **how)
    try:
        assert scu.is_accepted, scu.outcome
        yield scu
    finally:
        scu.close()


def web(archive: RunningArchive, token: str | None, timeout: float = 60.0) -> httpx.Client:
    """DICOMweb with a token, or without."""
    return httpx.Client(
        base_url=archive.dicomweb,
        verify=tls_context(archive.ca),
        headers={} if token is None else {"Authorization": f"Bearer {token}"},
        timeout=timeout,
        trust_env=False,
    )


def raw_request(
    archive: RunningArchive, token: str, method: str, target: str, body: bytes = b""
) -> tuple[int, bytes]:
    """A request whose target goes out as it stands; status, and headers and body as they came."""
    port = archive.ready["https_port"]
    with (
        socket.create_connection((LOOPBACK, port), 15) as raw,
        tls_context(archive.ca).wrap_socket(raw) as connection,
    ):
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/dicom\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with suppress(ConnectionError):
            connection.sendall(head.encode("latin_1") + body)
        answer = b""
        with suppress(ConnectionError, ssl.SSLError):
            while piece := connection.recv(65_536):
                answer += piece
    return int(answer[9:12]), answer


# --- processes ----------------------------------------------------------------------------------


def process_id(archive: RunningArchive, role: str) -> int | None:
    """The process of a role: `dimse`, `web`, `worker`, `sealer`; None while there is none."""
    assert archive.process is not None
    for pid in archive.children(archive.process.pid):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"_process" in arguments and role.encode() in arguments:
            return pid
    return None


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


class PeakMemory:
    """How much the memory of a process grows over a test, at its highest."""

    def __init__(self, archive: RunningArchive, role: str) -> None:
        pid = process_id(archive, role)
        assert pid is not None
        self._status = Path(f"/proc/{pid}/status")
        if os.geteuid() == 0 or os.access(f"/proc/{pid}/clear_refs", os.W_OK):
            # Sets the high-water mark back to what is in use now (proc(5)).
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._before = self._field("VmRSS")

    def _field(self, name: str) -> int:
        for line in self._status.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(name)

    @property
    def growth(self) -> int:
        """Bytes, at most, above what was in use at the beginning."""
        return max(self._field("VmHWM") - self._before, self._field("VmRSS") - self._before)


def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """Wait until a condition holds; what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what or "it never came true"
        time.sleep(0.05)
    return found


# --- the trail ----------------------------------------------------------------------------------


def records(archive: RunningArchive, **filters: str | int) -> list[dict[str, Any]]:
    """Records of the trail that fit, the newest first."""
    options = [part for name, value in filters.items() for part in (f"--{name}", str(value))]
    if "limit" not in filters:
        options += ["--limit", "10000"]
    found: list[dict[str, Any]] = archive.ask("audit", "search", *options)["records"]
    return found


def newest(archive: RunningArchive, **filters: str | int) -> dict[str, Any]:
    """The newest record that fits."""
    found = records(archive, limit=1, **filters)
    assert found, filters
    return found[0]


def denial(archive: RunningArchive, reason: str) -> dict[str, Any]:
    """The newest denial whose reason holds these words.

    Strangers are recorded once a minute for each address and reason, and it may be a little after
    they were told; so the record may be of somebody before.
    """

    def found() -> dict[str, Any] | None:
        denied = records(archive, outcome="denied", limit=200)
        return next((one for one in denied if reason in one["reason"]), None)

    record: dict[str, Any] = until(found, what=f"no denial says {reason!r}")
    return record
