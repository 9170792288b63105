"""The database itself refuses to change or remove what stands on the trail."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from raykeep.adapters.sql.audit import SqlAuditTrail
from raykeep.adapters.sql.engine import Database, open_database, upgrade_database
from raykeep.adapters.sql.errors import is_integrity
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.domain.audit_event import RecordFilter
from raykeep.domain.changes import Unit
from raykeep.domain.errors import StorageUnavailable
from tests.contracts.audit_trail import a_leaf
from tests.contracts.conftest import KEY, server_settings
from tests.contracts.instances import a_record, a_unit, an_instance
from tests.contracts.postgres_for_tests import Server

TABLES = ("audit_record", "audit_leaf", "audit_checkpoint")
UPDATES = {
    "audit_record": "UPDATE audit_record SET actor = 'nobody'",
    "audit_leaf": "UPDATE audit_leaf SET record_id = 'x'",
    "audit_checkpoint": "UPDATE audit_checkpoint SET size = 0",
}
_REPLACED = (
    "INSERT OR REPLACE INTO audit_record SELECT {id}, {record_id}, at, event, action, outcome, "
    "actor_kind, 'nobody', door, address, facility, study_instance_uid, patient, count, reason, "
    "details FROM audit_record LIMIT 1"
)
ON_SQLITE = [
    "INSERT OR REPLACE INTO audit_record SELECT * FROM audit_record",
    "INSERT OR REPLACE INTO audit_leaf SELECT * FROM audit_leaf",
    "INSERT OR REPLACE INTO audit_checkpoint SELECT * FROM audit_checkpoint",
    # A new id over the old row, and an old id over a new row.
    _REPLACED.format(id="99", record_id="record_id"),
    _REPLACED.format(id="id", record_id="'other'"),
    "UPDATE OR REPLACE audit_record SET record_id = (SELECT min(record_id) FROM audit_record)",
    "INSERT INTO audit_leaf SELECT * FROM audit_leaf WHERE 1 ON CONFLICT DO UPDATE SET entry = ''",
]
ON_POSTGRESQL = [
    "TRUNCATE audit_record",
    "TRUNCATE audit_leaf",
    "TRUNCATE audit_checkpoint CASCADE",
    "INSERT INTO audit_leaf SELECT * FROM audit_leaf ON CONFLICT (position) DO UPDATE SET entry=''",
    "INSERT INTO audit_record SELECT * FROM audit_record",
]


@pytest.fixture
def filled(database: Database) -> Database:
    """A database whose trail has records, a leaf and a checkpoint."""
    records = [a_record() for _ in range(3)]
    unit_of_work, trail = SqlUnitOfWork(database), SqlAuditTrail(database)
    for record in records:
        unit_of_work.commit(Unit((record,)))
    trail.append_leaves([a_leaf(0, records[0])])
    trail.add_checkpoint(1, "one")
    return database


def attempts(database: Database) -> list[str]:
    deletes = [f"DELETE FROM {table}" for table in TABLES]  # noqa: S608 - what an attacker does
    own = ON_SQLITE if database.dialect.name == "sqlite" else ON_POSTGRESQL
    return [*UPDATES.values(), *deletes, *own]


def test_what_stands_on_the_trail_cannot_be_changed_or_removed(filled: Database) -> None:
    trail = SqlAuditTrail(filled)
    before = (trail.search(RecordFilter()), list(trail.leaves(0, 9)), trail.checkpoints())

    for attempt in attempts(filled):
        with filled.engine.connect() as connection:
            with pytest.raises(sa.exc.DBAPIError) as refused:
                connection.exec_driver_sql(attempt)
            assert is_integrity(refused.value.orig), attempt
            connection.rollback()

    assert (trail.search(RecordFilter()), list(trail.leaves(0, 9)), trail.checkpoints()) == before


LOST_ON_SQLITE = [f"DROP TRIGGER {table}_{what}" for table in TABLES for what in (
    "no_update", "no_delete", "no_second",
)]  # fmt: skip
BLUNTED_ON_SQLITE = [
    "DROP TRIGGER audit_leaf_no_update",
    "CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf BEGIN SELECT 1; END",
]
LOST_ON_POSTGRESQL = [
    *(f"DROP TRIGGER {table}_no_change ON {table}" for table in TABLES),
    *(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_change" for table in TABLES),
    """CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RETURN NULL; END $$""",
]


@pytest.mark.parametrize("number", range(9))
def test_work_does_not_begin_without_the_locks(
    filled: Database, open_again: Callable[[], Database], number: int
) -> None:
    if filled.dialect.name == "sqlite":
        changes = BLUNTED_ON_SQLITE if number == 8 else [LOST_ON_SQLITE[number]]
    else:
        changes = [LOST_ON_POSTGRESQL[number % len(LOST_ON_POSTGRESQL)]]
    with filled.engine.connect() as connection:
        for change in changes:
            connection.exec_driver_sql(change)
        connection.commit()
    filled.close()

    with pytest.raises(StorageUnavailable, match="locks"):
        open_again()


# --- roles, on PostgreSQL ----------------------------------------------------------------------


@pytest.fixture
def server_database(postgres: Server, tmp_path: Path) -> str:
    """A database with all tables whose roles were granted what they need."""
    name = f"roles_{tmp_path.name.replace('-', '_')}"[:60].lower()
    with postgres.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    upgrade_database(server_settings(postgres, name, tmp_path), folder=Path(), key=KEY)
    return name


def test_the_program_role_can_do_the_archives_work(
    postgres: Server, server_database: str, tmp_path: Path
) -> None:
    settings = server_settings(postgres, server_database, tmp_path, "raykeep_program")
    database = open_database(settings, folder=Path(), key=KEY)
    SqlUnitOfWork(database).commit(a_unit(an_instance({"PatientName": "A^B", "Modality": "CT"})))

    assert len(SqlAuditTrail(database).search(RecordFilter())) == 1
    database.close()


def test_the_sealer_seals_and_the_reader_reads(
    postgres: Server, server_database: str, tmp_path: Path
) -> None:
    record = a_record()
    owner = server_settings(postgres, server_database, tmp_path)
    database = open_database(owner, folder=Path(), key=KEY)
    SqlUnitOfWork(database).commit(Unit((record,)))
    database.close()

    sealer = open_database(
        server_settings(postgres, server_database, tmp_path, "raykeep_sealer"),
        folder=Path(),
        key=KEY,
    )
    trail = SqlAuditTrail(sealer)
    assert trail.unsealed(5) == [record]
    trail.append_leaves([a_leaf(0, record)])
    trail.add_checkpoint(1, "one")
    with pytest.raises(StorageUnavailable):
        SqlUnitOfWork(sealer).commit(Unit((a_record(),)))
    sealer.close()

    reader = open_database(
        server_settings(postgres, server_database, tmp_path, "raykeep_reader"),
        folder=Path(),
        key=KEY,
    )
    trail = SqlAuditTrail(reader)
    assert trail.leaf_of(record.record_id) == a_leaf(0, record)
    with pytest.raises(StorageUnavailable):
        trail.add_checkpoint(1, "two")
    reader.close()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("raykeep_program", "UPDATE audit_record SET actor = ''"),
        ("raykeep_program", "DELETE FROM audit_record"),
        ("raykeep_program", "TRUNCATE audit_record"),
        ("raykeep_program", "INSERT INTO audit_leaf VALUES (0, '', '', '', '')"),
        ("raykeep_program", "INSERT INTO audit_checkpoint (size, note) VALUES (0, '')"),
        ("raykeep_program", "ALTER TABLE audit_record DISABLE TRIGGER ALL"),
        ("raykeep_program", "DROP TRIGGER audit_record_no_change ON audit_record"),
        ("raykeep_program", "DROP TABLE audit_record"),
        ("raykeep_program", "CREATE TABLE mine (a int)"),
        ("raykeep_sealer", "DELETE FROM audit_leaf"),
        ("raykeep_sealer", "INSERT INTO audit_record (record_id) VALUES ('')"),
        ("raykeep_sealer", "SELECT * FROM patient"),
        ("raykeep_reader", "INSERT INTO audit_checkpoint (size, note) VALUES (0, '')"),
        ("raykeep_reader", "SELECT * FROM instance"),
    ],
)
def test_no_role_may_do_more_than_its_work(
    postgres: Server, server_database: str, role: str, statement: str
) -> None:
    with (
        postgres.connect(server_database, role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_a_sealed_file_needs_no_roles(tmp_path: Path) -> None:
    settings = DatabaseSettings()
    assert upgrade_database(settings, folder=tmp_path, key=KEY) == ["0001"]
