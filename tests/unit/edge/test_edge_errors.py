"""Every error has a face, and no face tells what a peer must not know (RW3, X42)."""

import inspect

import msgspec
import pytest

from raykeep.domain import errors
from raykeep.domain.errors import (
    AccessDenied,
    ArchiveError,
    IntegrityError,
    InvalidUID,
    KeyUnavailable,
    LimitExceeded,
    NotAuthenticated,
    StorageFull,
    StudyNotFound,
)
from raykeep.edge.errors import FACES, ErrorReplies, HttpRefusal, face_of
from tests.unit.edge.conftest import CountingEntropy

TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ArchiveError)
]
DIRECT = [kind for kind in TREE if kind.__bases__ == (ArchiveError,)]


@pytest.mark.parametrize("kind", DIRECT, ids=lambda kind: kind.__name__)
def test_every_branch_of_the_error_tree_has_a_line(kind: type[ArchiveError]) -> None:
    assert kind in FACES


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_a_face(kind: type[ArchiveError]) -> None:
    face = face_of(kind)

    assert 400 <= face.status < 600
    assert face.error == face.error.lower()


def answer(error: ArchiveError) -> tuple[int, dict]:
    reply = ErrorReplies(CountingEntropy()).reply_to(error)
    return reply.status, msgspec.json.decode(reply.body)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidUID("1..2"), 400),
        (NotAuthenticated("the token is revoked"), 401),
        (AccessDenied("rule 'x' denies it"), 403),
        (StudyNotFound("1.2.3"), 404),
        (LimitExceeded("length", 2, 1, "bytes"), 413),
        (StorageFull("no room"), 507),
        (KeyUnavailable("the key of facility north is away"), 503),
        (IntegrityError("blob north/2026/aa does not open"), 500),
        (HttpRefusal(405, "method-not-allowed", "GET"), 405),
    ],
)
def test_the_status_is_the_one_of_the_table(error: ArchiveError, status: int) -> None:
    assert answer(error)[0] == status


@pytest.mark.parametrize(
    ("error", "secret"),
    [
        (NotAuthenticated("the token is revoked"), "revoked"),
        (AccessDenied("rule 'only north' denies it"), "north"),
        (StudyNotFound("no such study 1.2.3"), "1.2.3"),
        (KeyUnavailable("the key of facility north is away"), "north"),
        (IntegrityError("blob north/2026/aa does not open"), "north"),
    ],
)
def test_reasons_stay_inside(error: ArchiveError, secret: str) -> None:
    assert secret not in str(answer(error)[1])


def test_what_is_not_there_and_what_is_not_for_you_look_the_same() -> None:
    assert answer(StudyNotFound("a")) == answer(StudyNotFound("b"))


def test_a_fault_of_the_archive_has_an_id_and_a_story_in_the_log(caplog) -> None:
    body = answer(IntegrityError("blob north/2026/aa does not open"))[1]

    assert body["id"] == "0000000000000001"
    assert "0000000000000001" in caplog.text
    assert "does not open" in caplog.text


def test_an_outage_is_a_line_for_each_request_and_no_stack(caplog) -> None:
    body = answer(KeyUnavailable("the key of facility north is away"))[1]

    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None
    assert body["id"] in caplog.text


def test_a_fault_of_the_client_fills_no_log(caplog) -> None:
    assert answer(InvalidUID("1..2"))[1]["id"] == ""
    assert caplog.text == ""


def test_who_is_not_known_is_told_how_to_be() -> None:
    reply = ErrorReplies(CountingEntropy()).reply_to(NotAuthenticated("x"))

    assert (b"www-authenticate", b'Bearer realm="raykeep"') in reply.headers
