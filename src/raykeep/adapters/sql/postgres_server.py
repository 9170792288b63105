"""Connections to a PostgreSQL server."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from raykeep.adapters.sql.settings import DatabaseSettings, is_local, read_password
from raykeep.domain.errors import SettingsError


def postgres_engine(settings: DatabaseSettings, url: str, password_file: str) -> sa.Engine:
    """Make an engine for a server; connections are opened when they are needed.

    Every connection that leaves the machine is TLS with a verified certificate.

    Raises:
        SettingsError: the driver is not installed, or the password cannot be read.
    """
    arguments: dict[str, Any] = {
        "connect_timeout": 10,
        "application_name": "raykeep",
        # Milliseconds. A lock that is not given means another host is at work on the same row.
        "options": (
            f"-c statement_timeout={int(settings.statement_timeout * 1000)}"
            f" -c lock_timeout={int(settings.busy_timeout * 1000)}"
            " -c idle_in_transaction_session_timeout=60000"
            " -c synchronous_commit=on"
        ),
    }
    if password := read_password(password_file):
        arguments["password"] = password
    if not is_local(url):
        arguments["sslmode"] = "verify-full"
        arguments["sslrootcert"] = settings.ca_file or "system"
    try:
        return sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",  # transactions begin where we say so
            poolclass=QueuePool,
            pool_size=settings.connections,
            max_overflow=0,
            pool_timeout=settings.busy_timeout,
            pool_use_lifo=True,
            pool_pre_ping=True,  # a server that was started anew is not an outage
            connect_args=arguments,
        )
    except ModuleNotFoundError as error:
        msg = "PostgreSQL needs the driver psycopg: install raykeep[postgres]"
        raise SettingsError(msg) from error


def postgres_errors() -> tuple[type[Exception], ...]:
    """The base class of what the driver raises."""
    from psycopg import Error  # noqa: PLC0415 - the driver is optional

    return (Error,)
