"""The two engines, and everything in which they differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.dialects.sqlite import pysqlite as pysqlite_dialect
from sqlalchemy.sql.operators import custom_op

from raykeep.adapters.sql.tables import Id, Text, patient
from raykeep.adapters.sql.values import json_text

Column = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text, made once from Core constructs, and the names of its values in their order."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, object]

    def bind(self, values: Mapping[str, object]) -> tuple[object, ...]:
        """The values in the order in which the statement asks for them."""
        if not self.constants:
            return tuple([values[name] for name in self.names])
        constants = self.constants
        return tuple([values[name] if name in values else constants[name] for name in self.names])


class Dialect(Protocol):
    """What the other files may ask of an engine."""

    name: str
    begin_write: str
    explain: str
    sqlalchemy: sa.Dialect

    def list_parameter(self, values: Sequence[str] | Sequence[int]) -> object:
        """A list, in the form in which `is_one_of` takes it."""
        ...

    def is_one_of(self, column: Column, name: str) -> Column:
        """Whether the column is one of the list bound as `name`, of any length."""
        ...

    def is_none_of(self, column: Column, name: str) -> Column:
        """Whether the column is none of that list."""
        ...

    def unindexed(self, column: Column) -> Column:
        """The column, for a condition that must not choose the index to walk."""
        ...

    def pattern(self, wildcards: str) -> str:
        """The pattern of `like` for a key of `*` and `?`."""
        ...

    def literal(self, text: str) -> str:
        """The part of a pattern that fits this text alone."""
        ...

    def like(self, column: Column, name: str) -> Column:
        """Case-sensitive matching against the pattern bound as `name`."""
        ...

    def is_date(self, column: Column) -> Column:
        """Whether the text is eight digits."""
        ...

    def patients_by_name_text(self, names: Sequence[str]) -> sa.Select[Any]:
        """Numbers of the patients whose `name_text` fits all patterns, by the trigram index."""
        ...

    def insert_or_ignore(self, table: sa.Table) -> sa.Insert:
        """INSERT that leaves a row alone that is there already."""
        ...

    def upsert(self, table: sa.Table, counter: str, keys: Sequence[str]) -> sa.Insert:
        """INSERT that adds to the counter of the row that is there already."""
        ...


def compiled(
    dialect: Dialect, clause: sa.ClauseElement, columns: Sequence[str] | None = None
) -> Statement:
    """Turn a Core construct into SQL text for an engine.

    Args:
        dialect: The engine.
        clause: The construct; every value in it is bound.
        columns: For INSERT and UPDATE, the columns that are bound by their own names.
    """
    keys = list(columns) if columns is not None else None
    done = cast(
        "sa.sql.compiler.SQLCompiler", clause.compile(dialect=dialect.sqlalchemy, column_keys=keys)
    )
    names = tuple(done.positiontup or ())
    constants = {
        name: value
        for name, value in done.params.items()
        if not done.binds[name].required and value is not None
    }
    return Statement(str(done), names, constants)


class SqliteDialect:
    """SQLite, and SQLCipher, which is SQLite to SQL."""

    name = "sqlite"
    # IMMEDIATE takes the one write lock at once: an upgrade in the middle could fail.
    begin_write = "BEGIN IMMEDIATE"
    explain = "EXPLAIN QUERY PLAN"

    def __init__(self) -> None:
        self.sqlalchemy: sa.Dialect = pysqlite_dialect.dialect(paramstyle="qmark")

    def list_parameter(self, values: Sequence[str] | Sequence[int]) -> object:
        return json_text(values)

    def is_one_of(self, column: Column, name: str) -> Column:
        return column.in_(self._listed(name))

    def is_none_of(self, column: Column, name: str) -> Column:
        return column.not_in(self._listed(name))

    def _listed(self, name: str) -> sa.Select[Any]:
        listed = sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value")
        return sa.select(listed.c.value)

    def unindexed(self, column: Column) -> Column:
        # A unary plus changes no value, and hides the column from the planner (SQLite manual,
        # "The SQLite query optimizer overview", section 2).
        return sa.UnaryExpression(column, operator=custom_op("+"), type_=column.type)

    def pattern(self, wildcards: str) -> str:
        return wildcards.replace("[", "[[]")

    def literal(self, text: str) -> str:
        return text.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")

    def like(self, column: Column, name: str) -> Column:
        return column.op("GLOB", is_comparison=True)(sa.bindparam(name, type_=sa.Text()))

    def is_date(self, column: Column) -> Column:
        return column.op("GLOB", is_comparison=True)("[0-9]" * 8)

    def patients_by_name_text(self, names: Sequence[str]) -> sa.Select[Any]:
        return sa.select(_trigrams.c.rowid).where(
            *(self.like(_trigrams.c.name_text, name) for name in names)
        )

    def insert_or_ignore(self, table: sa.Table) -> sa.Insert:
        return sqlite.insert(table).on_conflict_do_nothing()

    def upsert(self, table: sa.Table, counter: str, keys: Sequence[str]) -> sa.Insert:
        adding = sqlite.insert(table)
        return adding.on_conflict_do_update(
            index_elements=list(keys),
            set_={counter: table.c[counter] + adding.excluded[counter]},
        )


# The FTS5 table that the first migration makes over `patient.name_text`.
_trigrams = sa.Table(
    "patient_name_trigram",
    sa.MetaData(),
    sa.Column("rowid", Id),
    sa.Column("name_text", Text),
)


class PostgresDialect:
    """PostgreSQL 13 or newer."""

    name = "postgresql"
    begin_write = "BEGIN"
    explain = "EXPLAIN"

    def __init__(self) -> None:
        make: Callable[..., sa.Dialect] = psycopg_dialect.PGDialect_psycopg
        self.sqlalchemy: sa.Dialect = make(paramstyle="format")

    def list_parameter(self, values: Sequence[str] | Sequence[int]) -> object:
        return list(values)

    def is_one_of(self, column: Column, name: str) -> Column:
        return column == sa.any_(self._listed(column, name))

    def is_none_of(self, column: Column, name: str) -> Column:
        return column != sa.all_(self._listed(column, name))

    def _listed(self, column: Column, name: str) -> sa.BindParameter[Any]:
        kind = sa.BigInteger() if isinstance(column.type, sa.Integer) else sa.Text()
        return sa.bindparam(name, type_=postgresql.ARRAY(kind))

    def unindexed(self, column: Column) -> Column:
        return column  # its planner has statistics

    def pattern(self, wildcards: str) -> str:
        return self.literal(wildcards).replace("*", "%").replace("?", "_")

    def literal(self, text: str) -> str:
        for special in "\\%_":
            text = text.replace(special, "\\" + special)
        return text

    def like(self, column: Column, name: str) -> Column:
        return column.like(sa.bindparam(name, type_=sa.Text()))

    def is_date(self, column: Column) -> Column:
        return column.regexp_match("^[0-9]{8}$")

    def patients_by_name_text(self, names: Sequence[str]) -> sa.Select[Any]:
        return sa.select(patient.c.id).where(
            *(self.like(patient.c.name_text, name) for name in names)
        )

    def insert_or_ignore(self, table: sa.Table) -> sa.Insert:
        return postgresql.insert(table).on_conflict_do_nothing()

    def upsert(self, table: sa.Table, counter: str, keys: Sequence[str]) -> sa.Insert:
        adding = postgresql.insert(table)
        return adding.on_conflict_do_update(
            index_elements=list(keys),
            set_={counter: table.c[counter] + adding.excluded[counter]},
        )
