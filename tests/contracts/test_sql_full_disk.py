"""When there is no room left, nothing is half done, and work goes on once there is room again."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from raykeep.adapters.sql.engine import Database, open_database, upgrade_database
from raykeep.adapters.sql.errors import Collision, StatementTooSlow, translated
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.domain.errors import ArchiveError, ChangeRefused, StorageFull, StorageUnavailable
from tests.contracts.conftest import KEY
from tests.contracts.instances import MAIN, a_unit, an_instance


@pytest.fixture
def limited(tmp_path: Path):
    """A database whose file may not grow past so many pages; and how to let it."""
    upgrade_database(DatabaseSettings(), folder=tmp_path, key=KEY)
    database = open_database(DatabaseSettings(), folder=tmp_path, key=KEY)
    most = {"pages": 120}

    def limit(connection: object, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most['pages']}")

    database.engine.dispose()
    sa.event.listen(database.engine, "connect", limit)
    yield database, most
    database.close()


def fill(database: Database) -> tuple[list[str], list[ArchiveError]]:
    """Store from many threads until nothing goes in; what was acknowledged, what was refused."""
    unit_of_work = SqlUnitOfWork(database)
    done: list[str] = []
    refused: list[ArchiveError] = []

    def store(_: int) -> None:
        one = an_instance(header=bytes(3000))
        try:
            unit_of_work.commit(a_unit(one))
            done.append(one.sop_instance_uid)
        except ArchiveError as error:
            refused.append(error)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store, range(400)))
    return done, refused


def test_a_full_disk_refuses_whole_units_and_keeps_what_was_acknowledged(limited) -> None:
    database, most = limited
    done, refused = fill(database)

    assert done
    assert refused
    assert {type(error) for error in refused} == {StorageFull}
    index = SqlStudyIndex(database)
    assert index.totals()["instances"] == len(done)
    assert all(index.same_instance(MAIN, uid) for uid in done)

    most["pages"] = 1 << 30
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741824")
    database.committer._abandon()
    database.committer._let_go()
    database.engine.dispose()
    SqlUnitOfWork(database).commit(a_unit(an_instance()))
    assert index.totals()["instances"] == len(done) + 1


class DriverError(Exception):
    """As a driver would raise."""

    def __init__(self, *, sqlstate: str | None = None, sqlite_errorname: str = "") -> None:
        super().__init__("SECRET value in a message of the driver")
        self.sqlstate = sqlstate
        self.sqlite_errorname = sqlite_errorname


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"sqlstate": "53100"}, StorageFull),
        ({"sqlstate": "23505"}, ChangeRefused),
        ({"sqlstate": "40P01"}, Collision),
        ({"sqlstate": "40001"}, Collision),
        ({"sqlstate": "57014"}, StatementTooSlow),
        ({"sqlstate": "08006"}, StorageUnavailable),
        ({"sqlstate": "42501"}, StorageUnavailable),
        ({"sqlite_errorname": "SQLITE_FULL"}, StorageFull),
        ({"sqlite_errorname": "SQLITE_CONSTRAINT"}, ChangeRefused),
        ({"sqlite_errorname": "SQLITE_INTERRUPT"}, StatementTooSlow),
        ({"sqlite_errorname": "SQLITE_BUSY"}, StorageUnavailable),
        ({"sqlite_errorname": "SQLITE_IOERR"}, StorageUnavailable),
        ({}, StorageUnavailable),
    ],
    ids=str,
)
def test_errors_of_the_driver_become_ours_and_repeat_no_value(told, expected) -> None:
    error = translated(DriverError(**told), 5.0)

    assert type(error) is expected
    assert "SECRET" not in str(error)
