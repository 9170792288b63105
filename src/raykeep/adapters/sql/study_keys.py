"""The port `StudyKeys`: an encrypted file of its own, or a schema and a role of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from raykeep.adapters.sql.committer import Writer
from raykeep.adapters.sql.dialect import PostgresDialect, SqliteDialect
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.postgres_server import postgres_engine, postgres_errors
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.sqlite_file import DRIVER_ERRORS, sqlite_engine
from raykeep.adapters.sql.values import facility_name
from raykeep.domain.errors import StorageUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.ports.study_keys import WrappedStudyKey

FILE_NAME = "keys.db"
APPLICATION_ID = 0x52594B4B  # "RYKK"
SCHEMA = "raykeep_keys"
VERSION = 1  # of the tables below
PAGE = 1_000  # keys fetched at a time

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_metadata = sa.MetaData()
_version = sa.Table("version", _metadata, sa.Column("version", sa.Integer, primary_key=True))
_key = sa.Table(
    "study_key",
    _metadata,
    sa.Column("study_key_id", _Text, primary_key=True),
    sa.Column("facility", _Text, nullable=False),
    sa.Column("study_instance_uid", _Text, nullable=False),
    sa.Column("facility_key_version", sa.Integer, nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("study_instance_uid", "facility"),
    sa.Index("ix_study_key_facility", "facility", "facility_key_version"),
)


class SqlStudyKeys:
    """Keeps the port `StudyKeys`; made by `open_study_keys`, safe for many threads."""

    def __init__(self, database: Database, schema: str | None = None) -> None:
        self._database = database
        key = _key if schema is None else _key.to_metadata(sa.MetaData(), schema=schema)
        sql = database.statement
        facility = key.c.facility == sa.bindparam("facility", type_=sa.Text())
        of_study = key.c.study_instance_uid == sa.bindparam("study", type_=sa.Text())
        this = key.c.study_key_id == sa.bindparam("id", type_=sa.Text())
        after = key.c.study_key_id > sa.bindparam("after", type_=sa.Text())
        self._find = sql(sa.select(*key.c).where(of_study, facility))
        self._get = sql(sa.select(*key.c).where(this))
        self._add = sql(database.dialect.insert_or_ignore(key), key.c.keys())
        self._page = sql(
            sa.select(*key.c).where(facility, after).order_by(key.c.study_key_id).limit(PAGE)
        )
        self._count = sql(
            sa.select(key.c.facility_key_version, sa.func.count())
            .where(facility)
            .group_by(key.c.facility_key_version)
        )

    def find(self, facility: FacilityName, study_instance_uid: str) -> WrappedStudyKey | None:
        where = {"facility": facility, "study": study_instance_uid}
        return _first(self._database.rows(self._find, where))

    def get(self, study_key_id: str) -> WrappedStudyKey | None:
        return _first(self._database.rows(self._get, {"id": study_key_id}))

    def add(self, key: WrappedStudyKey) -> WrappedStudyKey:
        row = {
            "study_key_id": key.study_key_id,
            "facility": key.facility,
            "study_instance_uid": key.study_instance_uid,
            "facility_key_version": key.facility_key_version,
            "wrapped": key.wrapped,
        }
        where = {"facility": key.facility, "study": key.study_instance_uid}

        def write(writer: Writer) -> WrappedStudyKey | None:
            if writer.run(self._add, row) == 1:
                return key
            return _first(writer.rows(self._find, where))

        kept = self._database.committer.run(write)
        if kept is None:
            msg = f"a study key {key.study_key_id} is kept already, for another study"
            raise StorageUnavailable(msg)
        return kept

    def of_facility(self, facility: FacilityName) -> Iterator[WrappedStudyKey]:
        after = ""
        while True:
            rows = self._database.rows(self._page, {"facility": facility, "after": after})
            yield from map(_wrapped, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def count(self, facility: FacilityName) -> dict[int, int]:
        return dict(self._database.rows(self._count, {"facility": facility}))

    def close(self) -> None:
        """Let the connections go. More calls do no harm."""
        self._database.close()


def open_study_keys(
    settings: DatabaseSettings, *, folder: Path, key: bytes, create: bool = False
) -> SqlStudyKeys:
    """Open the store of study keys.

    Args:
        settings: Section `[database]`.
        folder: Data directory, where the file lies; not used with a server.
        key: 32 bytes that encrypt the file, another key than the index's; not used with a
            server.
        create: Make it if there is none.

    Raises:
        KeyUnavailable: the key does not open the file.
        StorageUnavailable: there is no store, it is not ours, or newer than this program.
    """
    if settings.keys_url:
        database = Database(
            postgres_engine(settings, settings.keys_url, settings.keys_password_file),
            PostgresDialect(),
            postgres_errors(),
            settings.statement_timeout,
        )
        schema: str | None = SCHEMA
    else:
        engine = sqlite_engine(
            folder / FILE_NAME,
            key,
            application_id=APPLICATION_ID,
            connections=min(settings.connections, 8),
            cache_mib=min(settings.cache_mib, 8),
            busy_timeout=settings.busy_timeout,
            create=create,
        )
        database = Database(engine, SqliteDialect(), DRIVER_ERRORS, settings.statement_timeout)
        schema = None
    try:
        with database.translating(), database.engine.connect() as connection:
            if create:
                _make(connection, database.dialect.begin_write, schema)
            _check(connection, schema)
    except BaseException:
        database.close()
        raise
    return SqlStudyKeys(database, schema)


def _make(connection: sa.Connection, begin: str, schema: str | None) -> None:
    connection.exec_driver_sql(begin)
    try:
        if schema is not None:
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        made = _in(schema)
        made.create_all(connection, checkfirst=True)
        version = made.tables[_named("version", schema)]
        if connection.execute(sa.select(version.c.version)).scalar() is None:
            connection.execute(sa.insert(version).values(version=VERSION))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _check(connection: sa.Connection, schema: str | None) -> None:
    name = _named("version", schema)
    if not sa.inspect(connection).has_table("version", schema=schema):
        msg = "there is no store of study keys yet. Run `raykeep init`"
        raise StorageUnavailable(msg)
    found = connection.execute(sa.select(_in(schema).tables[name].c.version)).scalar()
    if found != VERSION:
        msg = f"the store of study keys has version {found}; this program works with {VERSION}"
        raise StorageUnavailable(msg)


def _in(schema: str | None) -> sa.MetaData:
    """The tables, within a schema if there is one."""
    if schema is None:
        return _metadata
    moved = sa.MetaData()
    for table in _metadata.tables.values():
        table.to_metadata(moved, schema=schema)
    return moved


def _named(table: str, schema: str | None) -> str:
    return table if schema is None else f"{schema}.{table}"


def _first(rows: list[tuple[Any, ...]]) -> WrappedStudyKey | None:
    return _wrapped(rows[0]) if rows else None


def _wrapped(row: tuple[Any, ...]) -> WrappedStudyKey:
    study_key_id, facility, study_instance_uid, version, wrapped = row
    return WrappedStudyKey(
        study_key_id, facility_name(facility), study_instance_uid, version, bytes(wrapped)
    )
