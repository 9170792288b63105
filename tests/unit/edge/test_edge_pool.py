"""Worker threads: so many at a time, so many waiting, and no more."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from raykeep.domain.errors import StudyNotFound
from raykeep.edge.errors import HttpRefusal
from raykeep.edge.pool import WorkerPool


def with_pool(test: Callable, **settings) -> None:
    """Run `test(pool)` on a loop, and end the pool before the loop."""
    pool = WorkerPool("test", **settings)

    async def run() -> None:
        try:
            await test(pool)
        finally:
            pool.close()

    asyncio.run(run())


def test_a_call_returns_what_the_function_returns() -> None:
    async def test(pool: WorkerPool) -> None:
        assert await pool.run(divmod, 7, 2) == (3, 1)
        assert await pool.run(threading.get_ident) != threading.get_ident()

    with_pool(test, threads=2, waiting=2)


def test_what_a_function_raises_reaches_whoever_waits() -> None:
    def fail() -> None:
        raise StudyNotFound("no such study")

    async def test(pool: WorkerPool) -> None:
        with pytest.raises(StudyNotFound):
            await pool.run(fail)
        assert await pool.run(abs, -1) == 1

    with_pool(test, threads=1, waiting=0)


def test_a_full_pool_says_so_at_once() -> None:
    async def test(pool: WorkerPool) -> None:
        go = threading.Event()
        busy = [asyncio.create_task(pool.run(go.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(HttpRefusal) as refused:
            await pool.run(abs, 1)
        go.set()
        await asyncio.gather(*busy)

        assert refused.value.status == 503
        assert (b"retry-after", b"1") in refused.value.headers
        assert pool.load == 0

    with_pool(test, threads=1, waiting=2)


def test_one_holder_cannot_take_every_thread() -> None:
    async def test(pool: WorkerPool) -> None:
        go = threading.Event()
        busy = [asyncio.create_task(pool.run(go.wait, holder="a")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(HttpRefusal) as refused:
            await pool.run(abs, 1, holder="a")
        assert await pool.run(abs, -1, holder="b") == 1
        go.set()
        await asyncio.gather(*busy)
        assert await pool.run(abs, -1, holder="a") == 1

        assert refused.value.status == 429

    with_pool(test, threads=3, waiting=3, per_holder=2)


def test_a_cancelled_caller_does_not_disturb_the_others() -> None:
    async def test(pool: WorkerPool) -> None:
        go = threading.Event()
        left = asyncio.create_task(pool.run(go.wait))
        await asyncio.sleep(0)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        go.set()

        assert await pool.run(abs, -2) == 2
        assert pool.load == 0

    with_pool(test, threads=1, waiting=1)


def test_threads_are_started_when_needed_and_no_more_than_allowed() -> None:
    async def test(pool: WorkerPool) -> None:
        before = threading.active_count()
        for _ in range(5):
            await pool.run(abs, 1)
        alone = threading.active_count() - before
        await asyncio.gather(*(pool.run(abs, 1) for _ in range(10)))

        assert alone == 1
        assert threading.active_count() - before == 3

    with_pool(test, threads=3, waiting=10)


def test_a_closed_pool_takes_nothing() -> None:
    async def test(pool: WorkerPool) -> None:
        pool.close()
        with pytest.raises(HttpRefusal):
            await pool.run(abs, 1)

    with_pool(test, threads=1, waiting=1)


def test_slow_calls_of_one_holder_leave_a_thread_for_the_others() -> None:
    async def test(pool: WorkerPool) -> None:
        go = threading.Event()
        busy = [asyncio.create_task(pool.run(go.wait, holder="slow")) for _ in range(5)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(pool.run(abs, -1, holder="other"), 5) == 1
        go.set()
        assert await asyncio.gather(*busy) == [True] * 5

    with_pool(test, threads=2, waiting=10, share=1)


def test_holders_take_turns_whoever_came_with_more() -> None:
    async def test(pool: WorkerPool) -> None:
        go, order = threading.Event(), []
        busy = asyncio.create_task(pool.run(go.wait, holder="first"))
        await asyncio.sleep(0)
        waiting = [
            asyncio.create_task(pool.run(order.append, holder, holder=holder))
            for holder in ["many"] * 4 + ["one"]
        ]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(busy, *waiting)

        assert order.index("one") <= 1

    with_pool(test, threads=1, waiting=10)


def test_a_pool_that_closes_ends_what_waits_for_its_turn() -> None:
    async def test(pool: WorkerPool) -> None:
        go, ended = threading.Event(), []
        tasks = [
            asyncio.create_task(pool.run(lambda: (go.wait(), ended.append(1)), holder="a"))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        go.set()
        await asyncio.to_thread(pool.close)
        await asyncio.gather(*tasks)

        assert len(ended) == 3

    with_pool(test, threads=3, waiting=3, share=1)
