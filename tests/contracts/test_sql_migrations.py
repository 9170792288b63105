"""Tables come forward, on both engines and with rows in them, and never from a newer release."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from raykeep.adapters.sql import schema
from raykeep.adapters.sql.engine import FILE_NAME, Database, open_database, upgrade_database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.study_keys import FILE_NAME as KEYS_FILE
from raykeep.adapters.sql.study_keys import open_study_keys
from raykeep.adapters.sql.tables import metadata
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.domain.errors import KeyUnavailable, StorageUnavailable
from tests.contracts.conftest import KEY
from tests.contracts.instances import a_unit, an_instance

OWN = {"alembic_version", "sqlite_sequence"}


def test_the_migrations_make_the_tables_that_the_program_knows(database: Database) -> None:
    with database.engine.connect() as connection:
        found = sa.inspect(connection)
        names = {
            name
            for name in found.get_table_names()
            if name not in OWN and not name.startswith("patient_name_trigram")
        }
        assert names == set(metadata.tables)
        for name, table in metadata.tables.items():
            columns = {
                column["name"]: (str(column["type"]).split()[0], column["nullable"])
                for column in found.get_columns(name)
            }
            expected = {
                column.name: (
                    str(column.type.compile(database.engine.dialect)).split()[0],
                    column.nullable,
                )
                for column in table.columns
            }
            assert columns == expected, name
            indexes = {
                index["name"]: (tuple(index["column_names"]), bool(index["unique"]))
                for index in found.get_indexes(name)
            }
            planned = {
                index.name: (tuple(index.columns.keys()), bool(index.unique))
                for index in table.indexes
                if database.dialect.name == "postgresql" or index.name != "ix_patient_name_text"
            }
            assert indexes == planned, name


def test_an_upgrade_of_what_is_new_does_nothing_and_keeps_the_rows(
    database: Database, settings: DatabaseSettings, tmp_path: Path
) -> None:
    SqlUnitOfWork(database).commit(a_unit(an_instance()))

    assert upgrade_database(settings, folder=tmp_path, key=KEY) == []
    assert SqlStudyIndex(database).totals()["instances"] == 1


def test_a_newer_database_is_left_alone(
    database: Database,
    settings: DatabaseSettings,
    tmp_path: Path,
    open_again: Callable[[], Database],
) -> None:
    with database.engine.connect() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()

    with pytest.raises(StorageUnavailable, match="newer release"):
        open_again()
    with pytest.raises(StorageUnavailable, match="newer release"):
        upgrade_database(settings, folder=tmp_path, key=KEY)


def test_a_database_without_tables_asks_for_the_upgrade(tmp_path: Path) -> None:
    settings = DatabaseSettings()
    with pytest.raises(StorageUnavailable, match="raykeep init"):
        open_database(settings, folder=tmp_path, key=KEY)
    assert not (tmp_path / FILE_NAME).exists()

    upgrade_database(settings, folder=tmp_path, key=KEY)
    database = open_database(settings, folder=tmp_path, key=KEY)
    with database.engine.connect() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))
        connection.commit()
    database.close()
    with pytest.raises(StorageUnavailable, match="upgrade"):
        open_database(settings, folder=tmp_path, key=KEY)


def test_a_wrong_key_opens_nothing_and_changes_nothing(tmp_path: Path) -> None:
    settings, wrong = DatabaseSettings(), bytes(32)
    upgrade_database(settings, folder=tmp_path, key=KEY)
    open_study_keys(settings, folder=tmp_path, key=KEY, create=True).close()
    before = [(tmp_path / name).read_bytes() for name in (FILE_NAME, KEYS_FILE)]

    with pytest.raises(KeyUnavailable):
        open_database(settings, folder=tmp_path, key=wrong)
    with pytest.raises(KeyUnavailable):
        upgrade_database(settings, folder=tmp_path, key=wrong)
    with pytest.raises(KeyUnavailable):
        open_study_keys(settings, folder=tmp_path, key=wrong)
    with pytest.raises(KeyUnavailable):
        open_study_keys(settings, folder=tmp_path, key=wrong, create=True)

    assert [(tmp_path / name).read_bytes() for name in (FILE_NAME, KEYS_FILE)] == before


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    settings = DatabaseSettings()
    plain = sqlite3.connect(tmp_path / FILE_NAME)
    plain.execute("CREATE TABLE t (a)")
    plain.close()
    for opening in (open_database, upgrade_database):
        with pytest.raises(StorageUnavailable, match="unencrypted"):
            opening(settings, folder=tmp_path, key=KEY)

    # The store of study keys, put in the place of the index under the same key.
    (tmp_path / FILE_NAME).unlink()
    open_study_keys(settings, folder=tmp_path, key=KEY, create=True).close()
    (tmp_path / KEYS_FILE).rename(tmp_path / FILE_NAME)
    for opening in (open_database, upgrade_database):
        with pytest.raises(StorageUnavailable, match="not the database"):
            opening(settings, folder=tmp_path, key=KEY)


def test_a_damaged_page_is_an_error_and_no_wrong_answer(tmp_path: Path) -> None:
    settings = DatabaseSettings()
    upgrade_database(settings, folder=tmp_path, key=KEY)
    database = open_database(settings, folder=tmp_path, key=KEY)
    for _ in range(40):
        SqlUnitOfWork(database).commit(a_unit(an_instance(header=bytes(2000))))
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    file = tmp_path / FILE_NAME
    damaged = bytearray(file.read_bytes())
    for place in range(4096 + 100, len(damaged), 4096):
        damaged[place] ^= 1
    file.write_bytes(damaged)

    with pytest.raises(StorageUnavailable):
        database = open_database(settings, folder=tmp_path, key=KEY)
        list(SqlStudyIndex(database).sealed_objects())


def test_nothing_readable_lies_on_the_disk(tmp_path: Path) -> None:
    settings = DatabaseSettings()
    upgrade_database(settings, folder=tmp_path, key=KEY)
    database = open_database(settings, folder=tmp_path, key=KEY)
    SqlUnitOfWork(database).commit(a_unit(an_instance({"PatientName": "Sentinel^Zebra"})))

    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [FILE_NAME, f"{FILE_NAME}-shm", f"{FILE_NAME}-wal"]
    for path in tmp_path.iterdir():
        content = path.read_bytes().lower()
        assert b"sentinel" not in content
        assert b"sqlite format" not in content
        assert b"create table" not in content
    database.close()


def test_the_head_is_known(database: Database) -> None:
    with database.engine.connect() as connection:
        assert schema.current(connection) == schema.heads() == "0001"
