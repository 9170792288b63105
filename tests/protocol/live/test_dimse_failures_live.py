"""What the archive cannot do, it does not do: trail away, listener broken, worse."""

import socket
import threading
from contextlib import suppress

import pytest

from raykeep.domain.errors import StorageUnavailable
from raykeep.servers.dimse import association as server_association
from tests.fakes.dimse_server import RunningServer
from tests.fakes.waiting import until


def test_nobody_is_admitted_while_the_trail_cannot_be_written(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def away(*_: object) -> None:
        raise StorageUnavailable("the disk is gone")

    monkeypatch.setattr(server.archive.stores.unit_of_work, "commit", away)

    assert server.call("CT01").rejection == (2, 3, 1)
    assert "nobody is admitted now" in caplog.text


def test_nothing_is_stored_while_the_trail_cannot_be_written(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object) -> None:
        raise StorageUnavailable("the disk is gone")

    scu = server.call("CT01")
    with monkeypatch.context() as patch:
        patch.setattr(server.archive.stores.unit_of_work, "commit", away)
        assert scu.echo().status == 0xA700
    assert scu.echo().status == 0
    scu.release()


@pytest.mark.parametrize("error", [StorageUnavailable("away"), RuntimeError("Doe^John")])
def test_a_connection_that_fails_costs_only_itself(
    server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
):
    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(server_association.AssociationServer, "_answer", fail)
        assert not server.call("CT01").is_accepted
    assert until(lambda: type(error).__name__ in caplog.text)
    assert "Doe" not in caplog.text
    assert server.call("CT01").is_accepted


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_broken_listener_ends_the_server_so_that_it_is_started_anew(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    raised: list[BaseException] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(args.exc_value))

    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    acceptor = server.server._acceptors[0]
    monkeypatch.setattr(acceptor, "_accept", break_down)
    with suppress(ConnectionError):  # it may break down within the connecting
        socket.create_connection(server.address, 5).close()
    assert server.stop.wait(5)

    assert server.close()
    assert isinstance(raised[0], ZeroDivisionError)
