"""The acceptor over real sockets: who holds what, and for how long."""

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import pytest

from raykeep.transport.acceptor import Acceptor, AcceptorLimits, Connection, address_of
from tests.fakes.waiting import until

LOGGER = logging.getLogger("test")


class Server:
    """An acceptor whose connections say `hello` and then echo, in a thread of its own."""

    def __init__(self, limits: AcceptorLimits, serve: Callable[[Connection], None] | None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = self.listener.getsockname()
        self.acceptor = Acceptor(
            [self.listener], serve or self.echo, limits, name="test", logger=LOGGER
        )
        self.thread = threading.Thread(target=self.acceptor.run)
        self.thread.start()

    @staticmethod
    def echo(connection: Connection) -> None:
        raw = connection.socket.raw
        raw.settimeout(None)
        if connection.establish():
            while data := raw.recv(100):
                raw.sendall(data)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, 5)

    def talk(self, text: bytes = b"hello") -> bytes:
        with self.connect() as client:
            client.sendall(text)
            try:
                return client.recv(100)
            except ConnectionResetError:
                return b""

    def close(self) -> None:
        self.acceptor.stop()
        self.thread.join(5)
        self.acceptor.drain(3)


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def make(serve: Callable[[Connection], None] | None = None, **limits: object) -> Server:
            server = Server(AcceptorLimits(**limits), serve)
            stack.callback(server.close)
            return server

        yield make


def is_closed(client: socket.socket, seconds: float = 5.0) -> bool:
    client.settimeout(seconds)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def threads_of_connections() -> int:
    return sum(thread.name.startswith("test-") for thread in threading.enumerate())


def test_a_connection_is_served_once_it_speaks(start):
    assert start().talk() == b"hello"


def test_a_silent_connection_has_no_thread(start):
    server = start()
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(server.connect())
        assert server.talk() == b"hello"
        assert until(lambda: threads_of_connections() == 0)


def test_a_silent_connection_is_closed_after_its_time(start):
    server = start(first_byte_timeout=0.2)
    with server.connect() as client:
        assert is_closed(client, 3)


def test_the_oldest_silent_connection_goes_when_there_are_too_many(start):
    server = start(max_strangers=3, max_strangers_per_address=100)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        assert server.talk() == b"hello"
        assert is_closed(clients[0])
        assert not is_closed(clients[2], 0.2)


def test_one_address_cannot_fill_the_waiting_room(start):
    server = start(max_strangers=1000, max_strangers_per_address=2)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        assert is_closed(clients[0])
        assert not is_closed(clients[1], 0.2)


def test_the_oldest_that_only_began_to_speak_goes_when_nobody_is_silent(start):
    held = threading.Event()

    def wait(connection: Connection) -> None:
        connection.socket.raw.settimeout(None)
        while connection.socket.raw.recv(10):
            held.set()

    server = start(wait, max_strangers=2, max_strangers_per_address=2)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(2)]
        for client in clients:
            client.sendall(b"x")
        assert until(lambda: threads_of_connections() == 2)
        stack.enter_context(server.connect())
        assert is_closed(clients[0])


def test_an_established_connection_is_not_evicted(start):
    server = start(max_strangers=1, max_strangers_per_address=1)
    with ExitStack() as stack:
        client = stack.enter_context(server.connect())
        client.sendall(b"one")
        assert client.recv(10) == b"one"
        for _ in range(5):
            stack.enter_context(server.connect())
        time.sleep(0.1)
        client.sendall(b"two")
        assert client.recv(10) == b"two"


@pytest.mark.parametrize("limit", ["max_established", "max_established_per_address"])
def test_established_connections_are_counted(start, limit: str):
    server = start(**{limit: 1})
    with server.connect() as client:
        client.sendall(b"one")
        assert client.recv(10) == b"one"
        assert server.acceptor.established() == 1
        assert server.talk() == b""
    assert until(lambda: server.acceptor.established() == 0)
    assert server.talk() == b"hello"


def test_a_connection_that_ends_before_it_speaks_gets_no_thread(start):
    served = []
    server = start(served.append)

    server.connect().close()

    assert server.talk() == b""
    assert len(served) == 1


def test_descriptors_and_threads_return_to_where_they_were(start):
    server = start()
    server.talk()
    assert until(lambda: server.acceptor.connections() == [])
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(100):
        server.talk()

    assert until(lambda: threads_of_connections() == 0)
    assert until(lambda: len(list(Path("/proc/self/fd").iterdir())) == before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_of_one_connection_leaves_the_others(start):
    failures = [RuntimeError("of this test")]

    def fail_once(connection: Connection) -> None:
        if failures:
            raise failures.pop()
        Server.echo(connection)

    server = start(fail_once)

    assert server.talk() == b""
    assert until(lambda: threads_of_connections() == 0)
    assert server.acceptor.connections() == []
    assert server.talk() == b"hello"


class Exhausted(socket.socket):
    """A listener that finds no free descriptor for a while."""

    failures = 3

    def accept(self):
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_running_out_of_descriptors_evicts_the_oldest_and_pauses(caplog):
    listener = Exhausted(socket.AF_INET, socket.SOCK_STREAM)
    listener.failures = 0
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    acceptor = Acceptor([listener], Server.echo, AcceptorLimits(), name="test", logger=LOGGER)
    thread = threading.Thread(target=acceptor.run)
    thread.start()
    try:
        address = listener.getsockname()
        with socket.create_connection(address, 5) as silent:
            time.sleep(0.1)
            listener.failures = 1
            with socket.create_connection(address, 5) as client:
                client.sendall(b"hello")
                assert client.recv(10) == b"hello"
            assert is_closed(silent)
        assert "no room for a new connection" in caplog.text
    finally:
        acceptor.stop()
        thread.join(5)
        acceptor.drain(1)


def test_no_thread_to_be_had_closes_the_connection_and_goes_on(start, monkeypatch):
    server = start()
    begin = threading.Thread.start
    failures = [RuntimeError("can't start new thread")]

    def start_or_fail(thread: threading.Thread) -> None:
        if thread.name.startswith("test-") and failures:
            raise failures.pop()
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)

    assert server.talk() == b""
    assert server.talk() == b"hello"


def test_draining_asks_first_and_cuts_at_the_end(start):
    asked = []

    def stubborn(connection: Connection) -> None:
        connection.on_interrupt(asked.append)
        raw = connection.socket.raw
        raw.settimeout(None)
        raw.sendall(b"!")
        while raw.recv(10):
            pass

    server = start(stubborn)
    with server.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"!"
        server.acceptor.stop()
        begun = time.monotonic()

        assert server.acceptor.drain(2.0)

        assert asked == ["the archive is stopping"]
        assert 0.9 < time.monotonic() - begun < 2.0


def test_draining_tells_when_something_is_left(start):
    let_go = threading.Event()

    def deaf(connection: Connection) -> None:
        connection.socket.raw.recv(1)
        let_go.wait(10)

    server = start(deaf)
    with server.connect() as client:
        client.sendall(b"x")
        assert until(lambda: server.acceptor.connections() != [])
        server.acceptor.stop()

        assert not server.acceptor.drain(0.2)

        let_go.set()
        assert server.acceptor.drain(2)


def test_an_interruption_reaches_whoever_comes_to_serve_later(start):
    told = []

    def serve(connection: Connection) -> None:
        connection.interrupt("early")
        connection.on_interrupt(told.append)

    start(serve).talk()

    assert until(lambda: told == ["early"])


def test_stopping_twice_is_harmless(start):
    server = start()
    server.acceptor.stop()
    server.thread.join(5)
    server.acceptor.stop()

    with pytest.raises(ConnectionRefusedError):
        server.connect()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_an_address_has_one_form(host: str, address: str):
    assert address_of(host) == ip_address(address)
