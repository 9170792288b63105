"""Each process of a running archive: up, ready, at work, and ended by a signal."""

import os
import signal
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from raykeep.bootstrap import dimse, work
from raykeep.bootstrap.command import open_for_command
from raykeep.bootstrap.dimse import run_dimse
from raykeep.bootstrap.seal import run_sealer
from raykeep.bootstrap.sockets import listen
from raykeep.bootstrap.web import run_web
from raykeep.bootstrap.work import run_worker
from raykeep.domain.access import Action
from raykeep.domain.audit_event import RecordFilter
from raykeep.domain.errors import StorageUnavailable
from raykeep.enforcement.transfer import Windows
from raykeep.servers.control.sockets import bind_control_socket
from raykeep.worker.housekeeping import Worker
from tests.unit.bootstrap.conftest import no_passphrase, process_of

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture(autouse=True)
def signals():
    """Whoever ran before keeps their handlers."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def stop():
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def when_ready(then):
    """A socket for the word that a process is ready; upon it, something is done beside."""
    ready, told = socket.socketpair()
    failures = []

    def act():
        with ready:
            said = ready.recv(64)
        try:
            if said == b"ready":
                then()
            else:
                failures.append("it never said that it is ready")
        finally:
            stop()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield told
    finally:
        told.close()
        thread.join()
        assert failures == []


def asked(path, target):
    """The answer to one HTTP request over a Unix socket."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        peer.sendall(
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b""
        while piece := peer.recv(65_536):
            answer += piece
    return answer.decode()


def records(layout, action):
    with open_for_command(layout, layout.config, no_passphrase) as (context, _):
        return context.enforcer._stores.trail.search(RecordFilter(action=action))


# --- the worker --------------------------------------------------------------------------------


@pytest.fixture
def control(layout):
    with bind_control_socket(layout.control_socket) as listener:
        yield listener


@pytest.fixture
def health(layout):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(layout.run / "health.sock"))
        listener.listen()
        yield listener


def test_the_worker_answers_of_health_and_stands_on_the_trail(layout, served, control, health):
    answers = []

    def look():
        where = layout.run / "health.sock"
        answers.append(asked(where, "/readyz"))
        layout.ready.write_text("{}")
        answers.append(asked(where, "/readyz"))
        answers.append(asked(where, "/metrics"))

    with when_ready(look) as ready:
        sockets = {"ready": ready, "control": control, "health": health}
        code = run_worker(process_of(layout, "worker", served("worker-0"), sockets))

    assert code == 0
    not_yet, yes, metrics = answers
    assert not_yet.startswith("HTTP/1.1 503")
    assert yes.startswith("HTTP/1.1 200")
    assert "raykeep_archive" in metrics
    for action in (Action.ARCHIVE_START, Action.ARCHIVE_STOP):
        (record,) = records(layout, action)
        assert (record.actor, record.details) == ("worker-0", {"process": "worker-0"})


def test_an_archive_without_room_is_not_ready(layout, served, control, health, monkeypatch):
    monkeypatch.setattr(work, "RESERVED_BYTES", 2**80)
    layout.ready.write_text("{}")
    answers = []

    with when_ready(lambda: answers.append(asked(layout.run / "health.sock", "/readyz"))) as ready:
        sockets = {"ready": ready, "control": control, "health": health}
        run_worker(process_of(layout, "worker", served("worker-0"), sockets))

    assert answers[0].startswith("HTTP/1.1 503")


def test_without_a_listener_for_health_the_worker_works_all_the_same(layout, served, control):
    with when_ready(lambda: None) as ready:
        sockets = {"ready": ready, "control": control}
        code = run_worker(process_of(layout, "worker", served("worker-0"), sockets))

    assert code == 0
    assert len(records(layout, Action.ARCHIVE_STOP)) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_lost_a_part_of_itself_ends(layout, served, control, health, monkeypatch):
    def broken(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Worker, "run_until", broken)
    ready, told = socket.socketpair()

    with ready, told:
        sockets = {"ready": told, "control": control, "health": health}
        code = run_worker(process_of(layout, "worker", served("worker-0"), sockets))

    assert code == 0  # nobody sent a signal


# --- the sealer --------------------------------------------------------------------------------


def test_the_sealer_seals_what_is_there_and_ends(layout, served):
    with when_ready(lambda: None) as ready:
        code = run_sealer(process_of(layout, "sealer", served("sealer-0"), {"ready": ready}))

    assert code == 0
    with open_for_command(layout, layout.config, no_passphrase) as (context, _):
        trail = context.enforcer._stores.trail
        assert trail.size() >= 1
        assert trail.checkpoints()


# --- listeners ---------------------------------------------------------------------------------


def test_the_dicom_process_listens_counts_and_ends(layout, served, monkeypatch):
    monkeypatch.setattr(dimse, "HOUSEKEEPING_INTERVAL", 0.02)
    real, closed = Windows.close_idle, []

    def close_idle(windows):
        closed.append(1)
        if len(closed) == 1:
            raise StorageUnavailable("the database is away")
        real(windows)

    monkeypatch.setattr(Windows, "close_idle", close_idle)
    counters = layout.metrics / "dimse-0.json"

    def look():
        deadline = time.monotonic() + 10
        while (len(closed) < 3 or not counters.exists()) and time.monotonic() < deadline:
            time.sleep(0.01)

    with when_ready(look) as ready, listen("127.0.0.1", 0, "DICOM") as listener:
        sockets = {"ready": ready, "dimse": listener}
        code = run_dimse(process_of(layout, "dimse", served("dimse-0"), sockets))

    assert code == 0
    assert len(closed) >= 3
    assert counters.exists()


def test_the_dicom_process_listens_without_tls_where_it_is_told_to(layout, served):
    taken = []

    def look():
        with socket.create_connection(plain.getsockname(), 10) as peer:
            peer.sendall(bytes(10))  # no PDU: the answer is an A-ABORT
            taken.append(peer.recv(100)[:1])

    with (
        listen("127.0.0.1", 0, "plain DICOM") as plain,
        listen("127.0.0.1", 0, "DICOM") as listener,
        when_ready(look) as ready,
    ):
        sockets = {"ready": ready, "dimse": listener, "dimse_plain": plain}
        run_dimse(process_of(layout, "dimse", served("dimse-0"), sockets))

    assert taken in ([b"\x07"], [b""])


def test_the_web_process_listens_counts_and_ends(layout, served):
    counters = layout.metrics / "web-0.json"

    def look():
        deadline = time.monotonic() + 10
        while not counters.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    with when_ready(look) as ready, listen("127.0.0.1", 0, "HTTPS") as listener:
        sockets = {"ready": ready, "https": listener}
        code = run_web(process_of(layout, "web", served("web-0"), sockets))

    assert code == 0
    assert counters.exists()
