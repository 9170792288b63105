"""The trail: read, verified, proved and taken along, and each look stands on it."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from raykeep.crypto.proofs import check_proof
from raykeep.crypto.signing import Checkpoint, NoteSigner, new_signing_key
from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import EventID, Outcome, RecordFilter
from raykeep.domain.errors import AccessDenied, RecordNotFound, StorageUnavailable
from raykeep.ledger import Ledger
from raykeep.services import audit_review as module
from raykeep.services.audit_review import (
    TrailKeys,
    export_trail,
    kept_checkpoints,
    prove_record,
    pseudonym,
    search_trail,
    sign_checkpoint,
    verify_trail,
)
from raykeep.services.tenants import list_facilities
from raykeep.worker.sealer import seal_until
from tests.builders import ct_instance
from tests.fakes.archive import FACILITY, OPERATOR
from tests.services.stored import actor, store

ORIGIN = "raykeep-test"
SIGNER = NoteSigner(ORIGIN, new_signing_key())
KEYS = TrailKeys(ORIGIN, SIGNER.public_key, SIGNER)
WITHOUT_SIGNER = TrailKeys(ORIGIN, SIGNER.public_key)
AUDITOR = actor(Role.AUDITOR)


def last(archive):
    return archive.records()[-1]


def asked(archive, keys, wait=time.sleep):
    return sign_checkpoint(archive.enforcer, OPERATOR, keys, archive.clock, wait)


def checkpoint(archive):
    """Seal everything and sign it."""
    return asked(archive, KEYS)


def opened(note):
    return Checkpoint.opened(note, KEYS.verifier())


@contextmanager
def sealing(archive):
    """The sealer, beside."""
    ledger = Ledger(archive.stores.trail, SIGNER, ORIGIN, archive.clock)
    stop = threading.Event()
    sealer = threading.Thread(target=seal_until, args=(stop, ledger))
    sealer.start()
    try:
        yield
    finally:
        stop.set()
        sealer.join()


# --- reading -----------------------------------------------------------------------------------


def test_records_that_fit_are_found_and_the_look_is_recorded(shared):
    list_facilities(shared.enforcer, OPERATOR)
    since = shared.clock.now() - timedelta(minutes=1)
    wanted = RecordFilter(
        action=Action.FACILITY_READ,
        outcome=Outcome.SUCCESS,
        actor=OPERATOR.name,
        since=since,
        until=since + timedelta(days=1),
    )

    found = search_trail(shared.enforcer, AUDITOR, wanted)

    assert [r.action for r in found] == [Action.FACILITY_READ]
    record = last(shared)
    assert (record.action, record.event) == (Action.AUDIT_READ, EventID.AUDIT_LOG_USED)
    assert (record.actor, record.count) == (AUDITOR.name, 1)
    assert record.details == {
        "actor": OPERATOR.name,
        "action": "facility:read",
        "outcome": "success",
        "since": since.isoformat(),
        "until": (since + timedelta(days=1)).isoformat(),
    }


def test_a_patient_is_searched_for_by_what_the_trail_calls_them(shared):
    built = ct_instance(patient_id="P-4711")
    store(shared, built)

    known_as = pseudonym(shared.enforcer, AUDITOR, FACILITY, "P-4711")
    found = search_trail(shared.enforcer, AUDITOR, RecordFilter(patient=known_as))

    assert [r.study_instance_uid for r in found] == [built.study_instance_uid]
    assert last(shared).details == {"patient": known_as}
    asked = [r for r in shared.records() if r.details.get("asked") == "pseudonym"]
    assert len(asked) == 1
    assert "P-4711" not in repr(shared.records())


# --- verifying and signing ---------------------------------------------------------------------


def test_a_trail_that_nobody_touched_holds(shared):
    note = checkpoint(shared)

    report = verify_trail(shared.enforcer, AUDITOR, WITHOUT_SIGNER, shared.clock, [note])

    assert report.holds
    assert report.leaves == opened(note).size
    record = last(shared)
    assert (record.action, record.count) == (Action.AUDIT_VERIFY, report.leaves)
    assert record.details == {"findings": 0, "first": ""}


def test_a_checkpoint_of_another_trail_is_a_finding_that_the_trail_remembers(shared):
    checkpoint(shared)
    foreign = Checkpoint(ORIGIN, 1, bytes(32)).signed(SIGNER)

    report = verify_trail(shared.enforcer, AUDITOR, KEYS, shared.clock, [foreign])

    assert not report.holds
    assert last(shared).details == {
        "findings": len(report.findings),
        "first": report.first.what,
    }


def test_a_checkpoint_that_is_signed_here_covers_its_own_request(shared):
    note = checkpoint(shared)

    (request,) = [r for r in shared.records() if r.action is Action.AUDIT_CHECKPOINT][-1:]
    leaf = shared.stores.trail.leaf_of(request.record_id)
    assert leaf.index < opened(note).size
    assert shared.stores.trail.unsealed_count() == 0
    assert shared.stores.trail.checkpoints()[-1] == (opened(note).size, note)


def test_the_sealer_signs_the_checkpoint_that_is_asked_for_while_it_runs(archive):
    with sealing(archive):
        note = asked(archive, WITHOUT_SIGNER)
        again = asked(archive, WITHOUT_SIGNER)

    first, second = opened(note).size, opened(again).size
    requests = [r for r in archive.records() if r.action is Action.AUDIT_CHECKPOINT]
    indices = [archive.stores.trail.leaf_of(r.record_id).index for r in requests]
    assert indices[0] < first <= indices[1] < second


def test_a_checkpoint_that_was_signed_meanwhile_does_not_pass_for_the_one_asked_for(
    archive, monkeypatch
):
    # The sealer signs between two looks at the trail, before the request is on it.
    real = archive.stores.unit_of_work.commit

    def overtaken(unit):
        if unit.records[0].action is Action.AUDIT_CHECKPOINT:
            monkeypatch.setattr(archive.stores.unit_of_work, "commit", real)
            list_facilities(archive.enforcer, OPERATOR)
            ledger = Ledger(archive.stores.trail, SIGNER, ORIGIN, archive.clock)
            ledger.seal_pending()
            ledger.checkpoint()
        real(unit)

    monkeypatch.setattr(archive.stores.unit_of_work, "commit", overtaken)
    times = iter(range(0, 1000, 8))
    monkeypatch.setattr(archive.clock, "monotonic", lambda: float(next(times)))

    with pytest.raises(StorageUnavailable, match="signed no checkpoint in time"):
        asked(archive, WITHOUT_SIGNER, wait=lambda _: None)

    assert len(archive.stores.trail.checkpoints()) == 1


def test_a_leaf_without_a_checkpoint_is_waited_for(archive):
    ledger = Ledger(archive.stores.trail, SIGNER, ORIGIN, archive.clock)
    steps = iter((lambda: None, ledger.seal_pending, ledger.checkpoint))

    note = asked(archive, WITHOUT_SIGNER, wait=lambda _: next(steps)())

    assert opened(note).size == archive.stores.trail.size()


# --- proving and exporting ---------------------------------------------------------------------


def test_a_record_is_proved_to_whoever_has_the_public_key(shared):
    list_facilities(shared.enforcer, OPERATOR)
    record = last(shared)
    checkpoint(shared)

    proof = prove_record(shared.enforcer, AUDITOR, WITHOUT_SIGNER, shared.clock, record.record_id)

    check_proof(proof.entry, proof.text(), KEYS.verifier())
    assert record.record_id in proof.entry.decode()
    assert last(shared).details == {"record": record.record_id}


def test_a_record_that_is_not_sealed_yet_cannot_be_proved(shared):
    list_facilities(shared.enforcer, OPERATOR)
    record = last(shared)

    with pytest.raises(RecordNotFound, match="sealed within a second"):
        prove_record(shared.enforcer, AUDITOR, KEYS, shared.clock, record.record_id)
    with pytest.raises(RecordNotFound):
        prove_record(shared.enforcer, AUDITOR, KEYS, shared.clock, "0" * 32)

    assert (last(shared).action, last(shared).outcome) == (Action.AUDIT_READ, Outcome.FAILED)


@pytest.mark.parametrize("batch", [1, 3, 2000])
def test_all_sealed_entries_are_given_out_in_order(shared, monkeypatch, batch):
    monkeypatch.setattr(module, "EXPORT_BATCH", batch)
    checkpoint(shared)
    size = shared.stores.trail.size()

    batches = list(export_trail(shared.enforcer, OPERATOR))

    entries = [json.loads(entry) for entries in batches for entry in entries]
    assert len(entries) == size
    assert {len(one) for one in batches[:-1]} <= {batch}
    leaves = [leaf.entry for leaf, _ in shared.stores.trail.leaves(0, size)]
    assert [e for one in batches for e in one] == leaves
    assert (last(shared).action, last(shared).count) == (Action.AUDIT_EXPORT, size)


def test_an_export_of_whole_batches_has_no_empty_one(archive, monkeypatch):
    checkpoint(archive)
    monkeypatch.setattr(module, "EXPORT_BATCH", archive.stores.trail.size())

    assert [len(one) for one in export_trail(archive.enforcer, OPERATOR)] == [
        archive.stores.trail.size()
    ]


def test_an_export_that_is_broken_off_is_on_the_trail_as_such(shared, monkeypatch):
    monkeypatch.setattr(module, "EXPORT_BATCH", 1)
    checkpoint(shared)

    exporting = export_trail(shared.enforcer, OPERATOR)
    next(exporting)
    exporting.close()

    assert (last(shared).outcome, last(shared).reason) == (Outcome.FAILED, "GeneratorExit")


def test_the_signed_checkpoints_are_given_out_by_size(shared):
    checkpoint(shared)
    checkpoint(shared)

    kept = kept_checkpoints(shared.enforcer, AUDITOR)

    assert [size for size, _ in kept] == sorted(opened(note).size for _, note in kept)
    assert last(shared).count == len(kept)


@pytest.mark.parametrize(
    "ask",
    [
        lambda door, who, clock: search_trail(door, who, RecordFilter()),
        lambda door, who, clock: pseudonym(door, who, FACILITY, "P1"),
        lambda door, who, clock: verify_trail(door, who, KEYS, clock, []),
        lambda door, who, clock: sign_checkpoint(door, who, KEYS, clock, time.sleep),
        lambda door, who, clock: prove_record(door, who, KEYS, clock, "0" * 32),
        lambda door, who, clock: list(export_trail(door, who)),
        lambda door, who, clock: kept_checkpoints(door, who),
    ],
)
def test_who_is_no_auditor_learns_nothing_of_the_trail(shared, ask):
    with pytest.raises(AccessDenied):
        ask(shared.enforcer, actor(Role.RADIOLOGIST), shared.clock)

    assert last(shared).outcome is Outcome.DENIED
