"""Cutting off who is cut off: live requests end within seconds of their credential."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from raykeep.domain.access import Actor
from raykeep.domain.errors import StorageUnavailable
from raykeep.edge.pool import WorkerPool

LOOK_EVERY = 1.0  # seconds
UNSURE_FOR = 3.0  # seconds that nobody can be asked, after which everybody is cut off

StillGood = Callable[[Actor], bool]


class Watch:
    """The requests that take longer than a moment, and whose they are.

    Args:
        still_good: Whether an actor's credential is still good; called on a thread.
    """

    def __init__(self, still_good: StillGood) -> None:
        self._still_good = still_good
        # A thread of its own: a busy archive must not keep a revoked token alive.
        self._pool = WorkerPool("watch", threads=1, waiting=1)
        self._live: dict[asyncio.Task[None], Actor] = {}
        self._looking: asyncio.Task[None] | None = None
        self.cut_off = 0

    @property
    def live(self) -> int:
        """How many requests are watched."""
        return len(self._live)

    @contextmanager
    def of(self, actor: Actor) -> Iterator[None]:
        """Watch the running task within the block; it is cancelled when `actor` is cut off."""
        task = asyncio.current_task()
        if task is None:
            msg = "only a task can be watched"
            raise RuntimeError(msg)
        self._live[task] = actor
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        try:
            yield
        finally:
            self._live.pop(task, None)

    def close(self) -> None:
        """End the thread."""
        self._pool.close()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        sure = loop.time()
        while self._live:
            await asyncio.sleep(LOOK_EVERY)
            actors = set(self._live.values())
            try:
                gone = await self._pool.run(self._gone, actors)
                sure = loop.time()
            except StorageUnavailable:
                gone = actors if loop.time() - sure >= UNSURE_FOR else set()
            for task in [task for task, actor in self._live.items() if actor in gone]:
                del self._live[task]
                self.cut_off += 1
                task.cancel("the credential is no longer good")

    def _gone(self, actors: set[Actor]) -> set[Actor]:
        return {actor for actor in actors if not self._still_good(actor)}
