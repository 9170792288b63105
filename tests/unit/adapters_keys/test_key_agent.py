"""The key agent: who gets what, and what happens when an end goes away or misbehaves."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.adapters.keys import frames
from raykeep.adapters.keys.agent import AgentServer
from raykeep.adapters.keys.agent_client import CURRENT_SECONDS, KEY_SECONDS, AgentKeys
from raykeep.adapters.keys.authority import LocalAuthority
from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.local import LocalKeys, prepare_secrets
from raykeep.adapters.keys.names import ProcessRole
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput, KeyUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.ports.keys import WrappedKey
from tests.fakes.keys import FixedRoot, SettableClock, new_keyring

MAIN = FacilityName("main")
KEY = bytes(range(32))

Connect = Callable[[ProcessRole], AgentKeys]


@pytest.fixture(scope="module")
def ring(tmp_path_factory) -> KeyRing:
    ring = new_keyring(tmp_path_factory.mktemp("archive"))
    prepare_secrets(ring)
    ring.create_facility_key(MAIN)
    LocalAuthority(ring, SettableClock(), "host7").prepare()
    return ring


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def serve(ring: KeyRing, lines: list[str]) -> Iterator[Callable[[ProcessRole], socket.socket]]:
    """Start an agent for a role; gives the other end of its socket."""
    with ExitStack() as stack:

        def start(role: ProcessRole) -> socket.socket:
            ours, theirs = socket.socketpair()
            authority = LocalAuthority(ring, SettableClock(), "host7")
            server = AgentServer(ours, LocalKeys(ring), authority, role, lines.append)
            server.start()
            stack.callback(server.close)
            stack.callback(theirs.close)
            return theirs

        yield start


@pytest.fixture
def connect(serve, clock: SettableClock) -> Connect:
    return lambda role: AgentKeys(serve(role), clock.monotonic)


# --- who gets what -----------------------------------------------------------------------------

SECRETS = [
    "database", "study-keys", "pseudonym", "audit-signing", "audit-public", "ca/root", "ca/issuing",
    "tls/rsa", "tls/p256", "facility/main/1",
]  # fmt: skip
FRONT = {
    "database", "study-keys", "pseudonym", "audit-public", "tls/rsa", "tls/p256", "facility/main/1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (ProcessRole.DIMSE, FRONT),
        (ProcessRole.WEB, FRONT),
        (ProcessRole.WORKER, FRONT - {"tls/rsa", "tls/p256"}),
        (ProcessRole.SEALER, {"database", "audit-signing", "audit-public"}),
    ],
)
def test_a_process_gets_the_secrets_of_its_role_and_no_other(
    connect: Connect, ring: KeyRing, lines: list[str], role: ProcessRole, allowed: set[str]
) -> None:
    keys = connect(role)
    got = set()
    for name in SECRETS:
        try:
            assert keys.secret(name) == ring.get(name)
            got.add(name)
        except KeyUnavailable as error:
            assert f"'{name}' are not for the process {role}" in str(error)  # noqa: PT017

    assert got == allowed
    assert len(lines) == len(SECRETS) - len(allowed)
    assert all(line.startswith(f"the key agent refused {role}") for line in lines)


def test_the_sealer_gets_no_facility_key(connect: Connect) -> None:
    keys = connect(ProcessRole.SEALER)

    for ask in (
        lambda: keys.wrap(MAIN, KEY),
        lambda: keys.unwrap(MAIN, WrappedKey(1, bytes(40))),
        keys.describe,
        lambda: keys.pseudonym(MAIN, "P1"),
    ):
        with pytest.raises(KeyUnavailable, match="not for the process sealer"):
            ask()


@pytest.mark.parametrize("role", [ProcessRole.DIMSE, ProcessRole.WEB, ProcessRole.SEALER])
def test_the_worker_alone_has_keys_made_and_certificates_issued(
    connect: Connect, role: ProcessRole
) -> None:
    keys = connect(role)

    with pytest.raises(KeyUnavailable, match=f"not for the process {role}"):
        keys.create_facility_key(FacilityName("new"))
    with pytest.raises(KeyUnavailable, match=f"not for the process {role}"):
        keys.issue(AETitle("CT01"), days=1)


def test_the_root_key_goes_over_no_wire(connect: Connect, ring: KeyRing) -> None:
    for role in ProcessRole:
        keys = connect(role)
        for name in ("root", "root-key", *ring.names()):
            try:
                assert FixedRoot().key not in keys.secret(name)
            except KeyUnavailable:
                continue


def test_certificates_are_issued_and_trusted_through_the_agent(
    connect: Connect, ring: KeyRing
) -> None:
    keys = connect(ProcessRole.WORKER)
    local = LocalAuthority(ring, SettableClock(), "host7")

    issued = keys.issue(AETitle("CT 01"), days=30)

    assert "BEGIN PRIVATE KEY" in issued.private_key_pem
    assert issued.not_after.tzinfo is not None
    assert keys.bundle_pem() == local.bundle_pem()
    assert keys.client_ca_pem() == local.client_ca_pem()
    assert keys.provider() == "fixed"


def test_a_bad_request_is_the_askers_fault_and_not_the_keys(connect: Connect) -> None:
    with pytest.raises(InvalidInput, match="not a certificate request"):
        connect(ProcessRole.WORKER).issue(AETitle("CT01"), days=1, csr_pem="nonsense")


# --- what is kept in memory --------------------------------------------------------------------


def test_keys_in_memory_work_without_the_supervisor_for_a_while(
    connect: Connect, clock: SettableClock
) -> None:
    keys = connect(ProcessRole.DIMSE)
    wrapped = keys.wrap(MAIN, KEY)
    pseudonym = keys.pseudonym(MAIN, "P1")
    keys.close()

    clock.seconds = CURRENT_SECONDS - 1
    assert keys.unwrap(MAIN, keys.wrap(MAIN, KEY)) == KEY
    clock.seconds = CURRENT_SECONDS
    with pytest.raises(KeyUnavailable, match="supervisor is gone"):
        keys.wrap(MAIN, KEY)
    assert keys.unwrap(MAIN, wrapped) == KEY
    clock.seconds = KEY_SECONDS
    with pytest.raises(KeyUnavailable, match="supervisor is gone"):
        keys.unwrap(MAIN, wrapped)
    assert keys.pseudonym(MAIN, "P1") == pseudonym


def test_a_new_version_is_used_within_five_seconds(
    tmp_path: Path, clock: SettableClock, lines: list[str]
) -> None:
    ring = new_keyring(tmp_path)
    ring.create_facility_key(MAIN)
    ours, theirs = socket.socketpair()
    authority = LocalAuthority(ring, clock, "host7")
    server = AgentServer(ours, LocalKeys(ring), authority, ProcessRole.DIMSE, lines.append)
    server.start()
    keys = AgentKeys(theirs, clock.monotonic)
    assert keys.wrap(MAIN, KEY).version == 1
    ring.put("facility/main/2", bytes(32))

    assert keys.wrap(MAIN, KEY).version == 1
    clock.seconds = CURRENT_SECONDS
    assert keys.wrap(MAIN, KEY).version == 2

    keys.close()
    server.close()
    assert CURRENT_SECONDS <= 5


# --- ends that go away or misbehave ------------------------------------------------------------


def test_a_dead_supervisor_is_told_and_never_asked_again() -> None:
    ours, theirs = socket.socketpair()
    keys = AgentKeys(theirs)
    ours.close()

    for _ in range(2):
        with pytest.raises(KeyUnavailable, match="supervisor is gone"):
            keys.secret("database")


def answering(replies: list[bytes]) -> AgentKeys:
    """Keys whose agent answers each request with raw bytes."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with ours:
            for reply in replies:
                if frames.receive_request(ours) is None:
                    return
                ours.sendall(reply)

    threading.Thread(target=answer).start()
    return AgentKeys(theirs)


def framed(message: object) -> bytes:
    body = msgspec.msgpack.encode(message)
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x00\x09short",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        framed({"type": "Unknown"}),
        framed([1, 2, 3]),
    ],
)
def test_an_answer_that_is_none_ends_the_connection(raw: bytes) -> None:
    keys = answering([raw])

    for _ in range(2):
        with pytest.raises(KeyUnavailable, match="supervisor is gone"):
            keys.secret("database")


def test_an_answer_to_another_question_ends_the_connection() -> None:
    keys = answering([framed(frames.Text("not a secret"))])

    with pytest.raises(KeyUnavailable, match="another question"):
        keys.secret("database")
    with pytest.raises(KeyUnavailable, match="supervisor is gone"):
        keys.secret("database")


def test_an_answer_that_never_comes_is_not_waited_for_for_ever() -> None:
    ours, theirs = socket.socketpair()
    keys = AgentKeys(theirs)
    theirs.settimeout(0.05)

    with pytest.raises(KeyUnavailable, match="supervisor is gone"):
        keys.secret("database")
    ours.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xff\xff\xff",
        struct.pack(">I", frames.MAX_REQUEST + 1),
        b"\x00\x00\x00\x01\xc1",
        framed({"type": "GetSecret"}),
        framed({"type": "GetSecret", "name": 5}),
        framed({"type": "RunCommand", "name": "x"}),
    ],
)
def test_a_process_that_sends_what_is_no_request_is_hung_up_on(
    serve, lines: list[str], raw: bytes
) -> None:
    peer = serve(ProcessRole.DIMSE)
    peer.sendall(raw)

    assert peer.recv(1) == b""
    assert lines == ["the key agent hung up on dimse: FrameError"]


def test_a_process_that_dies_in_the_middle_of_a_request_is_noticed(serve, lines: list[str]) -> None:
    peer = serve(ProcessRole.DIMSE)
    peer.sendall(b"\x00\x00\x00\x09short")
    peer.shutdown(socket.SHUT_WR)

    assert peer.recv(1) == b""
    assert lines == ["the key agent hung up on dimse: FrameError"]


def test_a_process_that_ends_is_no_news(serve, lines: list[str]) -> None:
    peer = serve(ProcessRole.DIMSE)
    peer.shutdown(socket.SHUT_WR)

    assert peer.recv(1) == b""
    assert lines == []


@pytest.mark.parametrize("facility", ["", "../x", "Main", "a" * 40])
def test_a_name_that_is_no_facility_is_refused(serve, facility: str) -> None:
    peer = serve(ProcessRole.WORKER)
    frames.send(peer, frames.GetFacilityKey(facility, None))

    reply = frames.receive_reply(peer)

    assert isinstance(reply, frames.Refused)
    assert reply.is_input


def test_many_threads_share_one_socket(connect: Connect, ring: KeyRing) -> None:
    keys = connect(ProcessRole.DIMSE)
    found: list[bool] = []

    def ask(name: str) -> None:
        found.extend(keys.secret(name) == ring.get(name) for _ in range(20))

    names = ["database", "study-keys", "tls/rsa", "tls/p256"]
    threads = [threading.Thread(target=ask, args=(name,)) for name in names * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 160


@given(st.binary(max_size=300))
def test_no_bytes_make_the_agent_do_anything_but_answer_or_hang_up(ring_of_nothing, raw) -> None:
    ours, theirs = socket.socketpair()
    lines: list[str] = []
    keys, authority = ring_of_nothing
    server = AgentServer(ours, keys, authority, ProcessRole.WORKER, lines.append)
    theirs.sendall(raw)
    theirs.shutdown(socket.SHUT_WR)

    server.serve()

    theirs.close()


@pytest.fixture(scope="module")
def ring_of_nothing(tmp_path_factory) -> tuple[LocalKeys, LocalAuthority]:
    ring = new_keyring(tmp_path_factory.mktemp("nothing"))
    return LocalKeys(ring), LocalAuthority(ring, SettableClock(), "host7")
