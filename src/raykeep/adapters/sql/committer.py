"""The one writer of a process: what waits is committed together, each part by itself.

A thread of its own takes all tasks that wait (no timer), runs each in a savepoint within
one short transaction, commits, and wakes their callers when all of it is durable. A task
that fails is undone alone. The file engine has one write lock for all processes, so a
transaction holds nobody's time but its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor as Cursor

from raykeep.adapters.sql.dialect import Dialect, Statement
from raykeep.adapters.sql.errors import Collision, translated
from raykeep.adapters.sql.sqlite_file import has_ended_itself, set_deadline
from raykeep.domain.errors import ArchiveError, StorageUnavailable

MOST_AT_ONCE = 256  # tasks of one transaction
_TRIES = 3  # of a task that met another writer

Result = TypeVar("Result")


class Writer:
    """The open transaction, as tasks see it."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.notes: list[tuple[Participant, Any]] = []

    def run(self, statement: Statement, values: Mapping[str, object]) -> int:
        """Run a statement and give the number of rows that it touched."""
        self._cursor.execute(statement.sql, statement.bind(values))
        return self._cursor.rowcount

    def run_many(self, statement: Statement, rows: Iterable[Mapping[str, object]]) -> None:
        """Run a statement once for each of `rows`."""
        bound = [statement.bind(row) for row in rows]
        if len(bound) == 1:  # a driver may prepare more for many
            self._cursor.execute(statement.sql, bound[0])
        else:
            self._cursor.executemany(statement.sql, bound)

    def rows(self, statement: Statement, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run a statement and give all its rows."""
        self._cursor.execute(statement.sql, statement.bind(values))
        return cast("list[tuple[Any, ...]]", self._cursor.fetchall())

    def row(self, statement: Statement, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """Run a statement and give its first row."""
        found = self.rows(statement, values)
        return found[0] if found else None

    def note(self, participant: "Participant", note: object) -> None:
        """Leave a note for the end of the transaction; it is dropped if the task is undone."""
        self.notes.append((participant, note))


class Participant(Protocol):
    """Somebody with work at the end of a transaction."""

    def flush(self, writer: Writer, notes: Sequence[Any]) -> None:
        """Write, once for the whole transaction, what the notes of its tasks add up to."""
        ...

    def committed(self, notes: Sequence[Any]) -> None:
        """Remember what is now certain."""
        ...


Task = Callable[[Writer], Result]


class _Captured:
    """Keeps what its block raises, to be raised where somebody waits for it."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        self.error = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self.error = error
        return error is not None


class _Waiting(_Captured, Generic[Result]):
    """A task, and the caller who waits for it."""

    __slots__ = ("_done", "result", "task")

    def __init__(self, task: Task[Result]) -> None:
        super().__init__()
        self.task = task
        self.result: Result | None = None
        self._done = Lock()
        self._done.acquire()

    def wait(self) -> Result:
        with self._done:
            pass
        if self.error is not None:
            raise self.error
        return cast("Result", self.result)

    def wake(self) -> None:
        self._done.release()


class Committer:
    """The queue before the database, and the thread behind it. Begins with its first task."""

    def __init__(
        self,
        engine: sa.Engine,
        dialect: Dialect,
        driver_errors: tuple[type[Exception], ...],
        timeout: float,
    ) -> None:
        self._engine = engine
        self._begin = dialect.begin_write
        self._driver_errors = (*driver_errors, sa.exc.DBAPIError, sa.exc.TimeoutError)
        self._timeout = timeout
        self._queue: SimpleQueue[_Waiting[Any] | None] = SimpleQueue()
        self._gate = Lock()
        self._thread: Thread | None = None
        self._closed = False
        self._connection: sa.PoolProxiedConnection | None = None

    def run(self, task: Task[Result]) -> Result:
        """Run `task` in a transaction; its effects are durable when this returns.

        Raises:
            ArchiveError: from the task, whose effects are undone, or from the database.
        """
        waiting = _Waiting(task)
        with self._gate:
            self._start()
            self._queue.put(waiting)
        return waiting.wait()

    def close(self) -> None:
        """Finish what waits and end the thread. More calls do no harm."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._closed:
            msg = "the database is closed: the archive is going down"
            raise StorageUnavailable(msg)
        if self._thread is None:
            # A daemon, so that a program that forgets to close can end: whoever was told that
            # something is durable was told after the commit.
            self._thread = Thread(target=self._work, name="committer", daemon=True)
            self._thread.start()
        elif not self._thread.is_alive():
            msg = "the committer is gone: a database is not to be carried over a fork"
            raise StorageUnavailable(msg)

    def _work(self) -> None:
        while True:
            first = self._queue.get()
            batch: list[_Waiting[Any]] = []
            item: _Waiting[Any] | None = first
            try:
                while item is not None:
                    batch.append(item)
                    if len(batch) == MOST_AT_ONCE:
                        break
                    item = self._queue.get_nowait()
            except Empty:
                item = first
            if batch:
                self._commit(batch)
            if item is None:
                self._let_go()
                return

    def _commit(self, batch: list[_Waiting[Any]]) -> None:
        trying = batch
        for _ in range(_TRIES):
            self._transaction(trying)
            # Two hosts met at one row: theirs is committed, and ours may well fit behind it.
            trying = [waiting for waiting in trying if isinstance(waiting.error, Collision)]
            if not trying:
                break
        for waiting in batch:
            waiting.wake()

    def _transaction(self, batch: list[_Waiting[Any]]) -> None:
        outer = _Captured()
        with outer:
            cursor = self._open()
            notes = self._run_all(cursor, batch)
            writer = Writer(cursor)
            for participant, own in notes.items():
                participant.flush(writer, own)
            cursor.execute("COMMIT")
            cursor.close()
            for participant, own in notes.items():
                participant.committed(own)
        if outer.error is None:
            return
        error = self._told(outer.error)
        self._abandon()
        for waiting in batch:
            if waiting.error is None:
                waiting.error = error

    def _open(self) -> Cursor:
        """A cursor in a fresh transaction."""
        if self._connection is not None:
            again = _Captured()
            with again:
                cursor = self._connection.cursor()
                cursor.execute(self._begin)
            if again.error is None:
                return cursor
            # A server that was started anew: nothing was done yet, so a new connection may try.
            self._abandon()
        self._connection = self._engine.raw_connection()
        set_deadline(self._connection.dbapi_connection, inf)
        cursor = self._connection.cursor()
        cursor.execute(self._begin)
        return cursor

    def _run_all(self, cursor: Cursor, batch: list[_Waiting[Any]]) -> dict[Participant, list[Any]]:
        notes: dict[Participant, list[Any]] = {}
        alone = len(batch) == 1
        for waiting in batch:
            writer = Writer(cursor)
            if not alone:
                cursor.execute("SAVEPOINT task")
            with waiting:
                waiting.result = waiting.task(writer)
            if waiting.error is None:
                for participant, note in writer.notes:
                    notes.setdefault(participant, []).append(note)
                if not alone:
                    cursor.execute("RELEASE SAVEPOINT task")
                continue
            error = waiting.error = self._told(waiting.error)
            if alone:
                raise error
            undone = _Captured()
            with undone:
                cursor.execute("ROLLBACK TO SAVEPOINT task")
                cursor.execute("RELEASE SAVEPOINT task")
            if undone.error is not None:
                raise error  # the whole transaction went with it
        return notes

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, ArchiveError) or not isinstance(error, self._driver_errors):
            return error
        told = translated(cast("Exception", error), self._timeout)
        told.__cause__ = error
        return told

    def _abandon(self) -> None:
        """Undo the transaction, and use another connection if that cannot be done."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        undone = _Captured()
        with undone:
            cursor = connection.cursor()
            if not has_ended_itself(connection.dbapi_connection):
                cursor.execute("ROLLBACK")
            cursor.close()
        if undone.error is None:
            self._connection = connection
        else:
            connection.invalidate()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
