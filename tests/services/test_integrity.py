"""Reading back, and finding a place for what no row names."""

from datetime import timedelta

import pytest

from raykeep.domain.audit_event import Outcome
from raykeep.domain.changes import Unit
from raykeep.domain.errors import InvalidInput, StorageUnavailable
from raykeep.policy.decide import everything
from raykeep.services import integrity as module
from raykeep.services.integrity import KEPT_ASIDE, sweep_blobs, verify_blobs
from raykeep.services.manifest import decode_manifest
from tests.builders import ct_instance
from tests.fakes.archive import OPERATOR
from tests.services.stored import store


def last_report(archive, **options):
    *_, report = verify_blobs(archive.enforcer, OPERATOR, **options)
    return report


def orphan(archive, monkeypatch, built):
    """Store an instance whose row is lost: a crash between blob and row."""
    real = archive.stores.unit_of_work.commit

    def broken(unit: Unit) -> None:
        if unit.changes:
            msg = "a crash"
            raise StorageUnavailable(msg)
        real(unit)

    monkeypatch.setattr(archive.stores.unit_of_work, "commit", broken)
    with pytest.raises(StorageUnavailable):
        store(archive, built)
    monkeypatch.setattr(archive.stores.unit_of_work, "commit", real)


def is_found(archive, built) -> bool:
    uid = str(built.dataset.StudyInstanceUID)
    return bool(archive.stores.index.studies(uid, everything()))


def test_what_is_whole_verifies(archive):
    for _ in range(3):
        store(archive, ct_instance())

    report = last_report(archive)

    assert (report.checked, report.damaged) == (3, [])
    assert archive.records()[-1].count == 3


def test_a_changed_object_is_named(archive):
    store(archive, ct_instance())
    store(archive, ct_instance())
    key, (content, since) = next(iter(archive.blobs._held.items()))
    changed = bytearray(content)
    changed[300] ^= 1
    archive.blobs._held[key] = bytes(changed), since

    report = last_report(archive)

    assert [damage.key for damage in report.damaged] == [key]
    assert archive.records()[-1].details["first"] == str(key)


def test_a_limit_ends_the_look(archive):
    for _ in range(3):
        store(archive, ct_instance())

    assert last_report(archive, limit=2).checked == 2


def test_a_verification_that_is_broken_off_is_on_the_trail(archive):
    store(archive, ct_instance())
    looking = verify_blobs(archive.enforcer, OPERATOR)
    next(looking)
    looking.close()

    assert archive.records()[-1].outcome is Outcome.FAILED


def test_an_orphan_that_is_newer_than_every_row_is_adopted(archive, monkeypatch):
    store(archive, ct_instance())
    archive.clock.ahead += timedelta(seconds=5)
    built = ct_instance()
    orphan(archive, monkeypatch, built)
    archive.clock.ahead += timedelta(hours=1)
    assert not is_found(archive, built)

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)

    assert len(report.adopted) == 1
    assert is_found(archive, built)
    assert last_report(archive).damaged == []


def test_orphans_are_adopted_whatever_the_order_in_which_they_are_found(archive, monkeypatch):
    # As after a restore: each is newer than every row, until the first of them is one.
    store(archive, ct_instance())
    lost = [ct_instance() for _ in range(6)]
    for built in lost:
        archive.clock.ahead += timedelta(seconds=5)
        orphan(archive, monkeypatch, built)
    archive.clock.ahead += timedelta(hours=1)

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)

    assert (len(report.adopted), report.set_aside) == (6, [])
    assert all(is_found(archive, built) for built in lost)


def test_what_arrives_after_a_restore_makes_no_orphan_older(archive, monkeypatch):
    store(archive, ct_instance())
    before = archive.stores.index.newest_arrival()
    archive.clock.ahead += timedelta(seconds=5)
    lost = ct_instance()
    orphan(archive, monkeypatch, lost)
    archive.clock.ahead += timedelta(hours=1)
    store(archive, ct_instance())

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock, known_until=before)

    assert (len(report.adopted), report.set_aside) == (1, [])
    assert is_found(archive, lost)


def test_orphans_are_looked_for_in_batches(archive, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    for _ in range(5):
        store(archive, ct_instance())
    archive.clock.ahead += timedelta(hours=1)

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)

    assert (report.looked_at, report.adopted, report.set_aside) == (5, [], [])


def test_an_orphan_whose_data_set_cannot_be_read_is_set_aside(archive, monkeypatch):
    orphan(archive, monkeypatch, ct_instance())
    archive.clock.ahead += timedelta(hours=1)
    monkeypatch.setattr(module, "_index_again", raising(InvalidInput("no data set")))

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)

    ((_, why),) = report.set_aside
    assert why == "it cannot be read: InvalidInput"


def raising(error):
    def broken(*_):
        raise error

    return broken


def test_an_orphan_that_is_older_is_set_aside_and_only_later_removed(archive, monkeypatch):
    built = ct_instance()
    orphan(archive, monkeypatch, built)
    archive.clock.ahead += timedelta(seconds=5)
    store(archive, ct_instance())
    archive.clock.ahead += timedelta(hours=1)

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)
    ((key, why),) = report.set_aside
    assert "older than the newest row" in why
    assert not is_found(archive, built)
    assert archive.records()[-1].details["blob"] == str(key)

    archive.clock.ahead += KEPT_ASIDE - timedelta(hours=1)
    assert sweep_blobs(archive.enforcer, OPERATOR, archive.clock).purged == 0
    archive.clock.ahead += timedelta(days=2)
    assert sweep_blobs(archive.enforcer, OPERATOR, archive.clock).purged == 1


def test_a_young_orphan_is_left_alone(archive, monkeypatch):
    orphan(archive, monkeypatch, ct_instance())

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)

    assert (report.young, report.adopted, report.set_aside) == (1, [], [])


def test_an_orphan_whose_instance_came_again_is_set_aside(archive, monkeypatch):
    built = ct_instance()
    orphan(archive, monkeypatch, built)
    store(archive, built)
    # As if an older database had been restored: its newest row is older than the orphan.
    real = archive.stores.index.newest_arrival
    monkeypatch.setattr(archive.stores.index, "newest_arrival", lambda: real() - timedelta(days=1))
    archive.clock.ahead += timedelta(hours=1)

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)

    ((_, why),) = report.set_aside
    assert why == "the instance is stored already"


def test_an_orphan_that_does_not_open_is_set_aside(archive, monkeypatch):
    orphan(archive, monkeypatch, ct_instance())
    archive.clock.ahead += timedelta(hours=1)
    monkeypatch.setattr(
        "raykeep.services.integrity.decode_manifest",
        lambda data: decode_manifest(b"another form" + data),
    )

    report = sweep_blobs(archive.enforcer, OPERATOR, archive.clock)

    ((_, why),) = report.set_aside
    assert why.startswith("it does not open")
