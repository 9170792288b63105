"""What every `UnitOfWork` promises. Subclasses give `unit_of_work`, `index`, `registry`, `trail`
and `jobs` over the same store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from raykeep.domain.audit_event import RecordFilter
from raykeep.domain.changes import AddFacility, AddInstance, AddJob, Unit
from raykeep.domain.errors import AlreadyExists, ChangeRefused
from raykeep.domain.facility import Facility, FacilityName
from raykeep.domain.jobs import JobKind, NewJob
from tests.contracts.instances import MAIN, NOON, a_record, a_unit, an_instance


class UnitOfWorkContract:
    """The promises."""

    def test_a_unit_is_there_with_its_record_when_commit_returns(
        self, unit_of_work, index, trail
    ) -> None:
        one, record = an_instance(), a_record()

        unit_of_work.commit(Unit((record,), (AddInstance(one),)))

        assert index.same_instance(MAIN, one.sop_instance_uid) == (
            one.sealed.digest,
            one.sealed.length,
        )
        assert trail.record(record.record_id) == record

    def test_a_refused_change_takes_its_unit_and_its_record_with_it(
        self, unit_of_work, index, trail
    ) -> None:
        stored, new = an_instance(), an_instance()
        again = an_instance(instance=stored.sop_instance_uid)
        unit_of_work.commit(a_unit(stored))
        record = a_record()

        with pytest.raises(ChangeRefused, match=stored.sop_instance_uid):
            unit_of_work.commit(Unit((record,), (AddInstance(new), AddInstance(again))))

        assert index.same_instance(MAIN, new.sop_instance_uid) is None
        assert index.holds([new.sealed.key, again.sealed.key]) == set()
        assert trail.record(record.record_id) is None

    def test_work_that_cannot_be_recorded_is_not_done(self, unit_of_work, index, trail) -> None:
        record, one = a_record(), an_instance()
        unit_of_work.commit(Unit((record,)))

        with pytest.raises(ChangeRefused):
            unit_of_work.commit(Unit((record,), (AddInstance(one),)))

        assert index.holds([one.sealed.key]) == set()
        assert trail.search(RecordFilter()) == [record]

    def test_after_a_refusal_the_next_unit_goes_through(self, unit_of_work, index) -> None:
        stored = an_instance()
        unit_of_work.commit(a_unit(stored))
        for _ in range(3):
            with pytest.raises(ChangeRefused):
                unit_of_work.commit(a_unit(an_instance(instance=stored.sop_instance_uid)))
        later = an_instance()
        unit_of_work.commit(a_unit(later))

        assert index.totals()["instances"] == 2

    def test_of_many_at_once_only_those_that_do_not_fit_are_refused(
        self, unit_of_work, index, trail
    ) -> None:
        series = "1.2.3.4"
        units = [
            (number, a_unit(an_instance(study="1.2.3", series=series, instance=f"1.9.{number}")))
            for number in range(200)
            for _ in range(2)  # each twice: one of the two must fail
        ]

        def commit(unit: Unit) -> bool:
            try:
                unit_of_work.commit(unit)
            except ChangeRefused:
                return False
            return True

        with ThreadPoolExecutor(16) as pool:
            done = list(pool.map(commit, (unit for _, unit in units)))

        assert sum(done) == 200
        assert {number for (number, _), good in zip(units, done, strict=True) if good} == set(
            range(200)
        )
        assert index.totals() == {
            "patients": 1,
            "studies": 1,
            "series": 1,
            "instances": 200,
            "quarantined": 0,
            "bytes": 200 * 1200,
        }
        for (_, unit), good in zip(units, done, strict=True):
            assert (trail.record(unit.records[0].record_id) is not None) == good

    def test_new_studies_from_many_threads_are_each_made_once(self, unit_of_work, index) -> None:
        units = [
            a_unit(
                an_instance(
                    {"PatientID": f"P{number % 3}"},
                    study=f"1.2.{number % 5}",
                    series=f"1.2.{number % 5}.1",
                    instance=f"1.9.{number}",
                )
            )
            for number in range(100)
        ]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(unit_of_work.commit, units))

        totals = index.totals()
        assert (totals["studies"], totals["series"], totals["instances"]) == (5, 5, 100)

    def test_one_unit_may_hold_many_changes(self, unit_of_work, index, registry, jobs) -> None:
        north = Facility(FacilityName("north"), "North", NOON)
        job = NewJob(JobKind.SWEEP_BLOBS, "all", NOON)
        instances = [an_instance(study="1.2.3", series=f"1.2.3.{n % 2}") for n in range(4)]

        unit_of_work.commit(
            Unit(
                (a_record(), a_record()),
                (AddFacility(north), AddJob(job), *(AddInstance(one) for one in instances)),
            )
        )

        assert registry.facilities() == [north]
        assert jobs.waiting() == 1
        assert index.totals()["instances"] == 4

    def test_a_taken_name_is_told_apart_from_other_refusals(self, unit_of_work, registry) -> None:
        facility = Facility(MAIN, "Main", NOON)
        unit_of_work.commit(Unit((a_record(),), (AddFacility(facility),)))

        with pytest.raises(AlreadyExists):
            unit_of_work.commit(Unit((a_record(),), (AddFacility(Facility(MAIN, "Other", NOON)),)))

        assert registry.facility(MAIN) == facility

    def test_a_record_comes_back_as_it_went_in(self, unit_of_work, trail) -> None:
        record = a_record(
            NOON + timedelta(microseconds=1),
            facility=None,
            study_instance_uid="",
            patient="",
            reason="no rule permits ✗",
            details={"limit": 3, "name": MAIN, "text": "ä\\ \"'"},
        )
        unit_of_work.commit(Unit((record,)))

        assert trail.record(record.record_id) == record

    def test_closing_twice_does_no_harm(self, unit_of_work) -> None:
        unit_of_work.close()
        unit_of_work.close()
