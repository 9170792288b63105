"""The law of the index: a search gives what filtering everything would give, on both engines."""

import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raykeep.adapters.sql import search as search_module
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.tables import metadata
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.dicom import matching_law
from raykeep.domain.access import Scope, ScopeClause
from raykeep.domain.attributes import ATTRIBUTES, BY_KEYWORD, Attribute
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
from tests.contracts import oracle
from tests.contracts.instances import a_record, an_instance
from tests.contracts.oracle import LEVELS, Model

Strategy = st.SearchStrategy

FACILITIES = [FacilityName(name) for name in ("main", "north", "main-2")]
MODALITIES = ["CT", "MR", "PT", "US"]
NAMES = [
    "", "Smith^John", "SMITH^Ann^^Dr", "Müller^Jörg", "muller^jorg", "Łuk*sz^?", "Smithers^Jo",
    "Yamada^Tarou=山田^太郎=やまだ^たろう", "=山田", "==やまだ", "O'Brien [x]^%_", "Weiß^A",
    "^^", "van der  Berg^Anna Maria", "1=2=3",
]  # fmt: skip
TEXTS = ["", "A", "a", "AB", "A*B", "A?B", "AxB", "A[B", "A%B", "A_B", "100%", "ä", "Ä b", "\\"]
DATES = ["", "20260101", "20260102", "19991231", "2026", "2026.1.1", "2026.01.02", "20260230"]
TIMES = [
    "", "10", "1015", "101530", "101530.5", "10:15:30", "10:15", "235959.999999", "9", "nine",
    "250000",
]  # fmt: skip
NUMBERS = ["", "1", "2", "10", "-3", " 7 ", "x"]
UIDS = ["1.2.3", "1.2.30", "1.2", "2.25.1"]

texts = st.sampled_from(TEXTS) | st.text("AaBb*?[]%_'\\^-=ä ", max_size=4)
names = st.sampled_from(NAMES) | st.text("Aa^=b* ?ö太", max_size=6)
BY_VR = {
    "PN": names,
    "DA": st.sampled_from(DATES),
    "TM": st.sampled_from(TIMES),
    "IS": st.sampled_from(NUMBERS),
    "US": st.sampled_from(NUMBERS),
    "UI": st.sampled_from(UIDS),
}


def values_for(attribute: Attribute) -> Strategy[str]:
    """Values as a data set may hold them."""
    one = BY_VR.get(attribute.vr, texts)
    if attribute.keyword == "Modality":
        return st.sampled_from([*MODALITIES, "", "CT\\MR"])
    if attribute.multiple:
        return st.lists(one, max_size=3).map("\\".join)
    return one


READ = [a for a in ATTRIBUTES if not a.derived and not a.items and a.vr != "UI"]
SEQUENCES = [a for a in ATTRIBUTES if a.items]
OFTEN = [
    BY_KEYWORD[keyword]
    for keyword in (
        "PatientName", "PatientID", "StudyDate", "StudyTime", "Modality", "OperatorsName",
        "SeriesNumber", "InstanceNumber", "AccessionNumber", "OtherPatientIDs",
    )
]  # fmt: skip


def some_of(attributes: list[Attribute]) -> Strategy[dict[str, str]]:
    chosen = st.lists(st.sampled_from(attributes), max_size=8, unique=True)
    return chosen.flatmap(
        lambda some: st.fixed_dictionaries({a.keyword: values_for(a) for a in some})
    )


def items_for(sequence: Attribute) -> Strategy[tuple[dict[int, str], ...]]:
    item = st.fixed_dictionaries({}, optional={a.tag: texts for a in sequence.items})
    return st.lists(item, max_size=3).map(tuple)


some_sequences = st.fixed_dictionaries({}, optional={a.keyword: items_for(a) for a in SEQUENCES})


@st.composite
def instances(draw: st.DrawFn, number: int) -> Instance:
    study = f"1.2.{draw(st.integers(1, 3))}"
    return an_instance(
        draw(some_of(READ)) | draw(some_of(OFTEN)),
        facility=draw(st.sampled_from(FACILITIES)),
        study=study,
        series=f"{study}.{draw(st.integers(1, 2))}",
        instance=f"9.{number}",
        sop_class=UID(draw(st.sampled_from(UIDS))),
        transfer_syntax=UID(draw(st.sampled_from(UIDS))),
        sequences=draw(some_sequences),
        state=draw(st.sampled_from([InstanceState.STORED] * 7 + [InstanceState.QUARANTINED])),
    )


archives = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 6]).flatmap(
    lambda size: st.tuples(*(instances(number) for number in range(size)))
)


# --- queries: half of the keys are made from what is stored, so that much is found -------------

PATTERNS = [
    "*", "**", "S*", "smi*", "*mit*", "*山*", "山田*", "=山*", "=*=*", "M?ller*", "*^J*", "[*",
    "A*B", "*^*", "^*",
]  # fmt: skip
patterns = st.text("Aa*?b[%_'^=ö太", max_size=5) | st.sampled_from(PATTERNS)
words = st.sampled_from(["smi", "john", "j", "山田", "an", "van der", "müll"]) | names
times = st.sampled_from([None, "101500.000000", "101530.500000", "235959.999999"])
dates = st.sampled_from([None, "20260101", "20260131", "19991231"])


@st.composite
def loosened(draw: st.DrawFn, value: str) -> str:
    """A pattern that may well fit `value`."""
    start = draw(st.integers(0, len(value)))
    end = draw(st.integers(start, len(value)))
    kind = draw(st.sampled_from(["prefix", "infix", "one", "gap", "suffix"]))
    return {
        "prefix": value[:end] + "*",
        "infix": "*" + value[start:end] + "*",
        "one": value[:start] + "?" + value[start + 1 :],
        "gap": value[:start] + "*" + value[end:],
        "suffix": "*" + value[start:],
    }[kind]


def kinds_of(attribute: Attribute) -> list[type[Condition]]:
    kinds: list[type[Condition]] = [Equals, OneOf, IsEmpty]
    if attribute.vr in {"DA", "TM"}:
        kinds.append(Range)
    elif attribute.vr not in {"UI", "US"} and not (attribute.derived and attribute.vr == "IS"):
        kinds.append(Wildcard)
    if attribute.vr == "PN":
        kinds.append(FuzzyName)
    return kinds


def condition_of(kind: type[Condition], attribute: Attribute, key: Strategy[str]) -> Any:
    """Conditions of a kind; `key` gives values that may be stored."""
    ends = times if attribute.vr == "TM" else dates
    made: dict[type[Condition], Callable[[], Any]] = {
        Equals: lambda: st.builds(Equals, st.just(attribute), key),
        OneOf: lambda: st.builds(OneOf, st.just(attribute), st.lists(key, max_size=3).map(tuple)),
        IsEmpty: lambda: st.just(IsEmpty(attribute)),
        Range: lambda: st.builds(Range, st.just(attribute), ends, ends),
        Wildcard: lambda: st.builds(Wildcard, st.just(attribute), key.flatmap(loosened) | patterns),
        FuzzyName: lambda: st.builds(
            FuzzyName, st.just(attribute), st.lists(words.map(fold), max_size=2).map(tuple)
        ),
    }
    return made[kind]()


def keys_for(attribute: Attribute, stored: list[str]) -> Strategy[str]:
    """Values of keys: what is stored, and what may be."""
    special = {
        "ModalitiesInStudy": MODALITIES,
        "StudyInstanceUID": ["1.2.1", "1.2.2", "1.2.9"],
        "SeriesInstanceUID": ["1.2.1.1", "1.2.2.1", "9"],
        "SOPInstanceUID": ["9.0", "9.1", "1"],
    }.get(attribute.keyword)
    if attribute.derived and attribute.vr == "IS":
        special = ["0", "1", "2", "3", "01", "x", ""]
    other = st.sampled_from(special) if special else BY_VR.get(attribute.vr, texts)
    if not stored:
        return other
    return st.sampled_from(stored) | st.sampled_from(stored) | other


@st.composite
def conditions(draw: st.DrawFn, archive: tuple[Instance, ...]) -> Condition:
    there = {tag for one in archive for tag, text in one.attributes.values.items() if text}
    known = [a for a in ATTRIBUTES if a.tag in there] or OFTEN
    attribute = draw(
        st.sampled_from(ATTRIBUTES)
        | st.sampled_from(OFTEN)
        | st.sampled_from(known)
        | st.sampled_from(known)
    )
    sequences = [
        item for one in archive for item in one.attributes.sequences.get(attribute.tag, ())
    ]
    if attribute.items:
        if draw(st.booleans()):
            return IsEmpty(attribute)
        inner = [
            draw(condition_in(part, [item[part.tag] for item in sequences if part.tag in item]))
            for part in draw(st.lists(st.sampled_from(attribute.items), min_size=1, max_size=2))
        ]
        return InSequence(attribute, tuple(inner))
    texts_there = [one.attributes.values.get(attribute.tag, "") for one in archive]
    stored = [value for text in texts_there for value in oracle.split(attribute, text)]
    return draw(condition_in(attribute, stored))


@st.composite
def condition_in(draw: st.DrawFn, attribute: Attribute, stored: list[str]) -> Condition:
    kind = draw(st.sampled_from(kinds_of(attribute)))
    return draw(condition_of(kind, attribute, keys_for(attribute, stored)))


facility_sets = st.frozensets(st.sampled_from(FACILITIES), max_size=2)
modality_sets = st.frozensets(st.sampled_from(MODALITIES), max_size=3)
year = st.sampled_from([0, 1999, 2026])
clauses = st.builds(
    ScopeClause,
    facilities=st.none() | facility_sets,
    years=st.none() | st.lists(st.tuples(year, year), max_size=2).map(tuple),
    any_modality=st.none() | modality_sets,
    all_modalities=st.none() | modality_sets,
)
everything = st.just(Scope((ScopeClause(),)))
scopes = (
    everything
    | everything
    | st.builds(
        Scope,
        allowed=st.lists(clauses, max_size=2).map(tuple),
        denied=st.just(()) | st.lists(clauses, max_size=2).map(tuple),
    )
)


@st.composite
def queries(draw: st.DrawFn, archive: tuple[Instance, ...]) -> Query:
    return Query(
        level=draw(st.sampled_from(LEVELS)),
        conditions=tuple(draw(st.lists(conditions(archive), max_size=2))),
        returns=draw(st.frozensets(st.sampled_from([a.tag for a in ATTRIBUTES]), max_size=8)),
        limit=draw(st.none() | st.integers(0, 5)),
        offset=draw(st.sampled_from([0, 0, 0, 1, 3])),
        newest_first=draw(st.sampled_from([True, True, True, False])),
    )


@st.composite
def searched_archives(draw: st.DrawFn) -> tuple[tuple[Instance, ...], list[tuple[Query, Scope]]]:
    archive = draw(archives)
    asked = st.tuples(queries(archive), scopes)
    return archive, draw(st.lists(asked, min_size=1, max_size=8))


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


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(searched=searched_archives(), few=st.sampled_from([-1, 1000]))
def test_a_search_gives_what_filtering_everything_gives(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    searched: tuple[tuple[Instance, ...], list[tuple[Query, Scope]]],
    few: int,
) -> None:
    archive, asked = searched
    model = Model(archive)
    monkeypatch.setattr(search_module, "PAGE", 2)
    monkeypatch.setattr(search_module, "FEW", few)  # -1: never start from a probe
    with filled(database, archive) as index:
        for query, scope in asked:
            assert list(index.search(query, scope)) == model.search(query, scope)
            counted = index.count(query, scope, cap=3)
            found = len(model.matching(query, scope))
            assert (counted.value, counted.exact) == (min(found, 3), found <= 3), query


@st.composite
def asked_archives(draw: st.DrawFn) -> tuple[tuple[Instance, ...], Condition]:
    archive = draw(archives)
    return archive, draw(conditions(archive))


@given(asked_archives())
def test_the_oracle_agrees_with_the_matching_rules_of_the_dicom_room(
    asked: tuple[tuple[Instance, ...], Condition],
) -> None:
    archive, condition = asked
    if condition.attribute.items and isinstance(condition, IsEmpty):
        return  # no key asks for it
    for entities in Model(archive).entities.values():
        for one in entities:
            mine = oracle.matches(condition, one.values, one.sequences)
            assert mine == matching_law.matches(condition, one.values, one.sequences)


# --- the same on values that were chosen to break out of the statement (X18) -------------------

INJECTIONS = [
    "' OR '1'='1", "'; DROP TABLE study; --", '" OR ""="', "1) OR 1=1 --", "*' OR ''='",
    "%' OR 1=1 --", "a' UNION SELECT wrapped FROM study_key --", "\\'; SELECT pg_sleep(9); --",
    "$1", ":v0", "?", "%s", "%(v0)s", "x'||(SELECT 1)||'", "[a-z]*", "a%00b", "{{7*7}}", "/**/",
    "' AND randomblob(1000000000) --", "\u02bc OR 1=1", "\uff07 OR 1=1",
    *string.punctuation,
]  # fmt: skip


def test_values_never_become_statements(database: Database) -> None:
    texts_of = [a for a in ATTRIBUTES if a.vr in {"LO", "SH", "PN", "LT", "CS"} and not a.derived]
    archive = (an_instance({a.keyword: "plain" for a in texts_of}),)
    model, everything_here = Model(archive), Scope((ScopeClause(),))
    with filled(database, archive) as index:
        for text in INJECTIONS:
            for attribute in texts_of:
                for condition in (
                    Equals(attribute, text),
                    OneOf(attribute, (text, "nothing")),
                    Wildcard(attribute, text + "*"),
                ):
                    query = Query(LEVELS[1], (condition,))
                    found = list(index.search(query, everything_here))
                    assert found == model.search(query, everything_here), condition
        assert len(list(index.search(Query(LEVELS[1]), everything_here))) == 1


def test_what_looks_like_a_statement_is_stored_and_found_like_any_text(
    database: Database,
) -> None:
    archive = tuple(an_instance({"StudyDescription": text}) for text in set(INJECTIONS))
    model, everything_here = Model(archive), Scope((ScopeClause(),))
    returns = frozenset({BY_KEYWORD["StudyDescription"].tag})
    with filled(database, archive) as index:
        for text in set(INJECTIONS):
            query = Query(LEVELS[1], (Equals(BY_KEYWORD["StudyDescription"], text),), returns)
            [match] = index.search(query, everything_here)
            assert [match] == model.search(query, everything_here)
