"""What is said over the control socket reads back as it was written, and no more is read."""

import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import ArchiveDown, InvalidInput, LimitExceeded, ProtocolError
from raykeep.servers.control.steps import Finished, Output, Progress
from raykeep.servers.control.wire import (
    MAX_REQUEST,
    Failed,
    LineReader,
    Request,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

texts = st.text(st.characters(codec="utf-8"), max_size=30)
integers = st.integers(-(2**53), 2**53)
plain = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | integers | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
replies = st.one_of(
    st.builds(Progress, integers, texts),
    st.builds(Output, texts, texts),
    st.builds(Finished, plain, st.integers(0, 5)),
    st.builds(Failed, texts, texts, st.integers(1, 5)),
)


@given(reply=replies)
def test_a_reply_reads_back_as_it_was_written_on_one_line(reply) -> None:
    line = encode_reply(reply)

    assert line.count(b"\n") == 1
    assert decode_reply(line[:-1]) == reply


@given(command=texts, parameters=plain)
def test_a_request_reads_back_as_it_was_written_on_one_line(command, parameters) -> None:
    line = encode_request(Request(command, parameters))

    assert line.count(b"\n") == 1
    assert decode_request(line[:-1]) == Request(command, parameters)


def test_replies_have_the_shapes_that_are_documented() -> None:
    assert encode_reply(Progress(3, "files")) == b'{"progress":{"done":3,"what":"files"}}\n'
    assert encode_reply(Output("a", "b")) == b'{"file":{"name":"a","text":"b"}}\n'
    assert encode_reply(Finished({}, 0)) == b'{"result":{},"exit_code":0}\n'
    assert encode_reply(Failed("NotFound", "no", 4)) == (
        b'{"error":{"type":"NotFound","message":"no","exit_code":4}}\n'
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"command": 7}',
        b'{"command": "x", "parameters": []}',
        b'{"command": "x", "user": "root"}',
        b'{"command": "\xff"}',
        b"[" * 100_000,
        b'{"command": "x", "parameters": {"a": ' + b"[" * 100_000,
    ],
    ids=lambda line: repr(line[:40]),
)
def test_what_is_no_request_is_refused(line) -> None:
    with pytest.raises(ProtocolError, match="Use the raykeep command"):
        decode_request(line)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"result": {}}', b"[" * 100_000])
def test_what_is_no_reply_is_refused(line) -> None:
    with pytest.raises(ProtocolError, match="another release"):
        decode_reply(line)


def test_a_request_with_a_name_that_is_no_text_is_not_sent() -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        encode_request(Request("import", {"paths": ["/disc/M\udcfcller.dcm"]}))


def test_a_request_longer_than_the_limit_is_not_sent() -> None:
    with pytest.raises(LimitExceeded):
        encode_request(Request("import", {"paths": ["x" * MAX_REQUEST]}))


@given(pieces=st.lists(st.binary(max_size=20), max_size=8))
def test_lines_are_found_however_the_bytes_are_cut(pieces) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)
        lines = LineReader(ours, 1000)
        wanted = b"".join(pieces).split(b"\n")[:-1]

        assert [lines.line() for _ in wanted] == wanted


def test_a_line_is_not_read_beyond_its_limit() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x" * 100)

        with pytest.raises(LimitExceeded):
            LineReader(ours, 50).line()

        assert len(ours.recv(1000)) == 50


def test_a_line_that_trickles_in_does_not_outlast_its_time() -> None:
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.02):
            theirs.sendall(b"x")

    thread = threading.Thread(target=trickle)
    with ours, theirs:
        thread.start()
        begun = time.monotonic()
        with pytest.raises(ArchiveDown):
            LineReader(ours, 1_000_000).line(0.2)
        took = time.monotonic() - begun
        stop.set()
        thread.join()

    assert took < 2
