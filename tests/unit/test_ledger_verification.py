"""Tampering, one kind a test: it is found, and its place is named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.merkle import EMPTY_ROOT, leaf_hash, root_of
from raykeep.crypto.signing import Checkpoint, NoteSigner
from raykeep.domain.access import Action, ActorKind, Door
from raykeep.domain.audit_event import AuditRecord, EventID, Leaf, Outcome
from raykeep.domain.facility import FacilityName
from raykeep.ledger import Ledger, VerifyReport, canonical_entry, verification
from tests.fakes.audit_trail import MemoryAuditTrail
from tests.fakes.keys import SettableClock
from tests.fakes.records import START, audit_record, audit_records

ORIGIN = "raykeep/a1b2c3"
SIGNER = NoteSigner(ORIGIN, bytes(range(32)))
COUNT = 20  # records of the trail below, with checkpoints after 8 and 16


def sealed_trail() -> tuple[MemoryAuditTrail, list[str]]:
    """A trail and the checkpoints that left the machine."""
    trail = MemoryAuditTrail()
    ledger = Ledger(trail, SIGNER, ORIGIN, SettableClock())
    notes = []
    for first, count in ((0, 8), (8, 8), (16, 4)):
        trail.write(*(audit_record(number) for number in range(first, first + count)))
        ledger.seal_pending()
        if count == 8:
            notes.append(ledger.checkpoint())
    return trail, notes


@pytest.fixture
def trail() -> MemoryAuditTrail:
    return sealed_trail()[0]


NOTES = sealed_trail()[1]


def verify(trail: MemoryAuditTrail, *notes: str) -> VerifyReport:
    return Ledger(trail, None, ORIGIN, SettableClock()).verify(SIGNER.public_key, notes)


def ident(number: int) -> str:
    return audit_record(number).record_id


def rebuild(trail: MemoryAuditTrail, entries: list[tuple[str, bytes]]) -> None:
    """Write the leaves anew, all hashes and chains right: what a clever attacker would do."""
    chain, leaves = bytes(32), []
    for index, (record_id, entry) in enumerate(entries):
        hashed = leaf_hash(entry)
        chain = sha256(chain + hashed).digest()
        leaves.append(Leaf(index, record_id, entry, hashed, chain))
    trail.leaf_rows[:] = leaves


def entries(trail: MemoryAuditTrail) -> list[tuple[str, bytes]]:
    return [(leaf.record_id, leaf.entry) for leaf in trail.leaf_rows]


# --- what is good ------------------------------------------------------------------------------


def test_an_untouched_trail_holds(trail: MemoryAuditTrail) -> None:
    trail.write(audit_record(COUNT))

    report = verify(trail, *NOTES)

    assert report == VerifyReport(COUNT, 4, 16, 1, (), ())
    assert report.holds
    assert report.first is None


def test_an_empty_trail_holds() -> None:
    empty = MemoryAuditTrail()
    note = Checkpoint(ORIGIN, 0, EMPTY_ROOT).signed(SIGNER)

    assert verify(empty, note) == VerifyReport(0, 1, 0, 0, (), ())


@given(st.lists(audit_records, max_size=6, unique_by=lambda record: record.record_id))
def test_any_trail_that_was_sealed_holds(records: list[AuditRecord]) -> None:
    trail = MemoryAuditTrail()
    trail.write(*records)
    ledger = Ledger(trail, SIGNER, ORIGIN, SettableClock())
    ledger.seal_pending()
    ledger.checkpoint()

    assert ledger.verify(SIGNER.public_key).holds


def test_records_that_wait_for_their_leaf_are_counted_and_no_fault(
    trail: MemoryAuditTrail,
) -> None:
    late = audit_record(COUNT - 2, record_id="f" * 32)  # committed after a newer one was sealed
    trail.write(late, audit_record(COUNT))

    report = verify(trail)

    assert report.holds
    assert report.unsealed == 2


# --- rows --------------------------------------------------------------------------------------

CHANGES = {
    "at": START + timedelta(seconds=150, microseconds=1),
    "event": EventID.EXPORT,
    "action": Action.STUDY_READ,
    "outcome": Outcome.DENIED,
    "actor_kind": ActorKind.TOKEN,
    "actor": "CT02",
    "door": Door.DICOMWEB,
    "address": "10.1.2.4",
    "facility": FacilityName("north"),
    "study_instance_uid": "1.2.840.6",
    "patient": "",
    "count": 6,
    "reason": "Devices may store",
    "details": {"digest": f"{5:064x}", "bytes": 524_289},
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_column_is_found_and_named(trail: MemoryAuditTrail, column: str) -> None:
    trail.rows[ident(5)] = replace(trail.rows[ident(5)], **{column: CHANGES[column]})

    report = verify(trail)

    assert len(report.findings) == 1
    assert (report.first.leaf_index, report.first.record_id) == (5, ident(5))
    assert report.first.what.endswith(f"not the sealed one: {column}")


def test_every_column_is_looked_at() -> None:
    assert CHANGES.keys() | {"record_id"} == set(AuditRecord.__slots__)


@given(number=st.integers(0, COUNT - 1), other=audit_records)
def test_a_row_replaced_by_any_other_is_found(number: int, other: AuditRecord) -> None:
    trail, _ = sealed_trail()
    trail.rows[ident(number)] = replace(other, record_id=ident(number))

    report = verify(trail)

    assert (report.first.leaf_index, report.first.record_id) == (number, ident(number))


def test_the_values_themselves_are_not_told(trail: MemoryAuditTrail) -> None:
    trail.rows[ident(5)] = replace(trail.rows[ident(5)], patient="somebody")

    assert "somebody" not in verify(trail).first.what


@pytest.mark.parametrize(
    "changes",
    [{"at": datetime(2026, 1, 1)}, {"at": "yesterday"}, {"reason": object()}, {"reason": "\ud800"}],  # noqa: DTZ001 (a row as it may stand)
)
def test_a_row_that_cannot_be_read_is_found(trail: MemoryAuditTrail, changes) -> None:
    trail.rows[ident(5)] = replace(trail.rows[ident(5)], **changes)

    report = verify(trail)

    assert (report.first.leaf_index, report.first.what) == (
        5,
        "its record in the table cannot be read",
    )


def test_a_row_that_was_dropped_is_found(trail: MemoryAuditTrail) -> None:
    del trail.rows[ident(5)]

    report = verify(trail)

    assert (report.first.leaf_index, report.first.record_id) == (5, ident(5))
    assert "gone" in report.first.what


def test_a_row_that_was_slipped_in_without_a_leaf_is_found(trail: MemoryAuditTrail) -> None:
    trail.write(audit_record(3, record_id="e" * 32))

    report = verify(trail)

    assert (report.first.leaf_index, report.first.record_id) == (None, "e" * 32)
    assert "never sealed" in report.first.what


def test_a_row_slipped_in_without_any_time_is_found(trail: MemoryAuditTrail) -> None:
    trail.write(audit_record(3, record_id="e" * 32, at=datetime(2026, 1, 1)))  # noqa: DTZ001 (a row as it may stand)

    assert verify(trail).first.record_id == "e" * 32


def test_two_rows_that_changed_places_are_both_found(trail: MemoryAuditTrail) -> None:
    first, second = trail.rows[ident(5)], trail.rows[ident(9)]
    trail.rows[ident(5)] = replace(second, record_id=ident(5))
    trail.rows[ident(9)] = replace(first, record_id=ident(9))

    assert [finding.leaf_index for finding in verify(trail).findings] == [5, 9]


def test_a_table_that_cannot_be_read_on_is_told_with_the_place(
    trail: MemoryAuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(start: int, stop: int):
        for leaf in trail.leaf_rows[:9]:
            yield leaf, trail.rows[leaf.record_id]
        Action("no action of ours")

    monkeypatch.setattr(trail, "leaves", breaks)

    report = verify(trail)

    assert len(report.findings) == 1
    assert (report.leaves, report.first.leaf_index) == (9, 9)
    assert "cannot be read here" in report.first.what


# --- leaves ------------------------------------------------------------------------------------


@given(st.integers(0, COUNT - 1), st.data())
def test_any_changed_byte_of_an_entry_is_found(number: int, data) -> None:
    trail, _ = sealed_trail()
    leaf = trail.leaf_rows[number]
    place = data.draw(st.integers(0, len(leaf.entry) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != leaf.entry[place]))
    changed = leaf.entry[:place] + bytes([value]) + leaf.entry[place + 1 :]
    trail.leaf_rows[number] = replace(leaf, entry=changed)

    report = verify(trail)

    assert report.first.leaf_index == number
    assert "its sealed entry was changed" in report.first.what


@pytest.mark.parametrize("column", ["leaf_hash", "chain"])
def test_a_changed_hash_is_found(trail: MemoryAuditTrail, column: str) -> None:
    trail.leaf_rows[5] = replace(trail.leaf_rows[5], **{column: bytes(32)})

    assert verify(trail).first.leaf_index == 5


@pytest.mark.parametrize("changes", [{"entry": "text"}, {"leaf_hash": None}])
def test_a_leaf_of_another_type_is_found(trail: MemoryAuditTrail, changes) -> None:
    trail.leaf_rows[5] = replace(trail.leaf_rows[5], **changes)

    report = verify(trail)

    assert (report.first.leaf_index, report.first.what) == (5, "the leaf cannot be read")


def test_an_entry_nested_beyond_reason_is_found(trail: MemoryAuditTrail) -> None:
    entry = b"[" * 100_000
    trail.leaf_rows[5] = replace(trail.leaf_rows[5], entry=entry, leaf_hash=leaf_hash(entry))

    assert verify(trail).first.leaf_index == 5


def test_a_leaf_that_names_another_record_is_found(trail: MemoryAuditTrail) -> None:
    trail.leaf_rows[5] = replace(trail.leaf_rows[5], record_id=ident(6))

    report = verify(trail)

    assert report.first.leaf_index == 5
    assert "record_id" in report.first.what


def test_a_leaf_that_was_dropped_is_found(trail: MemoryAuditTrail) -> None:
    del trail.leaf_rows[5]

    report = verify(trail)

    assert (report.first.leaf_index, report.first.what) == (
        5,
        "leaf 6 stands where leaf 5 should",
    )


def test_leaves_that_were_renumbered_after_one_was_dropped_are_found(
    trail: MemoryAuditTrail,
) -> None:
    del trail.leaf_rows[5]
    trail.leaf_rows[:] = [replace(leaf, index=index) for index, leaf in enumerate(trail.leaf_rows)]

    report = verify(trail)

    assert report.first.leaf_index == 5
    assert "the chain breaks" in report.first.what


def test_leaves_that_changed_places_are_found(trail: MemoryAuditTrail) -> None:
    leaves = trail.leaf_rows
    leaves[5], leaves[6] = replace(leaves[6], index=5), replace(leaves[5], index=6)

    report = verify(trail)

    assert report.first.leaf_index == 5
    assert "the chain breaks" in report.first.what


def test_a_record_that_was_replayed_is_found(trail: MemoryAuditTrail) -> None:
    rebuild(trail, [*entries(trail), entries(trail)[5]])

    report = verify(trail)

    assert (report.first.leaf_index, report.first.record_id) == (COUNT, ident(5))
    assert "replayed" in report.first.what


def test_a_replay_is_found_in_long_trails_too(
    trail: MemoryAuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "REPLAY_WINDOW", 6)
    rebuild(trail, [*entries(trail), entries(trail)[COUNT - 7]])

    assert "replayed" in verify(trail).first.what


def test_a_trail_that_gives_fewer_leaves_than_it_says_is_found(
    trail: MemoryAuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "size", lambda: COUNT + 2)

    report = verify(trail)

    assert (report.first.leaf_index, report.first.what) == (
        COUNT,
        f"the trail says {COUNT + 2} leaves and has {COUNT}",
    )


# --- checkpoints -------------------------------------------------------------------------------


def change_row_and_leaves(trail: MemoryAuditTrail, number: int) -> None:
    changed = replace(trail.rows[ident(number)], outcome=Outcome.DENIED)
    trail.rows[ident(number)] = changed
    rows = entries(trail)
    rows[number] = (ident(number), canonical_entry(changed))
    rebuild(trail, rows)


@pytest.mark.parametrize(("number", "first", "size"), [(0, 0, 8), (7, 0, 8), (8, 8, 16)])
def test_a_change_carried_through_all_hashes_is_found_by_the_next_checkpoint(
    trail: MemoryAuditTrail, number: int, first: int, size: int
) -> None:
    change_row_and_leaves(trail, number)

    report = verify(trail)

    assert len(report.findings) == 1
    assert report.first.leaf_index == first
    assert f"leaves {first} to {size - 1} are not those of the kept checkpoint" in report.first.what


@pytest.mark.parametrize("tamper", ["drop", "insert", "reorder"])
def test_leaves_rewritten_with_all_hashes_right_are_found(
    trail: MemoryAuditTrail, tamper: str
) -> None:
    rows = entries(trail)
    if tamper == "drop":
        del trail.rows[rows.pop(5)[0]]
    elif tamper == "insert":
        slipped = audit_record(5, record_id="e" * 32)
        trail.write(slipped)
        rows.insert(5, (slipped.record_id, canonical_entry(slipped)))
    else:
        rows[5], rows[6] = rows[6], rows[5]
    rebuild(trail, rows)

    report = verify(trail)

    assert report.first.leaf_index == 0
    assert "leaves 0 to 7 are not those of the kept checkpoint of size 8" in report.first.what


def test_what_no_checkpoint_covers_can_be_rewritten_unseen_and_is_told_as_unsigned(
    trail: MemoryAuditTrail,
) -> None:
    change_row_and_leaves(trail, 17)

    report = verify(trail)

    assert report.holds
    assert (report.leaves, report.signed_leaves) == (20, 16)


def test_a_tail_cut_below_a_kept_checkpoint_is_found(trail: MemoryAuditTrail) -> None:
    for number in range(12, COUNT):
        del trail.rows[ident(number)]
    del trail.leaf_rows[12:]

    report = verify(trail)

    assert report.first.leaf_index == 12
    assert report.first.what == (
        "the kept checkpoint of size 16 is over 16 leaves: the tail was cut after leaf 11"
    )


def test_a_tail_cut_together_with_its_checkpoints_is_found_by_one_kept_elsewhere(
    trail: MemoryAuditTrail,
) -> None:
    for number in range(8, COUNT):
        del trail.rows[ident(number)]
    del trail.leaf_rows[8:]
    del trail.notes[1:]
    assert verify(trail).holds  # the honest limit: from within it cannot be seen

    report = verify(trail, *NOTES)

    assert report.first.leaf_index == 8
    assert "the given checkpoint 2 is over 16 leaves: the tail was cut" in report.first.what


def test_a_trail_rewritten_and_signed_anew_is_found_by_a_checkpoint_kept_elsewhere(
    trail: MemoryAuditTrail,
) -> None:
    change_row_and_leaves(trail, 3)
    root = root_of(leaf.leaf_hash for leaf in trail.leaf_rows)
    trail.notes[:] = [(COUNT, Checkpoint(ORIGIN, COUNT, root).signed(SIGNER))]
    assert verify(trail).holds

    report = verify(trail, NOTES[0])

    assert report.first.leaf_index == 0
    assert "are not those of the given checkpoint 1" in report.first.what


def test_a_checkpoint_of_another_key_is_found(trail: MemoryAuditTrail) -> None:
    forged = Checkpoint.of_note(trail.notes[0][1]).signed(NoteSigner(ORIGIN, bytes(32)))
    trail.notes[0] = (8, forged)

    report = verify(trail)

    assert "the kept checkpoint of size 8 cannot be relied on" in report.first.what
    assert report.checkpoints == 1


@pytest.mark.parametrize("note", ["", "nonsense", "x" * 100_000])
def test_a_checkpoint_that_is_none_is_found(trail: MemoryAuditTrail, note: str) -> None:
    report = verify(trail, note)

    assert "the given checkpoint 1 cannot be relied on" in report.first.what


def test_a_kept_checkpoint_under_another_size_is_found(trail: MemoryAuditTrail) -> None:
    trail.notes[0] = (7, trail.notes[0][1])

    assert verify(trail).first.what == "the kept checkpoint of size 7 is one over 8 leaves"


def test_two_checkpoints_of_one_size_that_differ_are_found(trail: MemoryAuditTrail) -> None:
    other = Checkpoint(ORIGIN, 8, bytes(32)).signed(SIGNER)

    report = verify(trail, other)

    assert "are not those of the given checkpoint 1" in report.first.what


def test_a_long_trail_without_checkpoints_is_found(
    trail: MemoryAuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_UNSIGNED", 10)
    trail.notes.clear()

    report = verify(trail)

    assert report.first.leaf_index == 0
    assert "no checkpoint covers" in report.first.what


# --- reports -----------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_is_a_warning(trail: MemoryAuditTrail) -> None:
    ledger = Ledger(trail, SIGNER, ORIGIN, SettableClock())
    trail.write(audit_record(3, record_id="e" * 32))
    ledger.seal_pending()

    report = verify(trail)

    assert report.holds
    assert [(one.leaf_index, one.record_id) for one in report.warnings] == [(COUNT, "e" * 32)]
    assert "0:08:00" in report.warnings[0].what


def test_a_report_does_not_grow_without_end(
    trail: MemoryAuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_FINDINGS", 3)
    for number in range(COUNT):
        trail.rows[ident(number)] = replace(trail.rows[ident(number)], reason="other")
    for number in range(5):
        trail.write(audit_record(number, record_id=f"{number:032x}"))

    assert [one.leaf_index for one in verify(trail).findings] == [0, 1, 2]


def test_orphans_beyond_the_report_are_not_even_read(
    trail: MemoryAuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_FINDINGS", 3)
    trail.write(*(audit_record(number, record_id=f"{number:032x}") for number in range(6)))

    report = verify(trail)

    assert [one.record_id for one in report.findings] == [f"{n:032x}" for n in range(3)]


Tamper = Callable[[MemoryAuditTrail], None]


@given(st.data())
def test_any_one_change_to_any_table_under_a_checkpoint_is_found(data) -> None:
    trail, _ = sealed_trail()
    number = data.draw(st.integers(0, 15))
    leaf = trail.leaf_rows[number]
    kind = data.draw(st.sampled_from(["row", "no row", "no leaf", "entry", "hash", "chain", "id"]))
    if kind == "row":
        trail.rows[ident(number)] = replace(trail.rows[ident(number)], count=-1)
    elif kind == "no row":
        del trail.rows[ident(number)]
    elif kind == "no leaf":
        del trail.leaf_rows[number]
    else:
        changed = {"entry": b"{}", "leaf_hash": bytes(32), "chain": bytes(32), "record_id": ""}
        column = {"hash": "leaf_hash", "id": "record_id"}.get(kind, kind)
        trail.leaf_rows[number] = replace(leaf, **{column: changed[column]})

    report = verify(trail)

    assert not report.holds
    assert report.first.leaf_index == number
