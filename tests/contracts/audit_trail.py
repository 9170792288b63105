"""What every `AuditTrail` promises. Subclasses give `trail` and `unit_of_work` over one store."""

from datetime import timedelta
from itertools import combinations

import pytest

from raykeep.domain.access import Action
from raykeep.domain.audit_event import AuditRecord, EventID, Leaf, Outcome, RecordFilter
from raykeep.domain.changes import Unit
from raykeep.domain.errors import ChangeRefused
from raykeep.domain.facility import FacilityName
from tests.contracts.instances import MAIN, NOON, a_record

NORTH = FacilityName("north")


def a_leaf(index: int, record: AuditRecord) -> Leaf:
    """A leaf; nothing below the ledger looks at what is in it."""
    return Leaf(index, record.record_id, b'{"v":1}' + bytes(3), bytes([index]) * 32, bytes(32))


class AuditTrailContract:
    """The promises."""

    @pytest.fixture
    def written(self, unit_of_work) -> list[AuditRecord]:
        """Records of all sorts, in the order of their writing, which is that of their time."""
        records = [
            a_record(
                NOON + timedelta(minutes=number),
                actor=("CT01", "alice")[number % 2],
                action=(Action.INSTANCE_STORE, Action.STUDY_SEARCH, Action.DEVICE_REVOKE)[
                    number % 3
                ],
                outcome=(Outcome.SUCCESS, Outcome.SUCCESS, Outcome.DENIED, Outcome.FAILED)[
                    number % 4
                ],
                event=(EventID.QUERY, EventID.SECURITY_ALERT)[number % 2],
                facility=(MAIN, NORTH, None)[number % 3],
                study_instance_uid=("", "1.2.3", "1.2.4")[number % 3],
                patient=("", "ab" * 16)[number % 2],
                details={"number": number},
            )
            for number in range(24)
        ]
        for record in records:
            unit_of_work.commit(Unit((record,)))
        return records

    def test_an_unknown_id_has_no_record_and_no_leaf(self, trail) -> None:
        assert trail.record("0" * 32) is None
        assert trail.leaf_of("0" * 32) is None
        assert (trail.size(), trail.unsealed_count(), trail.unsealed(5)) == (0, 0, [])
        assert (trail.search(RecordFilter()), trail.checkpoints()) == ([], [])
        assert list(trail.orphan_records()) == []

    def test_each_part_of_a_filter_and_each_pair_must_hold(self, trail, written) -> None:
        parts = {
            "since": (NOON + timedelta(minutes=5), lambda r, v: r.at >= v),
            "until": (NOON + timedelta(minutes=15), lambda r, v: r.at < v),
            "actor": ("alice", lambda r, v: r.actor == v),
            "action": (Action.DEVICE_REVOKE, lambda r, v: r.action is v),
            "outcome": (Outcome.DENIED, lambda r, v: r.outcome is v),
            "event": (EventID.SECURITY_ALERT, lambda r, v: r.event is v),
            "facility": (NORTH, lambda r, v: r.facility == v),
            "study_instance_uid": ("1.2.3", lambda r, v: r.study_instance_uid == v),
            "patient": ("ab" * 16, lambda r, v: r.patient == v),
        }
        for size in (1, 2):
            for names in combinations(parts, size):
                wanted = RecordFilter(
                    **{name: parts[name][0] for name in names}, newest_first=False
                )
                expected = [r for r in written if all(parts[n][1](r, parts[n][0]) for n in names)]
                assert trail.search(wanted) == expected, names

    def test_a_search_is_ordered_by_time_and_cut_at_its_limit(self, trail, written) -> None:
        assert trail.search(RecordFilter(limit=3)) == written[:-4:-1]
        assert trail.search(RecordFilter(limit=3, newest_first=False)) == written[:3]
        assert trail.search(RecordFilter(limit=0)) == []

    def test_an_empty_part_means_that_the_record_has_none(self, trail, written) -> None:
        found = trail.search(RecordFilter(study_instance_uid="", newest_first=False))

        assert found in ([], [r for r in written if r.study_instance_uid == ""])

    def test_the_unsealed_come_in_the_order_of_writing(self, trail, written) -> None:
        assert trail.unsealed(5) == written[:5]
        assert trail.unsealed_count() == 24

        trail.append_leaves([a_leaf(n, record) for n, record in enumerate(written[:7])])

        assert trail.unsealed(100) == written[7:]
        assert trail.unsealed_count() == 17
        assert trail.size() == 7

    def test_sealing_goes_on_with_records_that_come_later(
        self, trail, written, unit_of_work
    ) -> None:
        trail.append_leaves([a_leaf(n, record) for n, record in enumerate(written)])
        assert trail.unsealed(10) == []
        late = a_record(NOON - timedelta(days=1))
        unit_of_work.commit(Unit((late,)))

        assert trail.unsealed(10) == [late]
        assert trail.unsealed_count() == 1

    def test_a_leaf_is_added_only_after_the_last_one(self, trail, written) -> None:
        trail.append_leaves([a_leaf(0, written[0]), a_leaf(1, written[1])])

        for wrong in (1, 3):
            with pytest.raises(ChangeRefused):
                trail.append_leaves([a_leaf(wrong, written[2])])
        with pytest.raises(ChangeRefused):
            trail.append_leaves([a_leaf(2, written[2]), a_leaf(4, written[3])])
        with pytest.raises(ChangeRefused):
            trail.append_leaves([a_leaf(2, written[0])])  # that record has its leaf

        assert trail.size() == 2
        assert [leaf for leaf, _ in trail.leaves(0, 10)] == [
            a_leaf(0, written[0]),
            a_leaf(1, written[1]),
        ]

    def test_leaves_come_by_index_with_their_records(self, trail, written) -> None:
        leaves = [a_leaf(n, record) for n, record in enumerate(written)]
        nobody = a_leaf(24, a_record())
        trail.append_leaves([*leaves, nobody])

        expected = list(zip([*leaves, nobody], [*written, None], strict=True))
        assert list(trail.leaves(0, 25)) == expected
        assert list(trail.leaves(3, 5)) == expected[3:5]
        assert trail.leaf_of(written[4].record_id) == leaves[4]

    def test_a_record_that_was_slipped_in_among_sealed_ones_is_found(self, trail, written) -> None:
        sealed = [record for record in written[:10] if record is not written[4]]
        trail.append_leaves([a_leaf(n, record) for n, record in enumerate(sealed)])

        assert list(trail.orphan_records()) == [written[4]]

    def test_checkpoints_are_kept_by_size(self, trail) -> None:
        trail.add_checkpoint(7, "raykeep\n7\nroot\n\n— signature\n")
        trail.add_checkpoint(3, "three")
        trail.add_checkpoint(7, "seven again")

        assert trail.checkpoints() == [
            (3, "three"),
            (7, "raykeep\n7\nroot\n\n— signature\n"),
            (7, "seven again"),
        ]
