"""Connections to an encrypted SQLite file (SQLCipher)."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from raykeep.domain.errors import KeyUnavailable, StorageUnavailable

if TYPE_CHECKING:  # the same interface, and one that the type checker knows
    from sqlite3 import dbapi2
else:
    from sqlcipher3 import dbapi2

KEY_LENGTH = 32  # bytes
_PLAIN_HEADER = b"SQLite format 3\0"  # what an unencrypted file begins with
_BETWEEN_TRIES = 0.0005  # seconds, about one commit
_STEPS_BETWEEN_LOOKS = 1_000_000  # of SQLite's machine, some 20 ms

DRIVER_ERRORS: tuple[type[Exception], ...] = (dbapi2.Error,)


class Connection(dbapi2.Connection):
    """A connection that stops a statement that runs past its deadline."""

    deadline = float("inf")  # of `time.monotonic`

    if TYPE_CHECKING:

        def set_busy_handler(self, handler: Callable[[int], bool], /) -> None:
            """Ask `handler` whether to try again; sqlcipher3 has it, sqlite3 has not."""

    def watch(self, busy_timeout: float) -> None:
        """Look at the clock while statements run, and while another process writes.

        SQLite's own handler sleeps up to 0.1 s at a time: between two processes that commit
        each half millisecond, it would find the lock taken for seconds.
        """
        self._busy_timeout = busy_timeout
        self._busy_since = 0.0
        self.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS)
        self.set_busy_handler(self._wait)

    def _wait(self, tries: int) -> bool:
        now = time.monotonic()
        if tries == 0:
            self._busy_since = now
        if now - self._busy_since > self._busy_timeout:
            return False
        time.sleep(_BETWEEN_TRIES)
        return True

    def _is_late(self) -> bool:
        return time.monotonic() > self.deadline


def set_deadline(connection: object, deadline: float) -> None:
    """Stop the statements of a connection to a file then; others keep their own time."""
    if isinstance(connection, Connection):
        connection.deadline = deadline


def has_ended_itself(connection: object) -> bool:
    """Whether SQLite has undone the transaction already, as it does after some errors."""
    return isinstance(connection, Connection) and not connection.in_transaction


def sqlite_engine(
    file: Path,
    key: bytes,
    *,
    application_id: int,
    connections: int,
    cache_mib: int,
    busy_timeout: float,
    create: bool,
    durable: bool = True,
) -> sa.Engine:
    """Make an engine for `file`; connections are opened when they are needed.

    Args:
        file: The database; its folder is there already.
        key: 32 bytes, the key of the whole file.
        application_id: Says whose file it is (`PRAGMA application_id`).
        connections: Most at a time.
        cache_mib: Page cache of one connection.
        busy_timeout: Seconds to wait for another writer.
        create: Make the file when it is missing.
        durable: False for throw-away databases alone: nothing is synced.

    Raises:
        ValueError: the key is not 32 bytes long.
    """
    if len(key) != KEY_LENGTH:
        msg = f"a database key has {KEY_LENGTH} bytes, not {len(key)}"
        raise ValueError(msg)

    def connect() -> Connection:
        check_file(file, create=create)
        connection = dbapi2.connect(
            f"{file.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=busy_timeout,
            isolation_level=None,  # transactions begin where we say so
            check_same_thread=False,  # the pool hands a connection to one thread at a time
            cached_statements=512,
            factory=Connection,
        )
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(connection: Connection) -> None:
        # Whoever opens the file gets an error of ours; the library need not print beside it.
        connection.execute("PRAGMA cipher_log_level = NONE")
        # The raw form `x'…'` is used as it is, without a key derivation (SQLCipher, PRAGMA key).
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")  # a third faster here
        _check_owner(connection, file, application_id, create=create)
        for pragma in (
            "PRAGMA journal_mode = WAL",
            # FULL: the log is synced at each commit, so what is acknowledged is durable.
            f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}",
            "PRAGMA foreign_keys = ON",
            # Without it INSERT OR REPLACE would delete rows behind the triggers' back.
            "PRAGMA recursive_triggers = ON",
            "PRAGMA secure_delete = ON",
            "PRAGMA trusted_schema = OFF",
            "PRAGMA cell_size_check = ON",
            # Deciphered pages are held here: SQLite maps no encrypted file into memory.
            f"PRAGMA cache_size = {-1024 * cache_mib}",
            "PRAGMA temp_store = MEMORY",  # nothing in the clear on disk
            f"PRAGMA journal_size_limit = {64 << 20}",
            f"PRAGMA wal_autocheckpoint = {500}",  # pages; the hot ones are copied less often
        ):
            connection.execute(pragma).fetchall()
        connection.watch(busy_timeout)

    return sa.create_engine(
        "sqlite+pysqlite://",
        module=dbapi2,
        creator=connect,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_timeout,
        pool_use_lifo=True,  # the caches of few connections stay warm
    )


def check_file(file: Path, *, create: bool) -> None:
    """Look at the file before SQLite does.

    Raises:
        StorageUnavailable: it is missing, or an unencrypted database.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(len(_PLAIN_HEADER))
    except FileNotFoundError:
        if create:
            return
        msg = f"there is no database at {file}. Run `raykeep init`, or name another data directory"
        raise StorageUnavailable(msg) from None
    except OSError as error:
        msg = f"the database {file} cannot be read: {error.strerror}"
        raise StorageUnavailable(msg) from error
    if head == _PLAIN_HEADER:
        msg = f"{file} is an unencrypted SQLite file, not a database of this archive"
        raise StorageUnavailable(msg)


def _check_owner(connection: Connection, file: Path, application_id: int, *, create: bool) -> None:
    """See that the key opens the file and that the file is ours."""
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
    except dbapi2.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_NOTADB":
            raise
        msg = f"the key does not open {file}: it is another archive's, or the file is damaged"
        raise KeyUnavailable(msg) from error
    if owner == 0 and tables == 0 and create:
        connection.execute(f"PRAGMA application_id = {application_id}")
    elif owner != application_id:
        msg = f"{file} opens, but is not the database that is looked for. Name another one"
        raise StorageUnavailable(msg)
