"""X8: two hundred clients that say nothing, or not enough, are in nobody's way."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ct_instance
from tests.interop.archive.peers import Peer
from tests.running import RunningArchive
from tests.security.callers import dimse_address, process_id, tls_context, until, web

CLIENTS = 200
SOON = 2.0  # seconds in which a store of somebody else must be done
TRIES = 3  # on a busy machine one may be held up by others


def says_nothing(_archive: RunningArchive, raw: socket.socket) -> socket.socket:
    return raw


def stops_within_the_handshake(archive: RunningArchive, raw: socket.socket) -> socket.socket:
    hello = ssl.MemoryBIO()
    tls = tls_context(archive.ca).wrap_bio(ssl.MemoryBIO(), hello)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    raw.sendall(hello.read())
    return raw


def stops_within_a_record(_archive: RunningArchive, raw: socket.socket) -> socket.socket:
    raw.sendall(b"\x16\x03\x01")
    return raw


ADDRESSES = 10  # that they come from: one address has so many HTTPS connections, and no more


@contextmanager
def silent(address: tuple[str, int], archive: RunningArchive, how: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for number in range(CLIENTS):
            source = (f"127.0.1.{1 + number % ADDRESSES}", 0)
            raw = socket.create_connection(address, 10, source)
            stack.enter_context(raw)
            how(archive, raw)
        yield


WAYS = [says_nothing, stops_within_the_handshake, stops_within_a_record]


@pytest.mark.parametrize("how", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_real_store_is_answered_within_two_seconds(
    archive: RunningArchive, device: dict[str, Any], tmp_path: Path, how: Any
) -> None:
    peer = Peer(archive, device["aet"], "main", device, "")
    times = []
    with silent(dimse_address(archive), archive, how):
        for number in range(TRIES):
            path = tmp_path / f"{number}.dcm"
            path.write_bytes(ct_instance().part10)
            begun = time.monotonic()
            peer.store([path], "1.2.840.10008.1.2.1")
            times.append(time.monotonic() - begun)

    assert min(times) < SOON, times


@pytest.mark.parametrize("how", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_real_search_over_https_is_answered_within_two_seconds(
    archive: RunningArchive, token: str, how: Any
) -> None:
    times = []
    with silent(("127.0.0.1", archive.ready["https_port"]), archive, how):
        for _ in range(TRIES):
            begun = time.monotonic()
            with web(archive, token) as client:
                assert client.get("/studies", params={"limit": 1}).status_code == 200
            times.append(time.monotonic() - begun)

    assert min(times) < SOON, times


def test_descriptors_and_threads_are_back_when_the_silent_are_gone(
    archive: RunningArchive,
) -> None:
    pid = process_id(archive, "dimse")
    tasks = Path(f"/proc/{pid}/task")
    before = len(list(tasks.iterdir()))

    with silent(dimse_address(archive), archive, stops_within_the_handshake):
        time.sleep(0.5)

    # Those that left in the midst of it are noticed at once.
    until(lambda: len(list(tasks.iterdir())) <= before + 2, 20, "threads are left over")
