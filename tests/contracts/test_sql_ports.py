"""The ports over SQL keep their promises, on every engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from raykeep.adapters.sql.audit import SqlAuditTrail
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.jobs import SqlJobs
from raykeep.adapters.sql.registry import SqlRegistry
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.study_keys import SqlStudyKeys, open_study_keys
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from tests.contracts.audit_trail import AuditTrailContract
from tests.contracts.jobs import JobsContract
from tests.contracts.registry import RegistryContract
from tests.contracts.study_index import StudyIndexContract
from tests.contracts.study_keys import StudyKeysContract
from tests.contracts.unit_of_work import UnitOfWorkContract

KEY = bytes(reversed(range(32)))


@pytest.fixture
def unit_of_work(database: Database) -> SqlUnitOfWork:
    return SqlUnitOfWork(database)


@pytest.fixture
def index(database: Database) -> SqlStudyIndex:
    return SqlStudyIndex(database)


@pytest.fixture
def registry(database: Database) -> SqlRegistry:
    return SqlRegistry(database)


@pytest.fixture
def trail(database: Database) -> SqlAuditTrail:
    return SqlAuditTrail(database)


@pytest.fixture
def jobs(database: Database) -> SqlJobs:
    return SqlJobs(database)


@pytest.fixture
def study_keys(settings: DatabaseSettings, tmp_path: Path) -> Iterator[SqlStudyKeys]:
    keys = open_study_keys(settings, folder=tmp_path, key=KEY, create=True)
    yield keys
    keys.close()


class TestSqlUnitOfWork(UnitOfWorkContract):
    pass


class TestSqlRegistry(RegistryContract):
    pass


class TestSqlAuditTrail(AuditTrailContract):
    pass


class TestSqlJobs(JobsContract):
    pass


class TestSqlStudyKeys(StudyKeysContract):
    pass


class TestSqlStudyIndex(StudyIndexContract):
    pass
