"""Many writers of one database: threads, processes, and processes that are killed."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import msgspec
import pytest
import sqlalchemy as sa

from raykeep.adapters.sql.committer import Committer
from raykeep.adapters.sql.engine import Database, open_database, upgrade_database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.tables import metadata
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.domain.access import Scope, ScopeClause
from raykeep.domain.attributes import BY_KEYWORD, Level
from raykeep.domain.errors import ChangeRefused, LimitExceeded, StorageUnavailable
from raykeep.domain.query import Query
from tests.contracts.conftest import KEY
from tests.contracts.instances import MAIN, a_unit, an_instance

WRITER = Path(__file__).with_name("sql_writer.py")
ROOT = WRITER.parents[2]
ALL = Scope((ScopeClause(),))


def start_writer(folder: Path, name: int, count: int | None = None) -> subprocess.Popen[str]:
    arguments = [str(folder), str(name)] + ([] if count is None else [str(count)])
    return subprocess.Popen(
        [sys.executable, str(WRITER), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    upgrade_database(DatabaseSettings(), folder=tmp_path, key=KEY)
    return tmp_path


def counted(database: Database) -> dict[str, int]:
    """Totals as rows say, and as counters say."""
    index = SqlStudyIndex(database)
    related = BY_KEYWORD["NumberOfStudyRelatedInstances"].tag
    studies = index.search(Query(Level.STUDY, returns=frozenset({related})), ALL)
    return index.totals() | {"by counters": sum(int(one.values[related]) for one in studies)}


def test_two_processes_write_one_file_and_lose_nothing(folder: Path) -> None:
    writers = [start_writer(folder, name, 300) for name in (1, 2)]
    said = [writer.communicate(timeout=120)[0].split() for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0]
    assert [len(lines) for lines in said] == [300, 300]
    database = open_database(DatabaseSettings(), folder=folder, key=KEY)
    totals = counted(database)
    assert (totals["studies"], totals["series"], totals["instances"]) == (5, 10, 600)
    assert totals["by counters"] == 600
    database.close()


def test_what_was_acknowledged_outlives_kill_9(folder: Path) -> None:
    acknowledged: list[str] = []
    for name in range(1, 5):
        writers = [start_writer(folder, 10 * name + place) for place in range(2)]
        for writer in writers:
            assert writer.stdout
            acknowledged += [writer.stdout.readline().strip() for _ in range(20)]
        time.sleep(0.05 * name)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            rest, _ = writer.communicate(timeout=60)
            acknowledged += [line for line in rest.split("\n")[:-1] if line]

    database = open_database(DatabaseSettings(), folder=folder, key=KEY)
    index = SqlStudyIndex(database)
    assert len(acknowledged) >= 160
    assert all(index.same_instance(MAIN, uid) is not None for uid in acknowledged)
    totals = counted(database)
    # All or nothing: each row has its record, and each counter agrees.
    assert totals["by counters"] == totals["instances"] >= len(acknowledged)
    with database.reading() as cursor:
        cursor.execute("SELECT count(*) FROM audit_record")
        assert cursor.fetchall() == [(totals["instances"],)]
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
        cursor.execute("PRAGMA foreign_key_check")
        assert cursor.fetchall() == []
    database.close()


def test_tasks_that_wait_share_a_transaction(database: Database) -> None:
    begun, go_on = Event(), Event()
    transactions: list[int] = []
    run = Committer._transaction

    def counting(self: Committer, batch: list[object]) -> None:
        transactions.append(len(batch))
        run(self, batch)

    database.committer._transaction = counting.__get__(database.committer)

    def hold(_: object) -> None:
        begun.set()
        go_on.wait(30)

    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(database.committer.run, hold)
        begun.wait(30)
        others = [
            pool.submit(SqlUnitOfWork(database).commit, a_unit(an_instance())) for _ in range(15)
        ]
        while database.committer._queue.qsize() < 15:
            time.sleep(0.01)
        go_on.set()
        for one in (first, *others):
            one.result(30)

    assert transactions == [1, 15]


def test_an_error_nobody_foresaw_undoes_its_task_alone_and_reaches_its_caller(
    database: Database,
) -> None:
    unit_of_work, index = SqlUnitOfWork(database), SqlStudyIndex(database)
    good = [an_instance() for _ in range(30)]

    def bad(_: object) -> None:
        raise ZeroDivisionError

    def run_bad(_: int) -> bool:
        try:
            database.committer.run(bad)
        except ZeroDivisionError:
            return True
        return False

    with ThreadPoolExecutor(12) as pool:
        failed = pool.map(run_bad, range(30))
        list(pool.map(unit_of_work.commit, map(a_unit, good)))
        assert all(failed)

    assert index.totals()["instances"] == 30


def test_a_number_too_large_for_the_database_hurts_its_own_unit_alone(
    database: Database,
) -> None:
    unit_of_work, index = SqlUnitOfWork(database), SqlStudyIndex(database)
    one = an_instance()
    huge = replace(one, pixel_data_offset=1 << 70)

    with pytest.raises((OverflowError, StorageUnavailable)):
        unit_of_work.commit(a_unit(huge))
    unit_of_work.commit(a_unit(one))

    assert index.totals()["instances"] == 1


def test_memory_of_rows_is_not_trusted_when_another_process_removed_them(
    database: Database,
) -> None:
    unit_of_work, index = SqlUnitOfWork(database), SqlStudyIndex(database)
    first = an_instance(study="1.2.3", series="1.2.3.1")
    unit_of_work.commit(a_unit(first))
    with database.engine.connect() as connection:
        for name in ("instance", "series", "study_modality", "study_sop_class", "study"):
            connection.execute(sa.delete(metadata.tables[name]))
        connection.commit()

    unit_of_work.commit(a_unit(an_instance(study="1.2.3", series="1.2.3.1")))

    totals = index.totals()
    assert (totals["studies"], totals["series"], totals["instances"]) == (1, 1, 1)
    assert counted(database)["by counters"] == 1


def test_a_closed_database_takes_nothing_more(database: Database) -> None:
    unit_of_work = SqlUnitOfWork(database)
    unit_of_work.commit(a_unit(an_instance()))
    database.close()

    with pytest.raises(StorageUnavailable):
        unit_of_work.commit(a_unit(an_instance()))


def test_nothing_of_an_undone_unit_is_remembered(database: Database) -> None:
    unit_of_work, index = SqlUnitOfWork(database), SqlStudyIndex(database)
    stored = an_instance()
    unit_of_work.commit(a_unit(stored))
    new = an_instance(study="1.2.3", series="1.2.3.1")
    again = an_instance(instance=stored.sop_instance_uid)
    with pytest.raises(ChangeRefused):
        unit_of_work.commit(a_unit(new, again))

    unit_of_work.commit(a_unit(new))

    assert index.studies("1.2.3", ALL) != []
    assert counted(database)["by counters"] == 2
    assert SqlStudyIndex(database).count(Query(Level.SERIES), ALL).value == 2


def test_a_search_that_runs_too_long_is_stopped(settings: DatabaseSettings, tmp_path: Path) -> None:
    hasty = msgspec.structs.replace(settings, statement_timeout=0.3)
    database = open_database(hasty, folder=tmp_path, key=KEY)
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT max(i) FROM n",
        "postgresql": "SELECT pg_sleep(30)",
    }[database.dialect.name]
    began = time.monotonic()
    with pytest.raises(LimitExceeded), database.reading() as cursor:
        cursor.execute(slow)
        cursor.fetchall()

    assert time.monotonic() - began < 10
    with database.reading() as cursor:  # the connection is as good as before
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]
    SqlUnitOfWork(database).commit(a_unit(an_instance()))
    database.close()


def test_connections_that_were_cut_are_replaced(database: Database) -> None:
    unit_of_work, index = SqlUnitOfWork(database), SqlStudyIndex(database)
    unit_of_work.commit(a_unit(an_instance()))
    assert index.totals()["instances"] == 1
    if database.dialect.name == "postgresql":  # as when the server was started anew
        with database.engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    else:
        database.engine.dispose()

    unit_of_work.commit(a_unit(an_instance()))
    assert index.totals()["instances"] == 2
