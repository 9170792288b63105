"""Sealing, signing and proving."""

from datetime import timedelta
from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.merkle import root_of
from raykeep.crypto.proofs import check_proof
from raykeep.crypto.signing import Checkpoint, NoteSigner, NoteVerifier
from raykeep.domain.access import Action
from raykeep.domain.audit_event import Leaf
from raykeep.domain.errors import (
    ChangeRefused,
    IntegrityError,
    KeyUnavailable,
    RecordNotFound,
)
from raykeep.ledger import Ledger, canonical_entry
from tests.fakes.audit_trail import MemoryAuditTrail
from tests.fakes.keys import SettableClock
from tests.fakes.records import audit_record

ORIGIN = "raykeep/a1b2c3"
SIGNER = NoteSigner(ORIGIN, bytes(range(32)))
LOG = NoteVerifier(ORIGIN, SIGNER.public_key)


@pytest.fixture
def trail() -> MemoryAuditTrail:
    return MemoryAuditTrail()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def ledger(trail: MemoryAuditTrail, clock: SettableClock) -> Ledger:
    return Ledger(trail, SIGNER, ORIGIN, clock)


def written(trail: MemoryAuditTrail, count: int, first: int = 0) -> None:
    trail.write(*(audit_record(number) for number in range(first, first + count)))


def the_same(trail: MemoryAuditTrail, clock: SettableClock) -> Ledger:
    """A ledger of the next process over the same trail."""
    return Ledger(trail, SIGNER, ORIGIN, clock)


# --- sealing -----------------------------------------------------------------------------------


def test_records_become_leaves_in_the_order_of_their_writing(
    trail: MemoryAuditTrail, ledger: Ledger
) -> None:
    written(trail, 5)

    assert ledger.seal_pending() == 5

    chain = bytes(32)
    for index, (leaf, record) in enumerate(trail.leaves(0, 5)):
        assert leaf.index == index
        assert leaf.record_id == record.record_id == audit_record(index).record_id
        assert leaf.entry == canonical_entry(record)
        assert leaf.leaf_hash == sha256(b"\0" + leaf.entry).digest()
        chain = sha256(chain + leaf.leaf_hash).digest()
        assert leaf.chain == chain


def test_nothing_is_sealed_twice(trail: MemoryAuditTrail, ledger: Ledger) -> None:
    written(trail, 3)

    assert [ledger.seal_pending(), ledger.seal_pending()] == [3, 0]
    assert trail.unsealed_count() == 0


def test_no_more_is_sealed_at_once_than_asked_for(trail: MemoryAuditTrail, ledger: Ledger) -> None:
    written(trail, 10)

    assert [ledger.seal_pending(4) for _ in range(4)] == [4, 4, 2, 0]


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=12))
def test_how_the_work_was_cut_leaves_no_trace(rounds: list[tuple[int, bool]]) -> None:
    total = sum(count for count, _ in rounds)
    cut, whole = MemoryAuditTrail(), MemoryAuditTrail()
    ledger = Ledger(cut, SIGNER, ORIGIN, SettableClock())
    first = 0
    for count, restarts in rounds:
        written(cut, count, first)
        first += count
        if restarts:
            ledger = Ledger(cut, SIGNER, ORIGIN, SettableClock())
        ledger.seal_pending()
    written(whole, total)
    Ledger(whole, SIGNER, ORIGIN, SettableClock()).seal_pending()

    assert cut.leaf_rows == whole.leaf_rows


def test_two_that_seal_do_not_write_over_one_another(
    trail: MemoryAuditTrail, ledger: Ledger, clock: SettableClock
) -> None:
    written(trail, 2)
    ledger.seal_pending()
    written(trail, 1, first=2)
    other = the_same(trail, clock)
    other.seal_pending()
    written(trail, 1, first=3)

    with pytest.raises(ChangeRefused):
        ledger.seal_pending()

    assert ledger.seal_pending() == 1
    assert ledger.verify(SIGNER.public_key).holds


def test_a_failed_write_is_done_again(
    trail: MemoryAuditTrail, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(trail, 2)

    def fails(leaves: list[Leaf]) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(trail, "append_leaves", fails)
        with pytest.raises(OSError):  # noqa: PT011 (any will do)
            ledger.seal_pending()

    assert ledger.seal_pending() == 2
    assert ledger.verify(SIGNER.public_key).holds


# --- checkpoints -------------------------------------------------------------------------------


def test_a_checkpoint_is_over_all_leaves_and_kept(trail: MemoryAuditTrail, ledger: Ledger) -> None:
    written(trail, 5)
    ledger.seal_pending()

    note = ledger.checkpoint()

    checkpoint = Checkpoint.opened(note, LOG)
    assert checkpoint.size == 5
    assert checkpoint.root == root_of(leaf.leaf_hash for leaf in trail.leaf_rows)
    assert trail.checkpoints() == [(5, note)]


def test_the_root_is_that_of_a_second_implementation(
    trail: MemoryAuditTrail, ledger: Ledger
) -> None:
    written(trail, 23)
    ledger.seal_pending()
    other = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in trail.leaf_rows:
        other.append_entry(leaf.entry)

    assert Checkpoint.opened(ledger.checkpoint(), LOG).root == other.get_root()


def test_the_same_leaves_have_one_checkpoint(
    trail: MemoryAuditTrail, ledger: Ledger, clock: SettableClock
) -> None:
    written(trail, 5)
    ledger.seal_pending()

    notes = {ledger.checkpoint(), ledger.checkpoint(), the_same(trail, clock).checkpoint()}

    assert len(notes) == len(trail.checkpoints()) == 1


def test_an_empty_trail_has_a_checkpoint_when_it_is_asked_for(ledger: Ledger) -> None:
    assert Checkpoint.opened(ledger.checkpoint(), LOG).size == 0


def test_a_checkpoint_is_due_at_once_and_then_after_a_minute(
    trail: MemoryAuditTrail, ledger: Ledger, clock: SettableClock
) -> None:
    assert ledger.checkpoint_if_due() is None
    written(trail, 1)
    ledger.seal_pending()
    assert ledger.checkpoint_if_due() is not None

    written(trail, 1, first=1)
    ledger.seal_pending()
    clock.advance(timedelta(seconds=59))
    assert ledger.checkpoint_if_due() is None
    clock.advance(timedelta(seconds=1))
    assert Checkpoint.opened(ledger.checkpoint_if_due(), LOG).size == 2
    clock.advance(timedelta(hours=1))
    assert ledger.checkpoint_if_due() is None


def test_a_checkpoint_is_due_after_256_leaves(
    trail: MemoryAuditTrail, ledger: Ledger, clock: SettableClock
) -> None:
    written(trail, 1)
    ledger.seal_pending()
    ledger.checkpoint()
    written(trail, 255, first=1)
    ledger.seal_pending()
    assert ledger.checkpoint_if_due() is None

    written(trail, 1, first=256)
    ledger.seal_pending()

    assert ledger.checkpoint_if_due() is not None


def test_a_checkpoint_that_was_asked_for_on_the_trail_is_due(
    trail: MemoryAuditTrail, ledger: Ledger
) -> None:
    written(trail, 1)
    ledger.seal_pending()
    ledger.checkpoint()
    trail.write(audit_record(1, action=Action.AUDIT_CHECKPOINT))
    ledger.seal_pending()

    assert ledger.checkpoint_if_due() is not None
    assert ledger.checkpoint_if_due() is None


def test_a_process_without_key_signs_nothing(trail: MemoryAuditTrail, clock: SettableClock) -> None:
    with pytest.raises(KeyUnavailable, match="the sealer has"):
        Ledger(trail, None, ORIGIN, clock).checkpoint()


def test_the_signer_is_named_like_the_log(trail: MemoryAuditTrail, clock: SettableClock) -> None:
    with pytest.raises(ValueError, match="other"):
        Ledger(trail, NoteSigner("other", bytes(32)), ORIGIN, clock)


def cut(trail: MemoryAuditTrail) -> None:
    del trail.leaf_rows[3:]


def rewrite(trail: MemoryAuditTrail) -> None:
    trail.leaf_rows.clear()
    trail.rows.pop(audit_record(2).record_id)
    Ledger(MemoryView(trail), None, ORIGIN, SettableClock()).seal_pending()


class MemoryView(MemoryAuditTrail):
    """Another's tables without the checkpoints."""

    def __init__(self, trail: MemoryAuditTrail) -> None:
        self.rows, self.leaf_rows, self.notes = trail.rows, trail.leaf_rows, []


def forge(trail: MemoryAuditTrail) -> None:
    other = NoteSigner(ORIGIN, bytes(32))
    root = root_of(leaf.leaf_hash for leaf in trail.leaf_rows)
    trail.notes[-1] = (5, Checkpoint(ORIGIN, 5, root).signed(other))


def smear(trail: MemoryAuditTrail) -> None:
    trail.notes[-1] = (5, "not a note")


@pytest.mark.parametrize("tamper", [cut, rewrite, forge, smear])
def test_what_contradicts_an_earlier_checkpoint_is_never_signed(
    trail: MemoryAuditTrail, ledger: Ledger, clock: SettableClock, tamper
) -> None:
    written(trail, 5)
    ledger.seal_pending()
    ledger.checkpoint()
    tamper(trail)
    written(trail, 5, first=5)
    after = the_same(trail, clock)

    for step in (after.seal_pending, after.checkpoint, after.checkpoint_if_due):
        with pytest.raises(IntegrityError):
            step()
    assert len(trail.checkpoints()) == 1


def test_a_trail_that_ends_before_its_size_is_not_built_upon(
    trail: MemoryAuditTrail, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "size", lambda: 1)

    with pytest.raises(IntegrityError):
        the_same(trail, clock).seal_pending()


# --- proofs ------------------------------------------------------------------------------------


def test_every_sealed_record_can_be_proved_to_a_third_party(
    trail: MemoryAuditTrail, ledger: Ledger, clock: SettableClock
) -> None:
    for first in (0, 7):
        written(trail, 7, first)
        ledger.seal_pending()
        ledger.checkpoint()
    auditor = Ledger(trail, None, ORIGIN, clock)

    for number in range(14):
        record = audit_record(number)
        proof = auditor.prove(record.record_id)
        assert proof.leaf_index == number
        assert proof.tree_size == (7 if number < 7 else 14)
        assert proof.entry == canonical_entry(record)
        assert check_proof(canonical_entry(record), proof.text(), LOG).size == proof.tree_size


def test_what_is_not_there_or_not_yet_signed_cannot_be_proved(
    trail: MemoryAuditTrail, ledger: Ledger
) -> None:
    written(trail, 1)
    record_id = audit_record(0).record_id
    with pytest.raises(RecordNotFound, match="sealed within a second"):
        ledger.prove(record_id)

    ledger.seal_pending()
    with pytest.raises(RecordNotFound, match="signed within a minute"):
        ledger.prove(record_id)

    ledger.checkpoint()
    assert ledger.prove(record_id).leaf_index == 0


def test_a_changed_trail_proves_nothing(trail: MemoryAuditTrail, ledger: Ledger) -> None:
    written(trail, 5)
    ledger.seal_pending()
    ledger.checkpoint()
    leaf = trail.leaf_rows[2]
    entry = leaf.entry.replace(b"success", b"failed!")
    trail.leaf_rows[2] = Leaf(2, leaf.record_id, entry, leaf.leaf_hash, leaf.chain)

    with pytest.raises(IntegrityError, match="does not hold"):
        ledger.prove(leaf.record_id)


def test_a_cut_trail_proves_nothing(trail: MemoryAuditTrail, ledger: Ledger) -> None:
    written(trail, 5)
    ledger.seal_pending()
    ledger.checkpoint()
    del trail.leaf_rows[4:]

    with pytest.raises(IntegrityError, match="its end was cut"):
        ledger.prove(audit_record(0).record_id)
