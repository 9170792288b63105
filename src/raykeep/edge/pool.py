"""Worker threads for what blocks: a bounded number, and a bounded number of waiters."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Generic, TypeVar

from raykeep.edge.errors import HttpRefusal

T = TypeVar("T")

_SOON = (b"retry-after", b"1")


class _Job(Generic[T]):
    """One call on its way through a worker; what it raises is handed on to whoever waits."""

    __slots__ = ("args", "error", "function", "future", "holder", "loop", "result")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[..., T],
        args: tuple[Any, ...],
        holder: str,
    ) -> None:
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.function = function
        self.args = args
        self.holder = holder
        self.result: T
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        self.error = error
        return True

    def work(self) -> None:
        """Make the call; on a worker thread."""
        with self:
            self.result = self.function(*self.args)

    def hand_over(self) -> None:
        """Wake whoever waits; on the loop."""
        if self.future.done():  # cancelled meanwhile
            return
        if self.error is not None:
            self.future.set_exception(self.error)
            self.error = None
        else:
            self.future.set_result(self.result)


class _FairQueue:
    """Calls that wait for a thread: the holders take turns, whoever has how many waiting.

    Args:
        share: How many calls of one holder may run at a time.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._changed = Condition()
        # In the order of their turns.
        self._waiting: dict[str, deque[_Job[Any]]] = {}
        self._running: Counter[str] = Counter()
        self._closed = False

    def put(self, job: _Job[Any]) -> None:
        """Let a call wait."""
        with self._changed:
            self._waiting.setdefault(job.holder, deque()).append(job)
            self._changed.notify()

    def get(self) -> _Job[Any] | None:
        """The next call, to be run now; blocks for it. None when there will be no more."""
        with self._changed:
            while (job := self._next()) is None:
                if self._closed and not self._waiting:
                    return None
                self._changed.wait()
            self._running[job.holder] += 1
            return job

    def done(self, holder: str) -> None:
        """A call of `holder` has ended. Whoever says so asks for the next one himself."""
        with self._changed:
            self._running[holder] -= 1
            if not self._running[holder]:
                del self._running[holder]
            if self._closed:
                self._changed.notify_all()

    def close(self) -> None:
        """There will be no more than wait now."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> _Job[Any] | None:
        for holder, jobs in self._waiting.items():
            if self._running[holder] < self._share:
                job = jobs.popleft()
                del self._waiting[holder]
                if jobs:
                    self._waiting[holder] = jobs  # behind the others
                return job
        return None


class WorkerPool:
    """Threads of one kind of work.

    Args:
        name: Of its threads.
        threads: How many calls run at a time.
        waiting: How many more may wait for a thread; further ones are refused with 503.
        per_holder: How many calls one holder may have here at a time, running or waiting;
            None for any number.
        share: How many calls of one holder run at a time, further ones waiting, so that slow
            ones leave threads for the others; None for as many as there are threads.
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int,
        waiting: int,
        per_holder: int | None = None,
        share: int | None = None,
    ) -> None:
        self._name = name
        self._threads: list[Thread] = []
        self._most_threads = threads
        self._most_jobs = threads + waiting
        self._per_holder = per_holder
        self._queue = _FairQueue(threads if share is None else share)
        self._jobs = 0
        self._held: Counter[str] = Counter()
        self._closed = False

    @property
    def load(self) -> int:
        """Calls that run or wait."""
        return self._jobs

    async def run(
        self,
        function: Callable[..., T],
        *args: Any,  # noqa: ANN401 - handed on as they are
        holder: str = "",
        patient: bool = False,
    ) -> T:
        """Call `function(*args)` on a thread and return what it returns.

        Args:
            function: What blocks.
            args: For it.
            holder: Whose share of the pool it counts against; holders take turns.
            patient: It belongs to a request that was let in before, and waits its turn however
                many do; each such request has a bounded number of calls waiting.

        When the waiting task is cancelled, the call goes on to its end and its
        result is dropped.

        Raises:
            HttpRefusal: all threads are busy and all places to wait are taken (503), or
                `holder` has its share already (429).
        """
        if self._closed or (self._jobs >= self._most_jobs and not patient):
            detail = "the archive is busy with other requests. Try again in a moment"
            raise HttpRefusal(503, "busy", detail, (_SOON,))
        if self._per_holder is not None:
            if self._held[holder] >= self._per_holder:
                detail = "too many requests of this kind at a time from you. Wait for one to end"
                raise HttpRefusal(429, "too-many", detail, (_SOON,))
            self._held[holder] += 1
        self._jobs += 1
        job = _Job(asyncio.get_running_loop(), function, args, holder)
        if self._jobs > len(self._threads) and len(self._threads) < self._most_threads:
            self._start_thread()
        self._queue.put(job)
        return await job.future

    def close(self) -> None:
        """Take no more calls, and wait for those that run."""
        self._closed = True
        self._queue.close()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _start_thread(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        # A daemon, so that a call which hangs cannot keep a process that was told to end.
        thread = Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job.work()
            self._queue.done(job.holder)
            if not job.loop.is_closed():
                job.loop.call_soon_threadsafe(self._finished, job)
            del job  # a waiting thread must not keep the last call's data

    def _finished(self, job: _Job[Any]) -> None:
        self._jobs -= 1
        if self._per_holder is not None:
            self._held[job.holder] -= 1
            if not self._held[job.holder]:
                del self._held[job.holder]
        job.hand_over()
