"""What one connection bears: slow, long, odd and dishonest requests (X8, X27, RN1)."""

import socket
import ssl
import time

import pytest

from raykeep.edge.limits import EdgeLimits
from tests.unit.edge.apps import echo_length, endless, half, hello, show_headers, sleepy
from tests.unit.edge.conftest import read_answer, status_of, wait_for

GET = b"GET /t/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /t/x HTTP/1.1\r\nHost: localhost\r\n"


def drip(connection: socket.socket, first: bytes, then: bytes, *, pause: float = 0.0) -> None:
    """Send `then` again and again until the other side has had enough."""
    connection.sendall(first)
    for _ in range(10_000):
        try:
            connection.sendall(then)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return
        time.sleep(pause)
    pytest.fail("the other side takes everything")


def test_an_answer_carries_date_and_security_headers_and_no_banner(serve) -> None:
    answer = serve(hello, tls=True).ask(GET)

    head = answer.lower()
    assert answer.endswith(b"hello")
    assert b"date: sun, 22 nov 2026 12:00:00 gmt\r\n" in head
    assert b"strict-transport-security: max-age=31536000" in head
    assert b"server:" not in head
    assert b"uvicorn" not in head


def test_requests_of_one_connection_are_answered_in_order(serve) -> None:
    connection = serve(echo_length).connect()
    for length in (0, 5, 100_000):
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % length + b"x" * length)
        assert read_answer(connection).endswith(b"\r\n\r\n%d" % length)


def test_requests_may_be_sent_before_the_answer_to_the_one_before(serve) -> None:
    connection = serve(hello).connect()
    connection.sendall(GET * 5)
    got = b""
    while got.count(b"hello") < 5:
        got += connection.recv(65_536)
    assert got.count(b"HTTP/1.1 200") == 5


def test_too_many_requests_at_once_end_the_connection(serve) -> None:
    listening = serve(sleepy)
    connection = listening.connect()
    connection.sendall(GET * 50)

    assert read_answer(connection) == b""


# --- slow ---------------------------------------------------------------------------------------


def test_headers_that_never_end_are_given_up(serve) -> None:
    listening = serve(hello, limits=EdgeLimits(header_timeout=1.0))
    slow = listening.connect()
    began = time.monotonic()
    slow.sendall(b"GET /t/x HTTP/1.1\r\nHost: local")

    assert status_of(read_answer(slow)) == 408
    assert time.monotonic() - began < 5


def test_a_byte_now_and_then_does_not_buy_more_time_for_headers(serve) -> None:
    listening = serve(hello, limits=EdgeLimits(header_timeout=1.0))
    slow = listening.connect()
    began = time.monotonic()
    drip(slow, b"GET /t/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"a", pause=0.05)
    assert time.monotonic() - began < 6


def test_a_connection_that_says_nothing_is_given_up(serve) -> None:
    silent = serve(hello, limits=EdgeLimits(header_timeout=1.0)).connect()

    assert status_of(read_answer(silent)) == 408


def test_slow_clients_do_not_delay_others(serve) -> None:
    listening = serve(hello)
    slow = [listening.connect() for _ in range(40)]
    for one in slow:
        one.sendall(b"GET /t/x HTTP/1.1\r\nX: ")
    began = time.monotonic()

    assert status_of(listening.ask(GET)) == 200
    assert time.monotonic() - began < 1


def test_a_body_that_drips_is_cut_off(serve) -> None:
    listening = serve(echo_length, limits=EdgeLimits(body_grace=1.0, body_rate=1_000))
    slow = listening.connect()
    began = time.monotonic()
    drip(slow, POST + b"Content-Length: 1000000\r\n\r\n", b"x" * 10, pause=0.05)
    assert time.monotonic() - began < 6


def test_a_steady_body_is_not_cut_off(serve) -> None:
    listening = serve(echo_length, limits=EdgeLimits(body_grace=0.5, body_rate=1_000))
    steady = listening.connect()
    steady.sendall(POST + b"Content-Length: 30000\r\n\r\n")
    for _ in range(30):
        steady.sendall(b"x" * 1_000)
        time.sleep(0.1)

    assert read_answer(steady).endswith(b"30000")


def test_a_client_that_waits_for_leave_to_send_is_not_called_slow(serve) -> None:
    listening = serve(sleepy, limits=EdgeLimits(body_grace=0.5))
    waiting = listening.connect()
    waiting.sendall(POST + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n")
    waiting.settimeout(2.5)

    with pytest.raises(TimeoutError):
        waiting.recv(1)


def test_a_client_that_reads_nothing_is_cut_off(serve) -> None:
    listening = serve(endless, limits=EdgeLimits(stall_timeout=1.0))
    lazy = listening.connect()
    lazy.sendall(GET)

    assert wait_for(lambda: listening.server.snapshot()["connections"] == 0)


def test_an_idle_connection_is_closed(serve) -> None:
    listening = serve(hello, limits=EdgeLimits(keep_alive_timeout=1.0))
    idle = listening.connect()
    idle.sendall(GET)
    read_answer(idle)

    assert idle.recv(1) == b""


# --- long ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /t/x HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /t/x HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000, 431),
        (b"GET /t/x HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
        (b"GET /t/" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /t?" + b"a" * 10_000, 414),
    ],
    ids=["long header", "header without an end", "many headers", "long path", "long query"],
)
def test_more_than_the_limits_is_refused(serve, request_: bytes, status: int) -> None:
    answer = serve(hello).ask(request_)

    assert status_of(answer) == status
    assert b"connection: close" in answer
    assert b"x-frame-options: deny" in answer


def test_a_header_without_an_end_is_not_held_in_memory(serve) -> None:
    drip(serve(hello).connect(), b"GET /t/x HTTP/1.1\r\nX: ", b"a" * 16_384)


def test_a_flood_of_trailers_is_refused(serve) -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    listening = serve(show_headers)

    assert listening.ask(chunked + b"X-Late: b\r\n" * 1_000 + b"\r\n") == b""


def test_trailers_never_become_headers(serve) -> None:
    answer = serve(show_headers).ask(
        POST
        + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nAuthorization: Bearer late\r\n\r\n"
    )

    assert answer.endswith(b"\r\n\r\nhost transfer-encoding | /t/x")


def test_a_body_that_nobody_wants_is_not_read_for_ever(serve) -> None:
    connection = serve(hello, limits=EdgeLimits(drained_bytes=100_000)).connect()
    drip(connection, POST + b"Content-Length: 1000000000\r\n\r\n", b"x" * 65_536)


def test_the_rest_of_a_small_body_is_read_and_the_connection_goes_on(serve) -> None:
    connection = serve(hello).connect()
    connection.sendall(POST + b"Content-Length: 6\r\n\r\nabc")
    assert read_answer(connection).endswith(b"hello")
    connection.sendall(b"def" + GET)
    assert read_answer(connection).endswith(b"hello")


# --- odd ----------------------------------------------------------------------------------------

SMUGGLING = {
    "both lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "unknown coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "hidden coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "folded header": b"GET /t/x HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"GET /t/x HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "bare line feeds": b"GET /t/x HTTP/1.1\nHost: localhost\n\n",
    "NUL in a header": b"GET /t/x HTTP/1.1\r\nHost: local\0host\r\n\r\n",
    "negative chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
    "huge chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\na",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 in words": b"GET /t/x HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "tunnel": b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "upgrade": b"GET /t/x HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n"
    b"Upgrade: h2c\r\n\r\n",
    "other server": b"GET https://evil/t/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "at sign": b"GET @evil/t/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "fragment": b"GET /t/x#y HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "odd expectation": POST + b"Expect: miracles\r\nContent-Length: 0\r\n\r\n",
    "no host": b"GET /t/x HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /t/x HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "wrong host": b"GET /t/x HTTP/1.1\r\nHost: evil\r\n\r\n",
    "host with a path": b"GET /t/x HTTP/1.1\r\nHost: localhost/admin?\r\n\r\n",
    "host with a user": b"GET /t/x HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
}


@pytest.mark.parametrize("raw", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_what_two_readers_could_read_differently_is_refused(serve, raw: bytes) -> None:
    answer = serve(echo_length).ask(raw)

    # Refused before or after the application saw the head; never answered as asked.
    assert status_of(answer) in {0, 400, 417, 421, 501, 505}
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not answer or b"x-content-type-options: nosniff" in answer


def test_an_absolute_address_of_this_host_is_taken(serve) -> None:
    answer = serve(show_headers).ask(
        b"GET https://localhost/t/y?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )

    assert answer.endswith(b" | /t/y")


@pytest.mark.parametrize("path", [b"/t/..%2f..%2fetc", b"/t/;x=y", b"//t/x", b"/t/%00", b"/T/x"])
def test_odd_paths_reach_no_other_mount(serve, path: bytes) -> None:
    answer = serve(show_headers).ask(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert status_of(answer) in {200, 404}
    assert status_of(answer) == 404 or answer.endswith(b" | " + path)


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(serve) -> None:
    connection = serve(half).connect()
    connection.sendall(GET)
    answer = read_answer(connection)

    assert answer.endswith(b"half") or b"half" not in answer
    assert b'"error"' not in answer
