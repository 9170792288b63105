"""The listener: who gets in, how many, and how it ends (X8, RT)."""

import socket
import time

import pytest

from raykeep.domain.errors import SettingsError, StorageUnavailable
from raykeep.edge.limits import EdgeLimits
from raykeep.edge.seats import Seats, source_of
from raykeep.edge.server import WebServer
from tests.unit.edge.apps import broken, endless, hello, sleepy
from tests.unit.edge.conftest import StillClock, read_answer, status_of, wait_for

GET = b"GET /t/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


class FakeListener:
    """A socket that is bound to an address; nothing more is asked of it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return (self._address, 8443)


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::", "2001:db8::1"])  # noqa: S104 - what is tried is that it is refused
def test_no_listener_without_tls_is_open_to_others(address: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        WebServer(hello, None, [FakeListener(address)], clock=StillClock())


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_may_do_without_tls(address: str) -> None:
    WebServer(hello, None, [FakeListener(address)], clock=StillClock())


def test_words_without_tls_get_no_http_answer(serve) -> None:
    listening = serve(hello, tls=True)
    plain = listening.connect(shake_hands=False)
    plain.sendall(GET)

    assert b"HTTP/1.1" not in read_answer(plain)
    assert wait_for(lambda: listening.server.snapshot()["handshakes_failed"] == 1)


def test_a_client_that_never_shakes_hands_is_cut_off_and_delays_nobody(serve) -> None:
    listening = serve(hello, tls=True, limits=EdgeLimits(handshake_timeout=1.0))
    silent = [listening.connect(shake_hands=False) for _ in range(30)]
    began = time.monotonic()

    assert status_of(listening.ask(GET)) == 200
    assert time.monotonic() - began < 1
    assert all(read_answer(one) == b"" for one in silent)
    assert wait_for(lambda: listening.server.snapshot()["connections"] == 1)


def test_one_address_has_its_share_of_connections(serve) -> None:
    listening = serve(sleepy, limits=EdgeLimits(connections_per_address=3))
    kept = [listening.connect() for _ in range(3)]
    for one in kept:
        one.sendall(GET)
    assert wait_for(lambda: listening.server.snapshot()["connections"] == 3)

    assert read_answer(listening.connect()) == b""
    assert listening.server.snapshot()["connections_turned_away"] == 1


def test_when_all_seats_are_taken_the_longest_idle_makes_room(serve) -> None:
    listening = serve(hello, limits=EdgeLimits(connections=2))
    first, second = listening.connect(), listening.connect()
    for one in (first, second):
        one.sendall(GET)
        read_answer(one)
    wait_for(lambda: listening.server.snapshot()["requests"] == 2)
    # The one that is closed leaves its seat in the next turn of the loop.
    assert read_answer(listening.connect()) == b"" or first.recv(1) == b""
    assert wait_for(lambda: status_of(listening.ask(GET)) == 200)


def test_seats_are_given_back(serve) -> None:
    listening = serve(hello, limits=EdgeLimits(connections_per_address=2))
    for _ in range(20):
        connection = listening.connect()
        connection.sendall(GET)
        assert wait_for(lambda c=connection: status_of(read_answer(c)) in {0, 200})
        connection.close()
        wait_for(lambda: listening.server.snapshot()["connections"] == 0)

    assert listening.server.snapshot()["connections"] == 0
    assert listening.server.snapshot()["requests"] == 20


def test_the_end_waits_for_answers_but_not_for_ever(serve) -> None:
    listening = serve(endless, limits=EdgeLimits(shutdown_timeout=3.0))
    reader = listening.connect()
    reader.sendall(GET)
    reader.recv(10)
    idle = listening.connect()
    began = time.monotonic()
    listening.server.shutdown()
    listening.thread.join(10)

    assert not listening.thread.is_alive()
    assert time.monotonic() - began < 6
    assert idle.recv(1) == b""


def test_the_end_is_at_once_when_nothing_runs(serve) -> None:
    listening = serve(hello, tls=True)
    listening.ask(GET)
    began = time.monotonic()
    listening.server.shutdown()
    listening.thread.join(10)

    assert time.monotonic() - began < 2
    with socket.socket(socket.AF_UNIX) as late, pytest.raises(ConnectionRefusedError):
        late.connect(listening.path)


def test_a_server_that_was_told_to_end_does_not_start(tmp_path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "web"))
    listener.listen()
    server = WebServer(hello, None, [listener], clock=StillClock())
    server.shutdown()
    server.serve_forever()

    assert listener.fileno() == -1


def test_what_is_due_each_second_is_done_although_it_fails_at_times(serve) -> None:
    calls: list[float] = []

    def beat() -> None:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise StorageUnavailable("the database is away")

    serve(hello, each_second=[beat])

    assert wait_for(lambda: len(calls) >= 2)


def test_what_nobody_foresaw_shows_an_id_and_nothing_else(serve, caplog) -> None:
    answer = serve(broken).ask(GET)

    assert status_of(answer) == 500
    assert b"Test^Name" not in answer
    assert b"Traceback" not in answer
    assert b'"id":"0000000000000001"' in answer
    assert "error 0000000000000001: ZeroDivisionError" in caplog.text


# --- seats --------------------------------------------------------------------------------------


def test_ipv6_addresses_count_by_their_network() -> None:
    assert source_of(("2001:db8::1", 5, 0, 0)) == source_of(("2001:db8::ffff:2", 9, 0, 0))
    assert source_of(("2001:db8:0:1::1", 5)) != source_of(("2001:db8::1", 5))
    assert source_of(("::ffff:192.0.2.7", 5)) == "192.0.2.7"
    assert source_of(("192.0.2.7", 5)) == "192.0.2.7"
    assert source_of(("fe80::1%eth0", 5)) == source_of(("fe80::2", 5))
    assert source_of("") == ""


def test_a_source_without_connections_is_forgotten() -> None:
    seats = Seats(total=2, per_source=1)
    assert seats.take("a")
    assert not seats.take("a")
    assert seats.take("b")
    assert not seats.take("c")
    seats.release("a")
    seats.release("b")

    assert seats.count == 0
    assert seats.sources == 0
