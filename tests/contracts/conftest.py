"""Engines for the contract suites: the encrypted file, a throw-away file, and PostgreSQL."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from raykeep.adapters.sql.engine import Database, open_database, upgrade_database
from raykeep.adapters.sql.settings import DatabaseSettings
from tests.contracts.postgres_for_tests import Postgres, Server

KEY = bytes(range(32))
ENGINES = ("sqlite", "temporary", "postgresql")

_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server that lives as long as the tests."""
    postgres = Postgres()
    server = postgres.start()
    yield server
    postgres.stop()


@pytest.fixture(scope="session")
def _template(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A database with all tables, of which each test gets a copy."""
    with postgres.connect() as connection:
        connection.execute("CREATE DATABASE template_raykeep")
    settings = server_settings(postgres, "template_raykeep", tmp_path_factory.mktemp("pg"))
    upgrade_database(settings, folder=Path(), key=KEY)
    return postgres


def server_settings(
    server: Server, name: str, folder: Path, role: str | None = None
) -> DatabaseSettings:
    """Settings for a database of the server."""
    file = folder / "password"
    if not file.exists():
        file.touch(0o600)
        file.write_text(server.password)
    url = server.url(name) if role is None else server.url(name, role)
    return DatabaseSettings(
        url=url,
        keys_url=server.url(name),
        password_file=str(file),
        keys_password_file=str(file),
        connections=20,
    )


@pytest.fixture(params=ENGINES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """Settings of a fresh database on each engine, with all tables."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("_template")
        name = f"raykeep_{next(_numbers)}"
        with server.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template_raykeep")
        return server_settings(server, name, tmp_path)
    settings = DatabaseSettings(cache_mib=8)
    upgrade_database(settings, folder=tmp_path, key=KEY, durable=request.param == "sqlite")
    return settings


@pytest.fixture
def open_again(
    settings: DatabaseSettings, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], Database]]:
    """Open the test's database, as often as wanted."""
    opened: list[Database] = []
    durable = "temporary" not in request.node.callspec.params.values()

    def again() -> Database:
        database = open_database(settings, folder=tmp_path, key=KEY, durable=durable)
        opened.append(database)
        return database

    yield again
    for database in opened:
        database.close()


@pytest.fixture
def database(open_again: Callable[[], Database]) -> Database:
    """A fresh database, open."""
    return open_again()
