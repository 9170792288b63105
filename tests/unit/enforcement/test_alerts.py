"""What looks like tampering is a Security Alert, whatever was being done (PS3.15 A.5.3.11)."""

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import AuditRecord, EventID, Outcome
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import BlobNotFound, IntegrityError
from raykeep.enforcement.transfer import Transfer
from tests.builders import ct_instance
from tests.fakes.archive import OPERATOR, FakeArchive
from tests.services.stored import actor, store


def alerts(archive: FakeArchive) -> list[AuditRecord]:
    ordinary = {Action.FACILITY_ADD}  # a change of rights is an alert by itself
    records = [r for r in archive.records() if r.action not in ordinary]
    return [r for r in records if r.event is EventID.SECURITY_ALERT]


def stored(archive: FakeArchive):
    """An instance, and a transfer that reads it."""
    built = ct_instance(rows=256, columns=256)
    store(archive, built)
    transfer = archive.enforcer.transfer(actor(Role.RADIOLOGIST), "wado")
    (row,) = transfer.find(built.study_instance_uid)
    return transfer, row


def flip(archive: FakeArchive, row, at: int) -> None:
    data, modified_at = archive.blobs._held[row.sealed.key]
    changed = bytearray(data)
    changed[at] ^= 1
    archive.blobs._held[row.sealed.key] = bytes(changed), modified_at


def read(transfer: Transfer, row) -> bytes:
    return b"".join(bytes(piece) for piece in transfer.read(row))


def test_an_operation_may_say_that_it_is_one(archive):
    with archive.enforcer.operation(OPERATOR, Action.ARCHIVE_READ) as op:
        op.note(alert=True)
        op.note(count=1)

    (alert,) = alerts(archive)
    assert (alert.action, alert.outcome) == (Action.ARCHIVE_READ, Outcome.SUCCESS)


def test_an_operation_that_meets_a_changed_object_is_one(archive):
    with pytest.raises(IntegrityError), archive.enforcer.operation(OPERATOR, Action.BLOB_VERIFY):
        raise IntegrityError("a test")

    (alert,) = alerts(archive)
    assert (alert.outcome, alert.reason) == (Outcome.FAILED, "IntegrityError")


@pytest.mark.parametrize("at", [10, 100_000, -10], ids=["header", "body", "footer"])
def test_reading_a_changed_object_is_one(archive, at):
    transfer, row = stored(archive)
    flip(archive, row, at)

    with pytest.raises(IntegrityError):
        read(transfer, row)

    (alert,) = alerts(archive)
    assert (alert.action, alert.outcome) == (Action.STUDY_READ, Outcome.FAILED)
    assert alert.details["sop_instance_uid"] == row.sop_instance_uid
    assert alert.details["blob"] == str(row.sealed.key)


def test_reading_an_object_that_is_gone_is_one(archive):
    transfer, row = stored(archive)
    del archive.blobs._held[row.sealed.key]

    with pytest.raises(BlobNotFound):
        read(transfer, row)

    assert [alert.reason for alert in alerts(archive)] == ["BlobNotFound"]


def test_reading_on_past_the_change_is_one_and_before_it_is_none(archive):
    transfer, row = stored(archive)
    flip(archive, row, 100_000)

    assert b"".join(transfer.read(row, ByteRange(0, 100)))
    assert alerts(archive) == []


def test_a_changed_header_is_one(archive):
    transfer, row = stored(archive)
    changed = bytearray(row.sealed_header)
    changed[-1] ^= 1
    object.__setattr__(row, "sealed_header", bytes(changed))

    with pytest.raises(IntegrityError):
        transfer.header(row)

    assert len(alerts(archive)) == 1
