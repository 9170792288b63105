"""The port `StudyIndex`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.dialect import Statement
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.scopes import tree_of_scope
from raykeep.adapters.sql.search import Searches
from raykeep.adapters.sql.stored_rows import STORED, WITH_QUARANTINED, stored_instance
from raykeep.adapters.sql.trees import FOUR_LEVELS, NEVER, Scene, Slots, Tree, TreeCompiler
from raykeep.adapters.sql.values import facility_name, some_moment
from raykeep.domain.access import Scope, StudyRef
from raykeep.domain.blobs import BlobKey
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Match, StoredInstance
from raykeep.domain.query import Count, Query

PAGE = 200  # instances fetched at a time; each brings its header along
_RECENT = 256  # rows among which the newest arrival is looked for
_MOST_SCOPES = 1_000

_study, _series, _instance = tables.study, tables.series, tables.instance
_quarantined = tables.quarantined_instance


class SqlStudyIndex:
    """Keeps the port `StudyIndex`; one for a `Database`, safe for many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._searches = Searches(database)
        self._trees = TreeCompiler(database.dialect)
        self._scoped: dict[tuple[str, Tree], Statement] = {}
        self._sql = _Statements(database)

    def search(self, query: Query, scope: Scope) -> Iterator[Match]:
        return self._searches.search(query, scope)

    def count(self, query: Query, scope: Scope, cap: int = 10_000) -> Count:
        return self._searches.count(query, scope, cap)

    def studies(self, study_instance_uid: str, scope: Scope) -> list[StudyRef]:
        rows = self._within("studies", scope, {"study": study_instance_uid})
        return [
            StudyRef(facility_name(name), uid, frozenset(modalities.split("\\")) - {""}, year)
            for name, uid, modalities, year in rows
        ]

    def instances(
        self,
        scope: Scope,
        *,
        study_instance_uid: str,
        series_instance_uid: str | None = None,
        sop_instance_uid: str | None = None,
    ) -> Iterator[StoredInstance]:
        path = {"study": study_instance_uid}
        what = "of study"
        if series_instance_uid is not None:
            path["series"] = series_instance_uid
            what = "of series"
        if sop_instance_uid is not None:
            path["instance"] = sop_instance_uid
            what = "one of study" if series_instance_uid is None else "one of series"
            return map(stored_instance, self._within(what, scope, path))
        return self._in_order(self._within(what, scope, path))

    def _in_order(self, numbers: list[tuple[Any, ...]]) -> Iterator[StoredInstance]:
        """The instances of these numbers, a page at a time."""
        for start in range(0, len(numbers), PAGE):
            page = [number for (number,) in numbers[start : start + PAGE]]
            listed = self._database.dialect.list_parameter(page)
            rows = {row[0]: row for row in self._database.rows(self._sql.page, {"rows": listed})}
            for number in page:
                if number in rows:  # else removed meanwhile
                    yield stored_instance(rows[number])

    def _within(self, what: str, scope: Scope, path: dict[str, str]) -> list[tuple[Any, ...]]:
        """Run one of the scoped statements; its text is made once for each form of scope."""
        slots = Slots(self._database.dialect)
        tree = tree_of_scope(scope, slots)
        if tree == NEVER:
            return []
        statement = self._scoped.get((what, tree))
        if statement is None:
            if len(self._scoped) >= _MOST_SCOPES:
                self._scoped.clear()
            in_scope = self._trees.sql(tree, Scene(FOUR_LEVELS))
            statement = self._database.statement(_SCOPED[what].where(in_scope))
            self._scoped[what, tree] = statement
        return self._database.rows(statement, {**slots.values, **path})

    # --- without a scope: for the archive's own work -------------------------------------------

    def same_instance(
        self, facility: FacilityName, sop_instance_uid: str
    ) -> tuple[bytes, int] | None:
        where = {"facility": facility, "instance": sop_instance_uid}
        rows = self._database.rows(self._sql.same_instance, where)
        return (bytes(rows[0][0]), rows[0][1]) if rows else None

    def study_patient(self, facility: FacilityName, study_instance_uid: str) -> str | None:
        where = {"facility": facility, "study": study_instance_uid}
        rows = self._database.rows(self._sql.study_patient, where)
        return (rows[0][0] or "") if rows else None

    def holds(self, keys: list[BlobKey]) -> set[BlobKey]:
        by_text = {str(key): key for key in keys}
        listed = self._database.dialect.list_parameter(list(by_text))
        rows = self._database.rows(self._sql.holds, {"keys": listed})
        return {by_text[text] for (text,) in rows}

    def sealed_objects(self, after: str = "", limit: int = 1000) -> list[StoredInstance]:
        values = {"after": after, "limit": limit}
        found = [stored_instance(row) for row in self._database.rows(self._sql.sealed, values)]
        found += [
            stored_instance(row)
            for row in self._database.rows(self._sql.sealed_in_quarantine, values)
        ]
        return sorted(found, key=lambda one: str(one.sealed.key))[:limit]

    def newest_arrival(self) -> datetime | None:
        newest = [row[0] for row in self._database.rows(self._sql.newest, {}) if row[0] is not None]
        return some_moment(max(newest, default=None))

    def totals(self) -> dict[str, int]:
        [row] = self._database.rows(self._sql.totals, {})
        names = ("patients", "studies", "series", "instances", "quarantined", "bytes")
        return {name: int(number) for name, number in zip(names, row, strict=True)}


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.Text())


def _scoped_statements() -> dict[str, sa.Select[Any]]:
    path = (
        _instance.join(_series, _instance.c.series_row == _series.c.id).join(
            _study, _series.c.study_row == _study.c.id
        )
    )  # fmt: skip
    of_study = _study.c.study_instance_uid == _text("study")
    of_series = _series.c.series_instance_uid == _text("series")
    this = _instance.c.sop_instance_uid == _text("instance")
    one = sa.select(*STORED).select_from(path).where(this, of_study)
    numbers = (
        sa.select(_instance.c.id)
        .select_from(path)
        .where(of_study)
        .order_by(
            _study.c.facility,
            _series.c.order_number,
            _series.c.id,
            _instance.c.order_number,
            _instance.c.id,
        )
    )
    return {
        "studies": sa.select(
            _study.c.facility,
            _study.c.study_instance_uid,
            _study.c.modalities_in_study,
            _study.c.year,
        )
        .where(of_study)
        .order_by(_study.c.facility),
        "of study": numbers,
        "of series": numbers.where(of_series),
        "one of study": one.order_by(_study.c.facility),
        "one of series": one.where(of_series).order_by(_study.c.facility),
    }


_SCOPED = _scoped_statements()


class _Statements:
    """SQL without a scope, made once for an engine."""

    def __init__(self, database: Database) -> None:
        sql, dialect = database.statement, database.dialect
        path = _instance.join(_series, _instance.c.series_row == _series.c.id).join(
            _study, _series.c.study_row == _study.c.id
        )
        stored = sa.select(*STORED).select_from(path)
        limit = sa.bindparam("limit", type_=sa.BigInteger())
        here = _text("facility")

        self.page = sql(stored.where(dialect.is_one_of(_instance.c.id, "rows")))
        self.same_instance = sql(
            sa.select(_instance.c.digest, _instance.c.length).where(
                _instance.c.sop_instance_uid == _text("instance"), _instance.c.facility == here
            )
        )
        self.study_patient = sql(
            sa.select(tables.patient.c.patient_id)
            .join(_study, _study.c.patient_row == tables.patient.c.id)
            .where(_study.c.study_instance_uid == _text("study"), _study.c.facility == here)
        )
        both = (_instance.c.blob_key, _quarantined.c.blob_key)
        self.holds = sql(
            sa.union_all(
                *(sa.select(column).where(dialect.is_one_of(column, "keys")) for column in both)
            )
        )
        after = _text("after")
        self.sealed = sql(
            stored.where(_instance.c.blob_key > after).order_by(_instance.c.blob_key).limit(limit)
        )
        self.sealed_in_quarantine = sql(
            sa.select(*WITH_QUARANTINED)
            .where(_quarantined.c.blob_key > after)
            .order_by(_quarantined.c.blob_key)
            .limit(limit)
        )
        recent = [
            sa.select(table.c.arrived_at).order_by(table.c.id.desc()).limit(_RECENT).subquery()
            for table in (_instance, _quarantined)
        ]
        self.newest = sql(
            sa.union_all(*(sa.select(sa.func.max(rows.c.arrived_at)) for rows in recent))
        )
        counted = [
            sa.select(sa.func.count()).select_from(table).scalar_subquery()
            for table in (tables.patient, _study, _series, _instance, _quarantined)
        ]
        sums = [
            sa.func.coalesce(sa.select(sa.func.sum(column)).scalar_subquery(), 0)
            for column in (_study.c.stored_bytes, _quarantined.c.stored_length)
        ]
        self.totals = sql(sa.select(*counted, sums[0] + sums[1]))
