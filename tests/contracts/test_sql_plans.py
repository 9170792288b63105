"""What a search may cost, in words that do not depend on the machine: plans and statements."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from raykeep.adapters.sql import search as search_module
from raykeep.adapters.sql import search_sql
from raykeep.adapters.sql.dialect import Statement
from raykeep.adapters.sql.engine import Database, open_database, upgrade_database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.domain.access import Scope, ScopeClause
from raykeep.domain.attributes import BY_KEYWORD, Level
from raykeep.domain.changes import AddInstance, Unit
from raykeep.domain.query import Equals, FuzzyName, OneOf, Query, Range, Wildcard
from tests.contracts.conftest import KEY
from tests.contracts.instances import MAIN, Archive, a_record, a_unit, an_instance, instances_of

ALL = Scope((ScopeClause(),))
ONE = Scope((ScopeClause(facilities=frozenset({MAIN})),))
PICKY = Scope(
    (
        ScopeClause(facilities=frozenset({MAIN}), any_modality=frozenset({"CT", "MR"})),
        ScopeClause(facilities=frozenset({MAIN}), years=((2000, 2100),)),
    ),
    (ScopeClause(all_modalities=frozenset({"PT"})),),
)
RETURNS = frozenset(
    BY_KEYWORD[keyword].tag
    for keyword in ("StudyDate", "PatientName", "ModalitiesInStudy", "NumberOfStudyRelatedSeries")
)


def a(keyword: str):
    return BY_KEYWORD[keyword]


def studies(*conditions, limit: int | None = 100) -> Query:
    return Query(Level.STUDY, conditions, RETURNS, limit=limit)


class Watched:
    """A database that notes each statement and its plan."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.plans: list[list[str]] = []
        self._rows = database.rows
        database.rows = self.rows

    def rows(self, statement: Statement, values: dict[str, object]) -> list[tuple]:
        with self.database.reading() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + statement.sql, statement.bind(values))
            self.plans.append([row[3] for row in cursor.fetchall()])
        return self._rows(statement, values)

    def last(self) -> str:
        return "\n".join(self.plans[-1])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An archive of 3,000 studies on the encrypted file, without statistics, as installed."""
    folder: Path = tmp_path_factory.mktemp("plans")
    upgrade_database(DatabaseSettings(), folder=folder, key=KEY, durable=False)
    database = open_database(DatabaseSettings(), folder=folder, key=KEY, durable=False)
    changes = tuple(AddInstance(one) for one in instances_of(Archive(3000)))
    for start in range(0, len(changes), 500):
        SqlUnitOfWork(database).commit(Unit((a_record(),), changes[start : start + 500]))
    yield database
    database.close()


@pytest.fixture
def watched(loaded: Database) -> Iterator[Watched]:
    watched = Watched(loaded)
    yield watched
    del loaded.rows  # the class's own again


@pytest.mark.parametrize("scope", [ALL, ONE, PICKY], ids=["all", "one facility", "picky"])
@pytest.mark.parametrize(
    ("query", "first_index"),
    [
        (studies(Equals(a("StudyInstanceUID"), "2.25.990.1.7")), "uq_study_uid"),
        (studies(OneOf(a("StudyInstanceUID"), ("2.25.990.1.7", "1.2"))), "uq_study_uid"),
        (studies(Equals(a("AccessionNumber"), "A1-00000007")), "ix_study_accession"),
        (studies(Equals(a("PatientID"), "P0000007")), "ix_patient_patient_id"),
        (studies(Equals(a("SOPInstanceUID"), "2.25.990.1.7.0.0")), "uq_instance_uid"),
        (studies(Equals(a("SeriesInstanceUID"), "2.25.990.1.7.0")), "uq_series_uid"),
    ],
    ids=lambda value: value.conditions[0].attribute.keyword if isinstance(value, Query) else "",
)
def test_an_exact_key_goes_by_its_index_and_scans_nothing(
    watched: Watched, query: Query, first_index: str, scope: Scope
) -> None:
    assert len(list(SqlStudyIndex(watched.database).search(query, scope))) <= 1 or first_index == (
        "ix_patient_patient_id"
    )

    assert len(watched.plans) == 1
    assert first_index in watched.last()
    assert "SCAN study" not in watched.last()
    assert "SCAN patient" not in watched.last()
    assert "SCAN instance" not in watched.last()


@pytest.mark.parametrize(
    ("scope", "index"),
    [
        (ALL, "ix_study_newest"),
        (ONE, "ix_study_facility_newest"),
        (PICKY, "ix_study_facility_newest"),
    ],
    ids=["all", "one facility", "picky"],
)
@pytest.mark.parametrize(
    "query",
    [
        studies(),
        studies(Range(a("StudyDate"), "20251220", "20251228")),
        studies(Equals(a("StudyDescription"), "CHEST")),
        Query(Level.SERIES, (Equals(a("Modality"), "CT"),), RETURNS, limit=100),
        Query(Level.INSTANCE, (), RETURNS, limit=100),
    ],
    ids=["newest", "days", "description", "series", "instances"],
)
def test_lists_walk_the_studies_from_the_newest_without_sorting_them(
    watched: Watched, query: Query, scope: Scope, index: str
) -> None:
    list(SqlStudyIndex(watched.database).search(query, scope))

    plan = watched.plans[-1]
    assert index in plan[0], plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in watched.last()
    if query.conditions and isinstance(query.conditions[0], Range):
        assert "order_date>? AND order_date<?" in plan[0]


@pytest.mark.parametrize(
    ("condition", "probe"),
    [
        (Wildcard(a("PatientName"), "smith1*"), "ix_patient_alphabetic"),
        (Equals(a("PatientName"), "Smith1^John"), "ix_patient_alphabetic"),
        (Wildcard(a("PatientName"), "山*"), "ix_patient_ideographic"),
        (Wildcard(a("PatientName"), "*ller12*"), "patient_name_trigram"),
        (FuzzyName(a("PatientName"), ("smith1", "jo")), "patient_name_trigram"),
        (Wildcard(a("PatientID"), "P00001*"), "ix_patient_patient_id"),
        (Range(a("PatientBirthDate"), "19800115", "19800115"), "ix_patient_birth_date"),
        (Equals(a("ModalitiesInStudy"), "XA"), "ix_study_modality"),
        (Equals(a("OtherPatientIDs"), "X"), "ix_multi_value"),
        (Wildcard(a("AccessionNumber"), "A1-000001*"), "ix_study_accession"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.attribute.keyword,
)
def test_few_rows_of_an_index_are_where_a_search_starts(
    watched: Watched, condition, probe: str
) -> None:
    found = list(SqlStudyIndex(watched.database).search(studies(condition), ONE))

    assert probe in "\n".join(watched.plans[0])
    assert len(watched.plans) <= 2
    if found:
        assert "SCAN study" not in watched.last()
        assert "ix_study_facility_newest" not in watched.last()


def test_where_many_fit_the_newest_studies_are_walked(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "FEW", 10)
    index = SqlStudyIndex(watched.database)

    list(index.search(studies(Wildcard(a("PatientName"), "s*")), ONE))
    assert "ix_study_facility_newest" in watched.plans[-1][0]

    index.count(studies(Wildcard(a("PatientName"), "s*")), ONE)
    assert "ix_patient_alphabetic" in watched.last()  # no order is wanted


def test_a_search_of_a_known_form_builds_nothing(
    loaded: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = SqlStudyIndex(loaded)

    def ask(number: int) -> None:
        exact = Equals(a("PatientID"), f"P{number:07}")
        name = Wildcard(a("PatientName"), f"smith{number}*")
        for query in (studies(exact), studies(name), studies(name, limit=3)):
            list(index.search(query, ONE))
            index.count(query, ONE)
        list(index.instances(ONE, study_instance_uid=f"2.25.990.1.{number}"))

    ask(1)

    def refuse(*_: object) -> None:
        msg = "an expression was built again"
        raise AssertionError(msg)

    monkeypatch.setattr(search_sql.SearchCompiler, "plan", refuse)
    monkeypatch.setattr(search_sql.SearchCompiler, "probe", refuse)
    monkeypatch.setattr(loaded, "statement", refuse)
    ask(2)


def test_forms_that_peers_choose_take_bounded_memory(
    loaded: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "MOST_FORMS", 20)
    searches = search_module.Searches(loaded)
    tags = sorted(BY_KEYWORD[k].tag for k in BY_KEYWORD)
    for number in range(60):
        query = Query(Level.STUDY, returns=frozenset(tags[number % 40 :]), limit=1)
        list(searches.search(query, ALL))

    assert len(searches._plans) <= 20


def test_the_next_instance_of_a_series_takes_few_statements(tmp_path: Path) -> None:
    upgrade_database(DatabaseSettings(), folder=tmp_path, key=KEY, durable=False)
    database = open_database(DatabaseSettings(), folder=tmp_path, key=KEY, durable=False)
    unit_of_work = SqlUnitOfWork(database)
    said: list[str] = []

    def listen(connection: object, _: object) -> None:
        connection.set_trace_callback(said.append)

    database.engine.dispose()  # those that come from now on are listened to
    sa.event.listen(database.engine, "connect", listen)
    one = {"study": "1.2.3", "series": "1.2.3.4"}
    unit_of_work.commit(a_unit(an_instance(**one)))
    said.clear()

    unit_of_work.commit(a_unit(an_instance(**one)))

    verbs = [" ".join(text.split()[:3]) for text in said if not text.startswith("--")]
    assert list(dict.fromkeys(verbs)) == [  # the trigger lets its statement be told twice
        "BEGIN IMMEDIATE",
        "INSERT INTO instance",
        "INSERT INTO audit_record",
        "UPDATE study SET",
        "UPDATE series SET",
        "COMMIT",
    ]
    database.close()
