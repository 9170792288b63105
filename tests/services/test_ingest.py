"""Taking instances in: sealed, indexed, recorded, or not there at all."""

import hashlib

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import Outcome
from raykeep.domain.changes import AddInstance
from raykeep.domain.errors import (
    AccessDenied,
    ChangeRefused,
    IdentifiersDiffer,
    InstanceRefused,
    InvalidInput,
    MalformedDataSet,
    SOPClassRefused,
    StorageUnavailable,
)
from raykeep.domain.facility import FacilityName
from raykeep.domain.uids import UID
from raykeep.policy.decide import everything
from raykeep.services.facilities import home_facility
from raykeep.services.ingest import Arrival, Verdict, store_instance
from raykeep.services.ingest_settings import IngestSettings
from tests.builders import ct_instance, instance, sr_instance
from tests.services.stored import TECHNOLOGIST, actor, store

OTHER = FacilityName("other")


def found(archive, built):
    return list(
        archive.stores.index.instances(
            everything(),
            study_instance_uid=str(built.dataset.StudyInstanceUID),
            sop_instance_uid=str(built.dataset.SOPInstanceUID),
        )
    )


def opened(archive, row) -> bytes:
    return b"".join(archive.stores.vault.open(row.sealed))


@pytest.mark.parametrize("piece", [7, 1000, 1_000_000])
def test_what_is_stored_opens_again_byte_for_byte(archive, piece):
    built = ct_instance(rows=64, columns=64)

    stored = store(archive, built, piece=piece)

    (row,) = found(archive, built)
    assert stored.verdict is Verdict.STORED
    assert opened(archive, row) == built.data_set
    assert row.sealed.digest == hashlib.sha256(built.data_set).digest()
    record = archive.records()[-1]
    assert (record.action, record.outcome, record.count) == (
        Action.INSTANCE_STORE,
        Outcome.SUCCESS,
        1,
    )
    assert record.details["sha256"] == row.sealed.digest.hex()
    assert record.patient == archive.stores.vault.pseudonym(row.study.facility, "TEST-0001")


def test_an_instance_without_pixels_is_stored_too(archive):
    built = sr_instance()

    assert store(archive, built).verdict is Verdict.STORED
    assert len(found(archive, built)) == 1


def test_the_very_same_again_is_a_duplicate_and_keeps_nothing(archive):
    built = ct_instance()
    store(archive, built)

    again = store(archive, built)

    assert again.verdict is Verdict.DUPLICATE
    assert len(list(archive.blobs.list())) == 1
    assert archive.records()[-1].details["duplicate"] == str(built.dataset.SOPInstanceUID)


def test_the_same_uid_with_other_content_is_quarantined_and_the_first_untouched(archive):
    built = ct_instance()
    other = ct_instance(
        study_instance_uid=str(built.dataset.StudyInstanceUID),
        sop_instance_uid=str(built.dataset.SOPInstanceUID),
        StudyDescription="Another",
    )
    store(archive, built)

    second = store(archive, other)

    assert second.verdict is Verdict.QUARANTINED
    assert opened(archive, found(archive, built)[0]) == built.data_set
    assert archive.stores.index.totals()["quarantined"] == 1
    assert "other content" in str(archive.records()[-1].details["quarantined"])


def test_by_policy_the_same_uid_with_other_content_is_refused(archive):
    built = ct_instance()
    other = ct_instance(
        study_instance_uid=str(built.dataset.StudyInstanceUID),
        sop_instance_uid=str(built.dataset.SOPInstanceUID),
        StudyDescription="Another",
    )
    store(archive, built)

    with pytest.raises(InstanceRefused, match="other content"):
        store(archive, other, settings=IngestSettings(conflicts="refuse"))

    assert len(list(archive.blobs.list())) == 1


def test_another_patient_in_the_same_study_is_quarantined(archive):
    built = ct_instance()
    other = ct_instance(
        study_instance_uid=str(built.dataset.StudyInstanceUID), patient_id="SOMEBODY-ELSE"
    )
    store(archive, built)

    assert store(archive, other).verdict is Verdict.QUARANTINED
    assert found(archive, other) == []


@pytest.mark.parametrize("announced", ["sop_class_uid", "sop_instance_uid", "study_instance_uid"])
def test_uids_that_differ_from_those_announced_are_refused(archive, announced):
    with pytest.raises(IdentifiersDiffer):
        store(archive, ct_instance(), **{announced: "1.2.3"})

    assert list(archive.blobs.list()) == []
    assert archive.records()[-1].outcome is Outcome.FAILED


def test_what_is_no_storage_class_is_refused_unless_the_policy_takes_private_ones(archive):
    built = instance("1.2.840.99999.1", "CT")

    with pytest.raises(SOPClassRefused):
        store(archive, built)

    stored = store(archive, built, settings=IngestSettings(private_sop_classes=True))
    assert stored.verdict is Verdict.STORED


@pytest.mark.parametrize("kept", [0, 1, 200, -1, -100])
def test_a_data_set_that_ends_too_early_leaves_nothing(archive, kept):
    built = ct_instance()

    with pytest.raises((MalformedDataSet, InstanceRefused)):
        store(archive, built, body=built.data_set[:kept])

    assert list(archive.blobs.list()) == []
    assert found(archive, built) == []


def test_who_may_not_store_is_told_before_a_byte_is_read(archive):
    def body():
        yield pytest.fail("the body must not be read")

    arrival = Arrival(UID("1.2.840.10008.1.2.1"), body(), FacilityName("main"), archive.clock.now())
    with pytest.raises(AccessDenied):
        store_instance(archive.enforcer, actor(Role.RADIOLOGIST), arrival, IngestSettings())

    assert archive.records()[-1].outcome is Outcome.DENIED


def test_nobody_stores_into_another_facility(archive):
    with pytest.raises(AccessDenied):
        store(archive, ct_instance(), facility=OTHER)

    assert archive.records()[-1].facility == OTHER
    assert list(archive.blobs.list()) == []


def test_a_missing_key_fails_closed(archive):
    nowhere = FacilityName("nowhere")

    with pytest.raises(StorageUnavailable, match="nowhere"):
        store(
            archive, ct_instance(), who=actor(Role.TECHNOLOGIST, facility=nowhere), facility=nowhere
        )

    assert list(archive.blobs.list()) == []


@pytest.mark.parametrize("same", [True, False])
def test_of_two_who_store_the_same_uid_at_once_one_wins(archive, monkeypatch, same):
    built = ct_instance()
    raced = (
        built
        if same
        else ct_instance(
            study_instance_uid=str(built.dataset.StudyInstanceUID),
            sop_instance_uid=str(built.dataset.SOPInstanceUID),
            StudyDescription="Another",
        )
    )
    real = archive.stores.unit_of_work.commit

    def overtaken(unit):
        # Somebody else commits the same UID between our look and our commit.
        if any(isinstance(change, AddInstance) for change in unit.changes):
            monkeypatch.setattr(archive.stores.unit_of_work, "commit", real)
            store(archive, raced)
            msg = "taken"
            raise ChangeRefused(msg)
        real(unit)

    monkeypatch.setattr(archive.stores.unit_of_work, "commit", overtaken)

    stored = store(archive, built)

    assert stored.verdict is (Verdict.DUPLICATE if same else Verdict.QUARANTINED)
    assert opened(archive, found(archive, raced)[0]) == raced.data_set


def test_in_a_race_other_content_is_refused_where_the_policy_says_so(archive, monkeypatch):
    built = ct_instance()
    raced = ct_instance(
        study_instance_uid=str(built.dataset.StudyInstanceUID),
        sop_instance_uid=str(built.dataset.SOPInstanceUID),
        StudyDescription="Another",
    )
    real = archive.stores.unit_of_work.commit

    def overtaken(unit):
        if any(isinstance(change, AddInstance) for change in unit.changes):
            monkeypatch.setattr(archive.stores.unit_of_work, "commit", real)
            store(archive, raced)
            msg = "taken"
            raise ChangeRefused(msg)
        real(unit)

    monkeypatch.setattr(archive.stores.unit_of_work, "commit", overtaken)

    with pytest.raises(InstanceRefused, match="other content"):
        store(archive, built, settings=IngestSettings(conflicts="refuse"))


def test_a_facility_is_taken_from_the_actor_or_must_be_named():
    assert home_facility(TECHNOLOGIST) == "main"
    assert home_facility(TECHNOLOGIST, OTHER) == OTHER
    two = actor(Role.TECHNOLOGIST)
    object.__setattr__(two, "facilities", frozenset({OTHER, FacilityName("main")}))
    with pytest.raises(InvalidInput, match="several facilities"):
        home_facility(two)


def test_fewer_fragments_than_frames_are_claimed_is_quarantined(archive):
    built = ct_instance(transfer_syntax_uid="1.2.840.10008.1.2.4.90", NumberOfFrames="3")

    stored = store(archive, built)

    assert stored.verdict is Verdict.QUARANTINED
    assert "fragments" in stored.finding
