"""Searching: what is in sight, on the trail before the first match, to the last one given out."""

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.attributes import BY_KEYWORD, Level
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.errors import AccessDenied, StorageUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.domain.query import Count, Equals, FuzzyName, InSequence, Query, Wildcard
from raykeep.services import search as module
from raykeep.services.search import count, search, search_page
from raykeep.services.tenants import add_facility
from tests.builders import ct_instance
from tests.fakes.archive import OPERATOR, fake_archive
from tests.services.stored import actor, store

READER = actor(Role.RADIOLOGIST)
OTHER = FacilityName("other")
PATIENT_ID = BY_KEYWORD["PatientID"]
ALL = Query(Level.STUDY)
STUDIES = 7


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Seven studies in one facility, one in another."""
    with fake_archive(tmp_path_factory.mktemp("full")) as archive:
        add_facility(archive.enforcer, OPERATOR, OTHER, "", archive.clock)
        for number in range(STUDIES):
            store(archive, ct_instance(patient_id=f"P{number}", study_date=f"2026010{number + 1}"))
        elsewhere = actor(Role.TECHNOLOGIST, facility=OTHER)
        store(archive, ct_instance(patient_id="P99"), who=elsewhere, facility=OTHER)
        yield archive


@pytest.fixture
def three_at_once(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 3)


def searches(archive, since):
    return [r for r in archive.records()[since:] if r.action is Action.STUDY_SEARCH]


def patients(matches):
    return [match.values[PATIENT_ID.tag] for match in matches]


def test_a_search_is_on_the_trail_before_its_first_match_is_given_out(full):
    before = len(full.records())

    matches = search(full.enforcer, READER, ALL)

    (record,) = searches(full, before)
    assert (record.event, record.outcome) == (EventID.QUERY, Outcome.SUCCESS)
    assert record.count == STUDIES
    assert record.details == {"level": "STUDY", "keys": "", "complete": 1}
    assert len(list(matches)) == STUDIES
    assert len(searches(full, before)) == 1


def test_a_search_that_cannot_be_recorded_gives_nothing_out(full, monkeypatch):
    def broken(_):
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(full.stores.unit_of_work, "commit", broken)
    with pytest.raises(StorageUnavailable):
        search(full.enforcer, READER, ALL)


def test_matches_are_those_in_sight_and_newest_first(full):
    found = search(full.enforcer, READER, ALL)

    assert patients(found) == [f"P{number}" for number in reversed(range(STUDIES))]
    (elsewhere,) = search(full.enforcer, actor(Role.RADIOLOGIST, facility=OTHER), ALL)
    assert elsewhere.values[PATIENT_ID.tag] == "P99"


def test_who_may_not_search_is_denied_and_recorded(full):
    before = len(full.records())

    for ask in (search, count, search_page):
        with pytest.raises(AccessDenied):
            ask(full.enforcer, actor(Role.UPLOADER), ALL)

    assert [r.outcome for r in searches(full, before)] == [Outcome.DENIED] * 3


def test_the_trail_knows_by_which_keys_but_not_by_which_values(full):
    name = BY_KEYWORD["PatientName"]
    codes = BY_KEYWORD["ProcedureCodeSequence"]
    query = Query(
        Level.STUDY,
        (
            Wildcard(name, "SECRET*"),
            FuzzyName(name, ("secret",)),
            Equals(PATIENT_ID, "SECRET"),
            InSequence(codes, (Equals(codes.items[0], "SECRET"),)),
        ),
    )

    assert list(search(full.enforcer, READER, query)) == []

    record = full.records()[-1]
    assert record.details["keys"] == (
        "PatientID:Equals PatientName:FuzzyName PatientName:Wildcard "
        "ProcedureCodeSequence.CodeValue:InSequence"
    )
    assert "secret" not in repr(record).lower()


@pytest.mark.usefixtures("three_at_once")
def test_a_long_answer_is_read_as_it_is_asked_for_and_recorded_twice(full):
    before = len(full.records())

    matches = search(full.enforcer, READER, ALL)

    (first,) = searches(full, before)
    assert (first.count, first.details["complete"]) == (3, 0)
    assert patients(matches) == [f"P{number}" for number in reversed(range(STUDIES))]
    _, second = searches(full, before)
    assert (second.count, second.details["complete"]) == (STUDIES, 1)


@pytest.mark.usefixtures("three_at_once")
@pytest.mark.parametrize("taken", [1, 3, 5])
def test_who_breaks_a_long_answer_off_is_recorded_with_what_was_given_out(full, taken):
    before = len(full.records())

    matches = search(full.enforcer, READER, ALL)
    for _ in range(taken):
        next(matches)
    matches.close()

    _, second = searches(full, before)
    assert (second.count, second.outcome) == (taken, Outcome.SUCCESS)


@pytest.mark.usefixtures("three_at_once")
def test_an_answer_of_just_as_many_as_are_read_at_once_is_told_to_its_end(full):
    before = len(full.records())

    assert len(list(search(full.enforcer, READER, Query(Level.STUDY, limit=3)))) == 3

    assert [r.count for r in searches(full, before)] == [3, 3]


def test_matches_are_counted_regardless_of_the_page(full):
    assert count(full.enforcer, READER, Query(Level.STUDY, limit=2)) == Count(STUDIES, exact=True)

    record = full.records()[-1]
    assert (record.count, record.details["counted"]) == (STUDIES, 1)


@pytest.mark.parametrize(
    ("limit", "offset", "found"),
    [(3, 0, 3), (3, 6, 1), (10, 0, 7), (10, 2, 5), (3, 50, 0), (None, 0, 7), (7, 0, 7)],
)
def test_a_page_knows_how_many_matches_there_are_in_all(full, limit, offset, found):
    query = Query(Level.STUDY, limit=limit, offset=offset)

    page, total = search_page(full.enforcer, READER, query)

    assert (len(page), total) == (found, Count(STUDIES, exact=True))
    record = full.records()[-1]
    assert (record.count, record.details["total"]) == (found, STUDIES)


def test_an_empty_page_of_nothing_counts_nothing(full):
    nobody = Query(Level.STUDY, (Equals(PATIENT_ID, "NOBODY"),), limit=5)

    assert search_page(full.enforcer, READER, nobody) == ([], Count(0, exact=True))
