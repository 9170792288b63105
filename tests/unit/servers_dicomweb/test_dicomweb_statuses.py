"""Every error has a Failure Reason, of those that the standard has."""

import inspect

import pytest

from raykeep.domain import errors
from raykeep.domain.errors import (
    AccessDenied,
    ArchiveError,
    IdentifiersDiffer,
    IntegrityError,
    InvalidUID,
    KeyUnavailable,
    LimitExceeded,
    MalformedDataSet,
    SOPClassRefused,
    StorageFull,
)
from raykeep.domain.uids import UID
from raykeep.edge.errors import face_of
from raykeep.servers.dicomweb.statuses import WHOLE_REQUEST, failure_reason
from raykeep.servers.dicomweb.store_response import Failed, store_reply
from raykeep.services.ingest import Stored, Verdict

TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ArchiveError)
]
KNOWN = {0xA700, 0xA900, 0xC000, 0x0110, 0x0122, 0x0124}


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_a_failure_reason(kind: type[ArchiveError]) -> None:
    assert failure_reason(kind) in KNOWN


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (AccessDenied, 0x0124),
        (IdentifiersDiffer, 0xA900),
        (SOPClassRefused, 0x0122),
        (MalformedDataSet, 0xC000),
        (InvalidUID, 0xC000),
        (LimitExceeded, 0xA700),
        (StorageFull, 0xA700),
        (KeyUnavailable, 0xA700),
        (IntegrityError, 0x0110),
    ],
)
def test_reasons_are_those_of_c_store(kind: type[ArchiveError], reason: int) -> None:
    assert failure_reason(kind) == reason


@pytest.mark.parametrize("kind", WHOLE_REQUEST)
def test_what_befalls_a_whole_request_has_a_status_of_its_own(kind: type[ArchiveError]) -> None:
    assert face_of(kind).status in {403, 503, 507}


# --- the answer ---------------------------------------------------------------------------------

STORED = Stored(Verdict.STORED, UID("1.1"), UID("1.2"), UID("1.3"), "", "1.4")
QUARANTINED = Stored(Verdict.QUARANTINED, UID("1.1"), UID("1.5"), UID("1.3"), "why", "1.4")
NAMED = Failed(MalformedDataSet("x"), "1.1", "1.6")
NAMELESS = Failed(MalformedDataSet("x"))


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([STORED], 200),
        ([STORED, STORED], 200),
        ([STORED, NAMED], 202),
        ([STORED, NAMELESS], 202),
        ([QUARANTINED], 202),
        ([STORED, QUARANTINED], 202),
        ([NAMED], 409),
        ([NAMED, NAMELESS], 409),
    ],
)
def test_the_status_tells_all_some_or_none(outcomes: list, status: int) -> None:
    assert store_reply(outcomes, "https://a/dicom-web", "application/dicom+json").status == status


def test_the_finding_of_a_quarantine_stays_inside() -> None:
    reply = store_reply([QUARANTINED], "https://a/dicom-web", "application/dicom+json")

    assert b"why" not in reply.body
