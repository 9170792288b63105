"""Over a real Unix socket: who may speak, what is answered, and when a command ends."""

import contextlib
import json
import logging
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from raykeep.domain.access import Door
from raykeep.domain.errors import ArchiveDown, ProtocolError
from raykeep.servers.control import client, server
from raykeep.servers.control.client import ask
from raykeep.servers.control.sockets import connect
from raykeep.servers.control.steps import Finished, Output, Progress
from raykeep.servers.control.wire import MAX_REQUEST, Failed, Request
from tests.fakes.control import Seen, control_server

OURS = frozenset({os.geteuid()})
ME = pwd.getpwuid(os.geteuid()).pw_name


def wait_until(happened) -> bool:
    """Give another thread ten seconds."""
    deadline = time.monotonic() + 10
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happened()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def path(tmp_path, seen) -> Path:
    with control_server(tmp_path / "control.sock", seen, OURS):
        yield tmp_path / "control.sock"


def said(path: Path, name: str, parameters=None) -> list:
    return list(ask(connect(path), Request(name, parameters or {})))


def speak(path: Path, raw: bytes) -> list[dict]:
    """Send bytes as they are; the replies."""
    with connect(path) as connection:
        connection.settimeout(10)
        connection.sendall(raw)
        found = []
        # What the server did not read it lets drop, and the kernel tells us so at the end.
        with connection.makefile("rb") as replies, contextlib.suppress(ConnectionResetError):
            found.extend(json.loads(line) for line in iter(replies.readline, b""))
        return found


def test_a_command_is_answered_and_its_caller_is_known_by_the_kernels_word(path, seen) -> None:
    assert said(path, "echo", {"text": "a"}) == [Progress(0, ""), Finished({"text": "a"})]
    assert seen.actors == [ME]


def test_a_user_without_a_name_is_called_by_number(path, seen, monkeypatch) -> None:
    def nobody(_uid) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    said(path, "echo", {"text": "a"})

    assert seen.actors == [f"uid {os.geteuid()}"]


def test_a_command_may_find_something_wrong(path) -> None:
    assert said(path, "wrong")[-1] == Finished({"found": "something"}, 1)


def test_an_error_comes_with_its_sentence_and_its_exit_code(path) -> None:
    message = "no facility 'east'. `raykeep facility list` shows them"

    assert said(path, "missing")[-1] == Failed("FacilityNotFound", message, 4)


def test_what_nobody_foresaw_gives_an_id_alone_and_the_log_the_story(path, caplog) -> None:
    with caplog.at_level(logging.ERROR):
        *_, last = said(path, "broken")

    assert last.type == "internal"
    assert last.exit_code == 1
    assert "secret" not in last.message
    error_id = last.message.rpartition(" ")[2]
    assert error_id in caplog.text
    assert "a secret of the archive" in caplog.text


def test_pieces_of_files_come_in_their_order(path) -> None:
    pieces = [reply for reply in said(path, "files") if isinstance(reply, Output)]

    assert pieces == [
        Output("a.txt", "one\n"),
        Output("a.txt", "two\n"),
        Output("b.txt", "three\n"),
    ]


def test_of_much_progress_only_some_is_told(path) -> None:
    replies = said(path, "count", {"to": 100_000})

    assert replies[-1] == Finished({"counted": 100_000})
    assert 2 <= len(replies) < 1000


def test_a_connection_carries_one_request(path) -> None:
    twice = b'{"command": "echo", "parameters": {"text": "a"}}\n' * 2

    assert speak(path, twice)[0]["error"]["type"] == "ProtocolError"


def test_a_caller_that_has_said_all_may_close_its_side(path) -> None:
    with connect(path) as connection:
        connection.sendall(b'{"command": "count", "parameters": {"to": 5}}\n')
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as replies:
            assert json.loads(list(replies)[-1]) == {"result": {"counted": 5}, "exit_code": 0}


@pytest.mark.parametrize(
    ("raw", "error"),
    [(b"hello\n", "ProtocolError"), (b"x" * (MAX_REQUEST + 10), "LimitExceeded")],
)
def test_what_is_no_request_is_refused_within_its_limit(path, raw, error) -> None:
    [reply] = speak(path, raw)

    assert reply["error"]["type"] == error
    assert reply["error"]["exit_code"] == 2


def test_who_only_looks_whether_somebody_answers_is_no_trouble(path, seen, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        connect(path).close()
        said(path, "echo", {"text": "a"})

    assert caplog.text == ""


def test_who_says_nothing_is_not_waited_for(path, monkeypatch) -> None:
    monkeypatch.setattr(server, "REQUEST_TIMEOUT", 0.1)

    [reply] = speak(path, b'{"command"')

    assert reply["error"]["type"] == "ArchiveDown"


def test_a_command_ends_when_its_caller_goes_away(path, seen) -> None:
    replies = ask(connect(path), Request("endless", {}))
    assert isinstance(next(replies), Progress)
    replies.close()

    assert seen.ended.wait(10)


def test_a_caller_that_does_not_read_ends_its_command(path, seen, monkeypatch) -> None:
    monkeypatch.setattr(server, "SEND_TIMEOUT", 0.1)
    monkeypatch.setattr(server, "PROGRESS_INTERVAL", 0.0)
    monkeypatch.setattr(server, "_send", _fat_send)
    with connect(path) as connection:
        connection.sendall(b'{"command": "endless"}\n')

        assert seen.ended.wait(20)


def _fat_send(connection, _reply) -> None:
    connection.settimeout(server.SEND_TIMEOUT)
    connection.sendall(b" " * 100_000)


def test_a_command_under_way_ends_when_the_archive_stops(tmp_path, seen) -> None:
    path = tmp_path / "other.sock"
    with control_server(path, seen, OURS) as running:
        replies = ask(connect(path), Request("endless", {}))
        next(replies)
        running.shutdown()
        *_, last = replies

    assert last.type == "ArchiveDown"
    assert "what was done so far stays" in last.message
    assert seen.ended.is_set()


def test_commands_beyond_the_limit_wait_for_their_turn(tmp_path, seen, monkeypatch) -> None:
    monkeypatch.setattr(server, "MAX_COMMANDS", 1)
    path = tmp_path / "other.sock"
    with control_server(path, seen, OURS):
        first = ask(connect(path), Request("endless", {}))
        next(first)
        second = connect(path)
        second.settimeout(0.3)
        second.sendall(b'{"command": "echo", "parameters": {"text": "a"}}\n')
        with pytest.raises(TimeoutError):
            second.recv(1)
        first.close()
        second.settimeout(10)
        with second, second.makefile("rb") as replies:
            assert json.loads(list(replies)[-1])["result"] == {"text": "a"}


def test_a_shortage_of_descriptors_is_survived(path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(server, "ACCEPT_PAUSE", 0.01)
    real = socket.socket.accept
    failures = iter([OSError(24, "Too many open files"), BlockingIOError()])

    def accept(listening):
        for failure in failures:
            raise failure
        return real(listening)

    monkeypatch.setattr(socket.socket, "accept", accept)

    assert said(path, "echo", {"text": "a"})[-1] == Finished({"text": "a"})
    assert "Too many open files" in caplog.text


def test_a_connection_that_breaks_strangely_does_not_end_the_server(
    path, monkeypatch, caplog
) -> None:
    real = server.decode_request

    def broken(_line):
        monkeypatch.setattr(server, "decode_request", real)
        raise ZeroDivisionError

    monkeypatch.setattr(server, "decode_request", broken)
    with pytest.raises(ArchiveDown, match="ended before 'echo' was done"):
        said(path, "echo", {"text": "a"})

    assert wait_until(lambda: "could not be answered" in caplog.text)
    assert said(path, "echo", {"text": "a"})[-1] == Finished({"text": "a"})


# --- strangers ---------------------------------------------------------------------------------

AS_STRANGER = """
import os, sys
from pathlib import Path
from raykeep.servers.control.client import ask
from raykeep.servers.control.sockets import connect
from raykeep.servers.control.wire import Request
os.setuid(int(sys.argv[2]))
for reply in ask(connect(Path(sys.argv[1])), Request("echo", {"text": "a"})):
    print(reply.type, reply.exit_code, reply.message)
"""


@pytest.fixture
def open_folder():
    """A folder that everybody may look into: what the archive's own folder is not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_another_user_is_refused_and_recorded_even_with_the_folder_open(open_folder, seen) -> None:
    # Root becomes somebody else; anybody else is a stranger to a server that knows root alone.
    stranger = 65_534 if os.geteuid() == 0 else os.geteuid()
    path = open_folder / "control.sock"
    with control_server(path, seen, frozenset({0})):
        path.chmod(0o666)
        done = subprocess.run(
            [sys.executable, "-c", AS_STRANGER, str(path), str(stranger)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    assert done.stdout.startswith("AccessDenied 3 not permitted: commands are for the owner")
    assert seen.actors == []
    [(origin, claimed, reason)] = seen.strangers
    assert origin.door is Door.COMMAND_LINE
    assert claimed == pwd.getpwuid(stranger).pw_name
    assert "owner of the data directory" in reason


# --- the other side ----------------------------------------------------------------------------


def answering(raw: bytes) -> socket.socket:
    """A connection to an archive that says just this."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with theirs:
            theirs.recv(10_000)
            theirs.sendall(raw)

    threading.Thread(target=answer).start()
    return ours


def test_an_archive_that_dies_in_the_midst_is_told_apart_from_one_that_is_done() -> None:
    with pytest.raises(ArchiveDown, match="raykeep audit tail"):
        list(ask(answering(b'{"progress": {"done": 1, "what": "x"}}\n'), Request("sweep", {})))


def test_an_archive_that_says_nothing_at_all_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(client, "FIRST_REPLY_TIMEOUT", 0.1)
    ours, theirs = socket.socketpair()
    begun = time.monotonic()
    with theirs, pytest.raises(ArchiveDown):
        list(ask(ours, Request("sweep", {})))

    assert time.monotonic() - begun < 5


def test_an_archive_of_another_release_is_told() -> None:
    with pytest.raises(ProtocolError, match="another release"):
        list(ask(answering(b'{"nothing": "known"}\n'), Request("sweep", {})))
