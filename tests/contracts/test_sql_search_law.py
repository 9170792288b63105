"""The law of the index: a search gives what filtering everything would give, on both engines."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from raykeep.adapters.sql import search as search_module
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.tables import metadata
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.domain.access import Scope, ScopeClause
from raykeep.domain.attributes import ATTRIBUTES, Attribute
from raykeep.domain.changes import AddInstance, Unit
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Instance, InstanceState
from raykeep.domain.names import fold
from raykeep.domain.query import (
    Condition,
    Equals,
    FuzzyName,
    InSequence,
    IsEmpty,
    OneOf,
    Query,
    Range,
    Wildcard,
)
from raykeep.domain.uids import UID
from tests.contracts.instances import a_record, an_instance
from tests.contracts.oracle import LEVELS, Model

FACILITIES = [FacilityName(name) for name in ("main", "north", "main-2")]
MODALITIES = ["CT", "MR", "PT", "US"]
NAMES = [
    "", "Smith^John", "SMITH^Ann^^Dr", "Müller^Jörg", "muller^jorg", "Łuk*sz^?", "Smithers^Jo",
    "Yamada^Tarou=山田^太郎=やまだ^たろう", "=山田", "==やまだ", "O'Brien [x]^%_", "Wei\u00df^A",
    "^^", "van der  Berg^Anna Maria", "1=2=3",
]  # fmt: skip
TEXTS = ["", "A", "a", "AB", "A*B", "A?B", "AxB", "A[B", "A%B", "A_B", "100%", "ä", "Ä b", "\\"]
DATES = ["", "20260101", "20260102", "19991231", "2026", "2026.1.1", "20260230"]
TIMES = ["", "10", "1015", "101530", "101530.5", "10:15:30", "235959.999999", "9", "nine"]
NUMBERS = ["", "1", "2", "10", "-3", " 7 ", "x"]
UIDS = ["1.2.3", "1.2.30", "1.2", "2.25.1"]

texts = st.sampled_from(TEXTS) | st.text("AaBb*?[]%_'\\^-=ä ", max_size=4)
names = st.sampled_from(NAMES) | st.text("Aa^=b* ?ö太", max_size=6)


def values_for(attribute: Attribute) -> st.SearchStrategy[str]:
    one = {
        "PN": names, "DA": st.sampled_from(DATES), "TM": st.sampled_from(TIMES),
        "IS": st.sampled_from(NUMBERS), "US": st.sampled_from(NUMBERS),
        "UI": st.sampled_from(UIDS),
    }.get(attribute.vr, texts)  # fmt: skip
    if attribute.keyword == "Modality":
        return st.sampled_from([*MODALITIES, "", "CT\\MR"])
    if attribute.multiple:
        return st.lists(one, max_size=3).map("\\".join)
    return one


READ = [a for a in ATTRIBUTES if not a.derived and not a.items and a.vr != "UI"]
SEQUENCES = [a for a in ATTRIBUTES if a.items]

some_values = st.lists(st.sampled_from(READ), max_size=10, unique=True).flatmap(
    lambda chosen: st.fixed_dictionaries({a.keyword: values_for(a) for a in chosen})
)
often = st.fixed_dictionaries(
    {},
    optional={
        "PatientName": names,
        "PatientID": texts,
        "StudyDate": st.sampled_from(DATES),
        "Modality": st.sampled_from(MODALITIES),
        "OperatorsName": st.lists(names, max_size=3).map("\\".join),
        "SeriesNumber": st.sampled_from(NUMBERS),
        "InstanceNumber": st.sampled_from(NUMBERS),
    },
)


def items_for(sequence: Attribute) -> st.SearchStrategy[tuple[dict[int, str], ...]]:
    item = st.fixed_dictionaries({}, optional={a.tag: texts for a in sequence.items})
    return st.lists(item, max_size=3).map(tuple)


some_sequences = st.fixed_dictionaries({}, optional={a.keyword: items_for(a) for a in SEQUENCES})


@st.composite
def instances(draw: st.DrawFn, number: int) -> Instance:
    study = f"1.2.{draw(st.integers(1, 3))}"
    return an_instance(
        draw(some_values) | draw(often),
        facility=draw(st.sampled_from(FACILITIES)),
        study=study,
        series=f"{study}.{draw(st.integers(1, 2))}",
        instance=f"9.{number}",
        sop_class=UID(draw(st.sampled_from(UIDS))),
        transfer_syntax=UID(draw(st.sampled_from(UIDS))),
        sequences=draw(some_sequences),
        state=draw(st.sampled_from([InstanceState.STORED] * 7 + [InstanceState.QUARANTINED])),
    )


archives = st.integers(0, 6).flatmap(
    lambda size: st.tuples(*(instances(number) for number in range(size)))
)


# --- queries -----------------------------------------------------------------------------------

patterns = st.text("Aa*?b[%_'^=ö太", max_size=5) | st.sampled_from(
    [
        "*",
        "**",
        "S*",
        "smi*",
        "*mit*",
        "*山*",
        "山田*",
        "=山*",
        "=*=*",
        "M?ller*",
        "*^J*",
        "[*",
        "A*B",
    ]
)


@st.composite
def conditions(draw: st.DrawFn, attribute: Attribute) -> Condition:
    if attribute.items:
        kind = draw(st.sampled_from(["empty", "items"]))
        if kind == "empty":
            return IsEmpty(attribute)
        inner = st.sampled_from(attribute.items).flatmap(conditions)
        return InSequence(attribute, tuple(draw(st.lists(inner, min_size=1, max_size=2))))
    value = values_for(attribute)
    kinds = {"equals", "one of", "empty"}
    if attribute.derived and attribute.vr == "IS":
        value = st.sampled_from(["0", "1", "2", "3", "01", "x", ""])
    elif attribute.keyword == "ModalitiesInStudy":
        value = st.sampled_from(MODALITIES)
        kinds |= {"wildcard"}
    elif attribute.keyword == "StudyInstanceUID":
        value = st.sampled_from(["1.2.1", "1.2.2", "1.2.9"])
    elif attribute.keyword == "SeriesInstanceUID":
        value = st.sampled_from(["1.2.1.1", "1.2.2.1", "9"])
    elif attribute.keyword == "SOPInstanceUID":
        value = st.sampled_from(["9.0", "9.1", "1"])
    elif attribute.vr in {"DA", "TM"}:
        kinds |= {"range"}
    elif attribute.vr != "UI" and attribute.vr != "US":
        kinds |= {"wildcard"}
    if attribute.vr == "PN":
        kinds |= {"fuzzy"}
    match draw(st.sampled_from(sorted(kinds))):
        case "equals":
            return Equals(attribute, draw(value))
        case "one of":
            return OneOf(attribute, tuple(draw(st.lists(value, max_size=3))))
        case "empty":
            return IsEmpty(attribute)
        case "range":
            ends = [None, "20260101", "20260131"]
            if attribute.vr == "TM":
                ends = [None, "101500.000000", "101530.500000", "235959.999999"]
            return Range(attribute, draw(st.sampled_from(ends)), draw(st.sampled_from(ends)))
        case "fuzzy":
            word = st.sampled_from(["smi", "john", "j", "山田", "an", "van der", "müll"]) | names
            return FuzzyName(attribute, tuple(fold(w) for w in draw(st.lists(word, max_size=2))))
        case _:
            return Wildcard(attribute, draw(patterns))


any_condition = st.sampled_from(ATTRIBUTES).flatmap(conditions)
likely = st.sampled_from(
    [a for a in ATTRIBUTES if a.keyword in {
        "PatientName", "PatientID", "StudyDate", "ModalitiesInStudy", "Modality", "OperatorsName",
        "StudyInstanceUID", "AccessionNumber", "NumberOfPatientRelatedStudies", "InstanceNumber",
    }]
).flatmap(conditions)  # fmt: skip

queries = st.builds(
    Query,
    level=st.sampled_from(LEVELS),
    conditions=st.lists(any_condition | likely, max_size=3).map(tuple),
    returns=st.frozensets(st.sampled_from([a.tag for a in ATTRIBUTES]), max_size=8),
    limit=st.none() | st.integers(0, 5),
    offset=st.sampled_from([0, 0, 0, 1, 3]),
    newest_first=st.sampled_from([True, True, True, False]),
)

facility_sets = st.frozensets(st.sampled_from(FACILITIES), max_size=2)
modality_sets = st.frozensets(st.sampled_from(MODALITIES), max_size=3)
year_ranges = st.tuples(st.sampled_from([0, 1999, 2026]), st.sampled_from([0, 1999, 2026]))
clauses = st.builds(
    ScopeClause,
    facilities=st.none() | facility_sets,
    years=st.none() | st.lists(year_ranges, max_size=2).map(tuple),
    any_modality=st.none() | modality_sets,
    all_modalities=st.none() | modality_sets,
)
everything = st.just(Scope((ScopeClause(),)))
scopes = everything | st.builds(
    Scope,
    allowed=st.lists(clauses, max_size=2).map(tuple),
    denied=st.just(()) | st.lists(clauses, max_size=2).map(tuple),
)


# --- the law -----------------------------------------------------------------------------------


@contextmanager
def filled(database: Database, archive: tuple[Instance, ...]) -> Iterator[SqlStudyIndex]:
    """The database with these instances and no others."""
    with database.engine.connect() as connection:
        for table in reversed(metadata.sorted_tables):
            if not table.name.startswith("audit_"):
                connection.execute(sa.delete(table))
        connection.commit()
    unit_of_work = SqlUnitOfWork(database)
    for one in archive:
        unit_of_work.commit(Unit((a_record(),), (AddInstance(one),)))
    yield SqlStudyIndex(database)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "PAGE", 2)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(
    archive=archives,
    asked=st.lists(st.tuples(queries, scopes), min_size=1, max_size=8),
    starting=st.sampled_from([-1, 1000]),
)
def test_a_search_gives_what_filtering_everything_gives(
    database: Database,
    few: None,
    monkeypatch: pytest.MonkeyPatch,
    archive: tuple[Instance, ...],
    asked: list[tuple[Query, Scope]],
    starting: int,
) -> None:
    model = Model(archive)
    monkeypatch.setattr(search_module, "FEW", starting)  # -1: never start from a probe
    with filled(database, archive) as index:
        for query, scope in asked:
            assert list(index.search(query, scope)) == model.search(query, scope)
            counted = index.count(query, scope, cap=3)
            found = len(model.matching(query, scope))
            assert (counted.value, counted.exact) == (min(found, 3), found <= 3)
