"""Clients that hold something and do nothing with it: nobody else may notice (RT7, X8)."""

import socket
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from raykeep.servers.dimse import association as server_association
from raykeep.transport.streams import PlainStream, SharedSocket
from raykeep.wire.dimse.codec import encode
from raykeep.wire.dimse.commands import CEchoRQ
from raykeep.wire.dimse.exchange import fragment
from tests.builders import ct_instance
from tests.fakes.dimse_server import RunningServer, StartServer
from tests.fakes.scu import CT, VERIFICATION
from tests.fakes.waiting import until


def served_threads() -> int:
    return sum(thread.name.startswith("dimse-1") for thread in threading.enumerate())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def works_within(server: RunningServer, seconds: float) -> bool:
    """Whether a real device can echo and store in that time."""
    begun = time.monotonic()
    scu = server.call("CT01")
    assert scu.echo().status == 0
    assert scu.store(ct_instance()).status == 0
    scu.release()
    return time.monotonic() - begun < seconds


def test_two_hundred_silent_clients_stall_nobody(server: RunningServer):
    before = served_threads()
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(server.address, 5))
        assert works_within(server, 2)
        assert until(lambda: served_threads() == before)  # silence costs no thread


def test_clients_that_stop_within_the_handshake_stall_nobody(server: RunningServer):
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)  # the rest never comes
    with ExitStack() as stack:
        for _ in range(50):
            raw = stack.enter_context(socket.create_connection(server.address, 5))
            raw.sendall(hello)
        assert works_within(server, 2)
    assert until(lambda: served_threads() == 0)


def test_a_handshake_that_is_never_finished_ends(start_server: StartServer):
    server = start_server(handshake_timeout=0.5)
    with socket.create_connection(server.address, 5) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert until(lambda: server.counted("tls_handshakes_failed_total") == 1, 3)
    assert until(lambda: "not finished in time" in server.archive.records()[-1].reason)


def test_idle_associations_stall_nobody_and_end(start_server: StartServer):
    server = start_server(idle_timeout=1.0)
    server.enroll("CT01")
    idle = [server.call("CT01") for _ in range(5)]

    assert works_within(server, 2)

    assert until(lambda: server.counted("associations_open") == 0, 9)
    for scu in idle:
        scu.close()


def test_a_device_that_connects_and_asks_for_nothing_is_not_waited_for(start_server: StartServer):
    server = start_server(artim_timeout=0.5)
    server.archive.enroll_plain("OLD01")
    with socket.create_connection(server.plain_address, 5) as raw:
        raw.sendall(b"\x01")  # the first byte of a request
        raw.settimeout(5)
        assert raw.recv(10) == b""
    assert until(lambda: "A-ASSOCIATE-RQ" in server.archive.records()[-1].reason)


def test_half_closed_connections_are_let_go(server: RunningServer):
    with ExitStack() as stack:
        for _ in range(50):
            raw = stack.enter_context(socket.create_connection(server.address, 5))
            raw.shutdown(socket.SHUT_WR)
            raw.settimeout(5)
            assert raw.recv(1) == b""
    scu = server.call("CT01")
    scu.socket.shutdown(socket.SHUT_WR)
    assert until(lambda: server.counted("associations_open") == 0)
    scu.close()


def test_threads_and_descriptors_come_back_after_many_aborts(server: RunningServer):
    server.call("CT01").abort()
    assert until(lambda: served_threads() == 0)
    before = descriptors()

    for _ in range(200):
        server.call("CT01").abort()

    assert until(lambda: served_threads() == 0)
    assert until(lambda: descriptors() <= before)
    snapshot = server.server.metrics.snapshot()
    assert snapshot["associations_open"] == 0
    assert snapshot["associations_aborted_total"] == 201


def test_a_peer_that_reads_no_answers_is_cut_off(server: RunningServer, monkeypatch):
    impatient = partial(server_association.Pump, send_timeout=1.0)
    monkeypatch.setattr(server_association, "Pump", impatient)
    scu = server.call("CT01")
    echo = CEchoRQ(message_id=1, affected_sop_class_uid=VERIFICATION)
    context_id = scu.context_of(VERIFICATION)
    (pdu,) = fragment(context_id, encode(echo), None, 16_384)
    many = b"".join(bytes(buffer) for buffer in pdu) * 20_000

    def flood() -> None:
        try:
            while True:
                scu.stream.send([many], 20)
        except OSError:
            return

    flooding = threading.Thread(target=flood)
    flooding.start()
    assert until(lambda: server.counted("associations_open") == 0, 30)
    scu.close()
    flooding.join()


def test_a_client_with_nagles_algorithm_keeps_its_pace(server: RunningServer):
    scu = server.call("CT01")
    scu.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    instances = [ct_instance(rows=64, columns=64) for _ in range(100)]
    begun = time.monotonic()

    for built in instances:
        # The command and the data set in writes of their own, as DCMTK's tools have it.
        request = scu.store_rq(built)
        pdus = fragment(scu.context_of(CT), encode(request), [built.data_set], 16_384)
        for pdu in pdus:
            scu.stream.send(pdu, 10)
        assert scu.response().status == 0

    assert time.monotonic() - begun < 5
    scu.release()


def test_a_plain_client_with_nagles_algorithm_keeps_its_pace(start_server: StartServer):
    server = start_server()
    server.archive.enroll_plain("OLD01")
    scu = server.call_plain("OLD01")
    scu.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    begun = time.monotonic()

    for _ in range(100):
        built = ct_instance(rows=64, columns=64)
        pdus = fragment(scu.context_of(CT), encode(scu.store_rq(built)), [built.data_set], 16_384)
        for pdu in pdus:
            scu.stream.send(pdu, 10)
        assert scu.response().status == 0

    assert time.monotonic() - begun < 5
    scu.release()


def test_a_stream_can_be_made_of_any_connected_socket():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = PlainStream(SharedSocket(socket.create_connection(listener.getsockname())))
        stream.close()
