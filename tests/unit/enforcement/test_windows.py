"""Windows of access when several come at once, and when the disk says no."""

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import AccessDenied, StorageUnavailable
from raykeep.domain.facility import FacilityName
from tests.builders import ct_instance
from tests.services.stored import actor, store

RADIOLOGIST = actor(Role.RADIOLOGIST)


def found(archive, built, who=RADIOLOGIST, purpose="wado"):
    transfer = archive.enforcer.transfer(who, purpose)
    (row,) = transfer.find(built.study_instance_uid)
    return transfer, row


def records(archive, event):
    return [r for r in archive.records() if r.event is event and r.action is Action.STUDY_READ]


def begun(archive):
    return records(archive, EventID.BEGIN_TRANSFERRING)


def ended(archive):
    return records(archive, EventID.INSTANCES_TRANSFERRED)


def refusing(archive, monkeypatch, times):
    """The next `times` commits fail."""
    real = archive.stores.unit_of_work.commit
    left = [times]

    def commit(unit):
        if left[0]:
            left[0] -= 1
            raise StorageUnavailable("the disk is full")
        real(unit)

    monkeypatch.setattr(archive.stores.unit_of_work, "commit", commit)


def test_of_two_first_readers_each_begin_has_its_end(archive, monkeypatch):
    built = ct_instance()
    store(archive, built)
    transfer, row = found(archive, built)
    real = archive.stores.unit_of_work.commit

    def overtaken(unit):
        monkeypatch.setattr(archive.stores.unit_of_work, "commit", real)
        transfer.read(row)
        real(unit)

    monkeypatch.setattr(archive.stores.unit_of_work, "commit", overtaken)
    transfer.read(row)
    archive.enforcer.windows.close_all()

    begins = {r.record_id for r in begun(archive)}
    assert len(begins) == 2
    assert {r.details["begin"] for r in ended(archive)} == begins
    assert [r.reason for r in ended(archive)] == ["window opened again", "process ended"]


def test_nothing_is_read_before_its_begin_is_on_the_trail(archive, monkeypatch):
    built = ct_instance()
    store(archive, built)
    transfer, row = found(archive, built)
    refusing(archive, monkeypatch, 1)

    with pytest.raises(StorageUnavailable):
        transfer.read(row)

    assert begun(archive) == []
    archive.enforcer.windows.close_all()
    assert ended(archive) == []


def test_counts_that_could_not_be_recorded_are_recorded_later(archive, monkeypatch):
    for _ in range(3):
        built = ct_instance()
        store(archive, built)
        transfer, row = found(archive, built)
        transfer.read(row)
    refusing(archive, monkeypatch, 1)

    with pytest.raises(StorageUnavailable):
        archive.enforcer.windows.close_all()
    archive.enforcer.windows.close_all()
    archive.enforcer.windows.close_all()

    assert len(ended(archive)) == 3
    assert {r.details["begin"] for r in ended(archive)} == {r.record_id for r in begun(archive)}


def test_a_part_of_an_instance_counts_its_own_bytes(archive):
    built = ct_instance()
    store(archive, built)
    transfer, row = found(archive, built)

    part = b"".join(transfer.read(row, ByteRange(10, 25)))
    archive.enforcer.windows.close_of(RADIOLOGIST)

    assert part == built.data_set[10:25]
    (end,) = ended(archive)
    assert (end.details["bytes"], end.details["reads"], end.count) == (15, 1, 1)


def test_what_was_found_is_read_only_while_it_is_permitted(archive):
    built = ct_instance()
    store(archive, built)
    _, row = found(archive, built)
    elsewhere = actor(Role.RADIOLOGIST, facility=FacilityName("other"))
    transfer = archive.enforcer.transfer(elsewhere, "wado")

    for reading in (transfer.read, transfer.header):
        with pytest.raises(AccessDenied):
            reading(row)

    last = archive.records()[-1]
    assert (last.outcome, last.event) == (Outcome.DENIED, EventID.SECURITY_ALERT)
    assert last.study_instance_uid == built.study_instance_uid
    assert begun(archive) == []


def test_purposes_and_readers_have_windows_of_their_own(archive):
    built = ct_instance()
    store(archive, built)
    second = actor(Role.RADIOLOGIST)
    object.__setattr__(second, "name", "somebody else")

    for who in (RADIOLOGIST, second):
        for purpose in ("wado", "c-get"):
            transfer, row = found(archive, built, who, purpose)
            transfer.header(row)
            transfer.header(row)
    archive.enforcer.windows.close_of(second)

    assert len(begun(archive)) == 4
    assert {(r.actor, r.details["purpose"]) for r in ended(archive)} == {
        ("somebody else", "wado"),
        ("somebody else", "c-get"),
    }
    assert {r.details["reads"] for r in ended(archive)} == {2}
