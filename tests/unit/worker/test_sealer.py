"""The sealer: every record becomes a leaf, checkpoints come in time, failures are tried again."""

from datetime import timedelta

import pytest

from raykeep.crypto.signing import Checkpoint, NoteSigner, NoteVerifier, new_signing_key
from raykeep.domain.access import Action
from raykeep.domain.errors import ChangeRefused, IntegrityError, StorageUnavailable
from raykeep.ledger import Ledger
from raykeep.worker.sealer import FAILED_INTERVAL, INTERVAL, seal_until
from tests.fakes.audit_trail import MemoryAuditTrail
from tests.fakes.keys import SettableClock
from tests.fakes.records import audit_record

ORIGIN = "raykeep-test"
SIGNER = NoteSigner(ORIGIN, new_signing_key())
LOG = NoteVerifier(ORIGIN, SIGNER.public_key)


class Rounds:
    """Stands in for the event: set after these steps, of which one is done in each wait."""

    def __init__(self, clock, *steps):
        self.clock = clock
        self.steps = list(steps)
        self.waited = []

    def is_set(self):
        return not self.steps

    def wait(self, seconds):
        self.waited.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        self.steps.pop(0)()


def nothing():
    pass


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def trail():
    return MemoryAuditTrail()


def sealed(trail, clock, *steps):
    rounds = Rounds(clock, *steps)
    seal_until(rounds, Ledger(trail, SIGNER, ORIGIN, clock))
    return rounds.waited


def sizes(trail):
    return [Checkpoint.opened(note, LOG).size for _, note in trail.checkpoints()]


def test_every_record_becomes_a_leaf_and_the_first_are_signed_at_once(trail, clock):
    trail.write(audit_record(1), audit_record(2))

    waited = sealed(trail, clock, nothing)

    assert (trail.size(), trail.unsealed_count()) == (2, 0)
    assert sizes(trail) == [2]
    assert waited == [INTERVAL]


def test_what_was_written_last_is_sealed_before_the_end(trail, clock):
    sealed(trail, clock, lambda: trail.write(audit_record(1)))

    assert trail.unsealed_count() == 0


def test_a_few_records_wait_for_their_checkpoint_and_one_that_asks_gets_it_at_once(trail, clock):
    asking = audit_record(3, action=Action.AUDIT_CHECKPOINT)

    sealed(
        trail,
        clock,
        lambda: trail.write(audit_record(1)),
        lambda: trail.write(audit_record(2)),
        lambda: trail.write(asking),
        nothing,
    )

    assert sizes(trail) == [1, 3]


def test_after_a_minute_what_came_since_is_signed(trail, clock):
    def a_minute_later():
        clock.advance(timedelta(minutes=1))

    sealed(
        trail,
        clock,
        lambda: trail.write(audit_record(1)),
        lambda: trail.write(audit_record(2)),
        a_minute_later,
        a_minute_later,
    )

    assert sizes(trail) == [1, 2]


@pytest.mark.parametrize("error", [ChangeRefused, StorageUnavailable])
def test_sealing_that_fails_is_tried_again_a_little_later(trail, clock, monkeypatch, error):
    real = trail.append_leaves

    def failing(leaves):
        monkeypatch.setattr(trail, "append_leaves", real)
        raise error("not now")

    monkeypatch.setattr(trail, "append_leaves", failing)
    trail.write(audit_record(1))

    waited = sealed(trail, clock, nothing, nothing)

    assert waited == [FAILED_INTERVAL, INTERVAL]
    assert (trail.size(), sizes(trail)) == (1, [1])


def test_a_checkpoint_that_fails_is_tried_again(trail, clock, monkeypatch):
    real = trail.add_checkpoint

    def failing(*_):
        monkeypatch.setattr(trail, "add_checkpoint", real)
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(trail, "add_checkpoint", failing)
    trail.write(audit_record(1))

    sealed(trail, clock, nothing, nothing)

    assert sizes(trail) == [1]


def test_a_request_whose_checkpoint_failed_is_not_forgotten(trail, clock, monkeypatch):
    real = trail.add_checkpoint

    def failing(*_):
        monkeypatch.setattr(trail, "add_checkpoint", real)
        raise StorageUnavailable("the disk is full")

    def asking():
        monkeypatch.setattr(trail, "add_checkpoint", failing)
        trail.write(audit_record(2, action=Action.AUDIT_CHECKPOINT))

    trail.write(audit_record(1))

    sealed(trail, clock, asking, nothing, nothing)

    assert sizes(trail) == [1, 2]


def test_a_trail_that_was_changed_is_not_sealed_on(trail, clock):
    trail.write(audit_record(1), audit_record(2))
    sealed(trail, clock, nothing)
    trail.leaf_rows.pop()
    trail.write(audit_record(3))

    with pytest.raises(IntegrityError, match="is not the one that its checkpoint"):
        sealed(trail, clock, nothing)

    assert trail.size() == 1
