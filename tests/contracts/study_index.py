"""What every `StudyIndex` promises beside its law. Subclasses give `index` and `unit_of_work`.

The law, that a search gives what filtering everything would, stands in
`test_sql_search_law.py`, with an oracle of its own.
"""

from datetime import timedelta

import pytest

from raykeep.domain.access import Scope, ScopeClause, StudyRef
from raykeep.domain.attributes import BY_KEYWORD, Level
from raykeep.domain.errors import InvalidQuery
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Instance, InstanceState, StoredInstance
from raykeep.domain.query import (
    Equals,
    FuzzyName,
    InSequence,
    IsEmpty,
    OneOf,
    Query,
    Range,
    Wildcard,
)
from tests.contracts.instances import MAIN, NOON, a_unit, an_instance, by_tag, tag

NORTH = FacilityName("north")
ALL = Scope((ScopeClause(),))
ONLY_NORTH = Scope((ScopeClause(facilities=frozenset({NORTH})),))
NOTHING = Scope(())
STUDIES = Query(Level.STUDY)


def attribute(keyword: str):
    return BY_KEYWORD[keyword]


def stored(one: Instance, study: StudyRef) -> StoredInstance:
    """How the index should give an instance back."""
    return StoredInstance(
        study=study,
        series_instance_uid=one.series_instance_uid,
        sop_instance_uid=one.sop_instance_uid,
        sop_class_uid=one.sop_class_uid,
        transfer_syntax_uid=one.transfer_syntax_uid,
        sealed=one.sealed,
        sealed_header=one.sealed_header,
        provenance=one.provenance,
        patient_pseudonym=one.patient_pseudonym,
        number_of_frames=1,
        pixel_data_offset=one.pixel_data_offset,
        fragments=one.fragments,
    )


class StudyIndexContract:
    """The promises."""

    @pytest.fixture
    def keep(self, unit_of_work):
        def commit(*instances: Instance) -> None:
            for one in instances:
                unit_of_work.commit(a_unit(one))

        return commit

    # --- retrieval ---------------------------------------------------------------------------

    def test_instances_come_by_series_and_instance_number(self, index, keep) -> None:
        study = "1.2.3"
        placed = [
            an_instance(
                {"SeriesNumber": series, "InstanceNumber": number, "Modality": "CT"},
                study=study,
                series=f"{study}.{series}",
            )
            for series, number in (("10", "2"), ("10", "10"), ("10", "1"), ("9", "1"), ("9", ""))
        ]
        keep(*placed)

        found = list(index.instances(ALL, study_instance_uid=study))

        expected = [placed[n] for n in (3, 4, 2, 0, 1)]
        ref = StudyRef(MAIN, study, frozenset({"CT"}), 0)
        assert found == [stored(one, ref) for one in expected]
        in_ten = index.instances(ALL, study_instance_uid=study, series_instance_uid="1.2.3.10")
        assert [one.sop_instance_uid for one in in_ten] == [
            one.sop_instance_uid for one in expected[2:]
        ]

    def test_one_instance_is_found_by_its_whole_path_alone(self, index, keep) -> None:
        one, other = an_instance(), an_instance()
        keep(one, other)
        ref = StudyRef(MAIN, one.study_instance_uid, frozenset(), 0)
        path = {
            "study_instance_uid": one.study_instance_uid,
            "series_instance_uid": one.series_instance_uid,
            "sop_instance_uid": one.sop_instance_uid,
        }

        assert list(index.instances(ALL, **path)) == [stored(one, ref)]
        without = path | {"series_instance_uid": None}
        assert list(index.instances(ALL, **without)) == [stored(one, ref)]
        for wrong in path:
            beside = path | {wrong: getattr(other, wrong)}
            assert list(index.instances(ALL, **beside)) == [], wrong

    def test_a_study_of_two_facilities_shows_each_to_its_own(self, index, keep) -> None:
        mine = an_instance({"StudyDate": "20260301"}, study="1.2.3", series="1.2.3.1")
        theirs = an_instance(study="1.2.3", series="1.2.3.1", facility=NORTH)
        keep(mine, theirs)

        assert index.studies("1.2.3", ALL) == [
            StudyRef(MAIN, "1.2.3", frozenset(), 2026),
            StudyRef(NORTH, "1.2.3", frozenset(), 0),
        ]
        assert [ref.facility for ref in index.studies("1.2.3", ONLY_NORTH)] == [NORTH]
        found = list(index.instances(ONLY_NORTH, study_instance_uid="1.2.3"))
        assert [one.sop_instance_uid for one in found] == [theirs.sop_instance_uid]
        assert index.studies("1.2.3", NOTHING) == []
        assert list(index.instances(NOTHING, study_instance_uid="1.2.3")) == []

    def test_number_of_frames_is_one_unless_the_data_set_says_more(self, index, keep) -> None:
        many = an_instance({"NumberOfFrames": "200"}, study="1.2.3")
        odd = an_instance({"NumberOfFrames": "none"}, study="1.2.3")
        keep(many, odd)

        frames = {
            one.sop_instance_uid: one.number_of_frames
            for one in index.instances(ALL, study_instance_uid="1.2.3")
        }
        assert frames == {many.sop_instance_uid: 200, odd.sop_instance_uid: 1}

    # --- quarantine --------------------------------------------------------------------------

    def test_a_quarantined_instance_is_found_by_nobody(self, index, keep) -> None:
        hidden = an_instance({"PatientID": "P1", "Modality": "CT"}, state=InstanceState.QUARANTINED)
        keep(hidden)
        uid = hidden.study_instance_uid

        for level in Level:
            assert list(index.search(Query(level), ALL)) == []
            assert index.count(Query(level), ALL).value == 0
        assert index.studies(uid, ALL) == []
        assert list(index.instances(ALL, study_instance_uid=uid)) == []
        assert index.same_instance(MAIN, hidden.sop_instance_uid) is None
        assert index.study_patient(MAIN, uid) is None
        assert index.holds([hidden.sealed.key]) == {hidden.sealed.key}
        [row] = index.sealed_objects()
        assert (row.sealed, row.sop_instance_uid) == (hidden.sealed, hidden.sop_instance_uid)
        assert row.study == StudyRef(MAIN, uid, frozenset({"CT"}), 0)
        assert index.totals()["quarantined"] == 1

    def test_it_stands_beside_a_stored_one_of_the_same_uid(self, index, keep) -> None:
        good = an_instance({"Modality": "CT"}, instance="1.2.3.4.5", study="1.2.3")
        twins = [
            an_instance(
                {"Modality": "MR"},
                instance="1.2.3.4.5",
                study="1.2.3",
                state=InstanceState.QUARANTINED,
            )
            for _ in range(2)
        ]
        keep(twins[0], good, twins[1])

        assert index.same_instance(MAIN, "1.2.3.4.5") == (good.sealed.digest, 1000)
        assert index.studies("1.2.3", ALL)[0].modalities == {"CT"}
        keys = [one.sealed.key for one in (good, *twins)]
        assert index.holds(keys) == set(keys)
        assert index.totals() == {
            "patients": 1, "studies": 1, "series": 1, "instances": 1, "quarantined": 2,
            "bytes": 3600,
        }  # fmt: skip

    # --- for the archive's own work ------------------------------------------------------------

    def test_the_patient_of_a_study_is_the_one_it_came_with(self, index, keep) -> None:
        keep(
            an_instance({"PatientID": "P1"}, study="1.2.3"),
            an_instance({"PatientID": "P2"}, study="1.2.3"),
            an_instance(study="1.2.4"),
        )

        assert index.study_patient(MAIN, "1.2.3") == "P1"
        assert index.study_patient(MAIN, "1.2.4") == ""
        assert index.study_patient(NORTH, "1.2.3") is None

    def test_patients_who_differ_in_anything_are_never_merged(self, index, keep) -> None:
        someone = {
            "PatientID": "P1",
            "IssuerOfPatientID": "A",
            "PatientName": "Smith^Ann",
            "PatientBirthDate": "19800101",
            "PatientSex": "F",
        }
        keep(an_instance(someone), an_instance(someone), an_instance(someone, facility=NORTH))
        keep(*(an_instance(someone | {keyword: "X"}) for keyword in someone))

        assert index.totals()["patients"] == 1 + 1 + len(someone)

    def test_rows_for_verification_come_by_key_page_by_page(self, index, keep) -> None:
        instances = [
            an_instance(facility=facility, state=state)
            for facility in (MAIN, FacilityName("main-2"), NORTH)
            for state in (InstanceState.STORED, InstanceState.QUARANTINED)
            for _ in range(2)
        ]
        keep(*instances)
        expected = sorted(str(one.sealed.key) for one in instances)

        seen: list[str] = []
        while page := index.sealed_objects(seen[-1] if seen else "", limit=5):
            assert len(page) <= 5
            seen += [str(one.sealed.key) for one in page]

        assert seen == expected

    def test_the_newest_arrival_counts_quarantined_ones_too(self, index, keep) -> None:
        assert index.newest_arrival() is None
        late = NOON + timedelta(hours=2, microseconds=7)
        keep(an_instance(arrived_at=NOON), an_instance(arrived_at=late), an_instance())
        assert index.newest_arrival() == late
        later = late + timedelta(seconds=1)
        keep(an_instance(arrived_at=later, state=InstanceState.QUARANTINED))
        assert index.newest_arrival() == later

    # --- searches ------------------------------------------------------------------------------

    def test_an_answer_holds_what_was_asked_for_and_the_unique_keys(self, index, keep) -> None:
        keep(
            an_instance(
                {"PatientID": "P1", "StudyDescription": "", "StudyDate": "20260301"},
                study="1.2.3",
                series="1.2.3.1",
            )
        )
        asked = frozenset(
            map(tag, ("StudyDescription", "AccessionNumber", "Modality", "StudyDate"))
        )

        [match] = index.search(Query(Level.STUDY, returns=asked), ALL)

        # Empty is empty and absent is absent; what is below the level is not told.
        assert dict(match.values) == by_tag(
            PatientID="P1", StudyInstanceUID="1.2.3", StudyDescription="", StudyDate="20260301"
        )
        assert match.facility == MAIN

    def test_patient_counts_tell_of_what_is_in_scope_alone(self, index, keep) -> None:
        patient = {"PatientID": "P1"}
        keep(
            an_instance(patient | {"Modality": "CT"}),
            an_instance(patient | {"Modality": "MR"}),
            an_instance(patient | {"Modality": "MR"}),
        )
        only_mr = Scope((ScopeClause(all_modalities=frozenset({"MR"})),))
        number = attribute("NumberOfPatientRelatedStudies")
        query = Query(Level.PATIENT, returns=frozenset({number.tag}))

        [match] = index.search(query, only_mr)
        assert match.values[number.tag] == "2"
        three = Query(Level.PATIENT, (Equals(number, "3"),))
        assert list(index.search(three, only_mr)) == []
        assert len(list(index.search(three, ALL))) == 1

    def test_a_count_is_exact_up_to_its_cap(self, index, keep) -> None:
        keep(*(an_instance() for _ in range(4)))

        assert (index.count(STUDIES, ALL).value, index.count(STUDIES, ALL).exact) == (4, True)
        assert index.count(STUDIES, ALL, cap=4).exact
        capped = index.count(STUDIES, ALL, cap=3)
        assert (capped.value, capped.exact) == (3, False)
        assert index.count(STUDIES, NOTHING).value == 0
        assert index.count(Query(Level.STUDY, limit=1, offset=2), ALL).value == 4

    def test_absurd_pages_are_empty(self, index, keep) -> None:
        keep(an_instance())

        for query in (
            Query(Level.STUDY, limit=0),
            Query(Level.STUDY, limit=-1),
            Query(Level.STUDY, offset=10**12),
            Query(Level.STUDY, offset=10**30),
        ):
            assert list(index.search(query, ALL)) == []

    @pytest.mark.parametrize(
        "condition",
        [
            Range(attribute("PatientID"), "1", "2"),
            Range(attribute("PatientName"), "a", "b"),
            Wildcard(attribute("StudyInstanceUID"), "1.2*"),
            Wildcard(attribute("StudyDate"), "2026*"),
            Wildcard(attribute("NumberOfStudyRelatedSeries"), "1*"),
            FuzzyName(attribute("PatientID"), ("a",)),
            Equals(attribute("ProcedureCodeSequence"), "a"),
            InSequence(attribute("ProcedureCodeSequence"), (Equals(attribute("PatientID"), "1"),)),
            InSequence(attribute("PatientID"), (IsEmpty(attribute("PatientID")),)),
            Wildcard(attribute("PatientID"), "*a" * 600),
            OneOf(attribute("RequestAttributesSequence"), ("1",)),
        ],
        ids=lambda c: f"{type(c).__name__} {c.attribute.keyword}",
    )
    def test_a_condition_that_does_not_fit_is_refused_at_once(self, index, condition) -> None:
        with pytest.raises(InvalidQuery):
            index.search(Query(Level.STUDY, (condition,)), ALL)
        with pytest.raises(InvalidQuery):
            index.count(Query(Level.STUDY, (condition,)), ALL)

    def test_values_that_no_database_can_hold_match_nothing_and_break_nothing(
        self, index, keep
    ) -> None:
        keep(
            an_instance({"PatientID": "a\0b", "PatientName": "x\ud800^y", "StudyDescription": "z"})
        )
        for bad in ("a\0b", "\ud800", "a\0", "\udfff*"):
            for condition in (
                Equals(attribute("PatientID"), bad),
                OneOf(attribute("PatientID"), (bad, bad)),
                Wildcard(attribute("PatientID"), bad + "*"),
                Wildcard(attribute("PatientName"), "*" + bad),
                Equals(attribute("PatientName"), bad),
                FuzzyName(attribute("PatientName"), (bad,)),
                Range(attribute("StudyDate"), bad, bad),
                Equals(attribute("OperatorsName"), bad),
            ):
                assert list(index.search(Query(Level.STUDY, (condition,)), ALL)) == []
        assert len(list(index.search(STUDIES, ALL))) == 1

    def test_pages_go_on_where_the_last_one_ended(self, index, keep) -> None:
        keep(
            *(
                an_instance(
                    {
                        "StudyDate": f"202601{1 + number % 3:02}",
                        "SeriesNumber": str(place),
                        "InstanceNumber": "1",
                    },
                    study=f"1.2.{number}",
                    series=f"1.2.{number}.{place}",
                )
                for number in range(7)
                for place in range(2)
            )
        )
        for level in Level:
            for ordered in (True, False):
                query = Query(level, newest_first=ordered)
                whole = list(index.search(query, ALL))
                pages = [
                    list(index.search(Query(level, limit=3, offset=at, newest_first=ordered), ALL))
                    for at in range(0, 15, 3)
                ]
                assert [match for page in pages for match in page] == whole
