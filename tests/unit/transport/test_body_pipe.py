"""A body crosses from the loop to a thread: bounded, and cut off from both ends."""

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import ProtocolError
from raykeep.transport.body_pipe import BodyPipe, ReaderGone


@given(pieces=st.lists(st.binary(min_size=1, max_size=50)), capacity=st.integers(1, 100))
def test_what_is_written_is_what_is_read(pieces: list[bytes], capacity: int) -> None:
    async def run() -> list[bytes]:
        pipe = BodyPipe(capacity)
        reader = asyncio.get_running_loop().run_in_executor(None, list, pipe)
        for piece in pieces:
            await pipe.write(piece)
        pipe.close()
        return await reader

    assert asyncio.run(run()) == pieces


def test_the_writer_waits_for_a_slow_reader() -> None:
    async def run() -> tuple[int, list[bytes]]:
        pipe = BodyPipe(100)
        written = 0

        async def write() -> None:
            nonlocal written
            for _ in range(50):
                await pipe.write(b"x" * 10)
                written += 1
            pipe.close()

        task = asyncio.create_task(write())
        await asyncio.sleep(0.05)
        before = written
        read = await asyncio.get_running_loop().run_in_executor(None, list, pipe)
        await task
        return before, read

    before, read = asyncio.run(run())
    assert before < 10
    assert len(read) == 50


def test_a_body_that_is_cut_off_is_not_taken_for_a_whole_one() -> None:
    async def run() -> None:
        pipe = BodyPipe()
        await pipe.write(b"half")
        reader = asyncio.get_running_loop().run_in_executor(None, list, pipe)
        await asyncio.sleep(0.02)
        pipe.cut_off("the client went away")
        await reader

    with pytest.raises(ProtocolError, match="went away"):
        asyncio.run(run())


def test_a_whole_body_cannot_be_cut_off_any_more() -> None:
    async def run() -> list[bytes]:
        pipe = BodyPipe()
        await pipe.write(b"whole")
        pipe.close()
        pipe.cut_off("too late")
        return await asyncio.get_running_loop().run_in_executor(None, list, pipe)

    assert asyncio.run(run()) == [b"whole"]


def test_a_writer_does_not_wait_for_a_reader_that_is_gone() -> None:
    async def run() -> None:
        pipe = BodyPipe(10)
        leaving = threading.Timer(0.05, pipe.leave)
        leaving.start()
        try:
            await asyncio.wait_for(pipe.write(b"x" * 20), 5)
        finally:
            leaving.join()

    with pytest.raises(ReaderGone):
        asyncio.run(run())


def test_nothing_can_be_written_to_a_reader_that_is_gone() -> None:
    async def run() -> None:
        pipe = BodyPipe()
        pipe.leave()
        await pipe.write(b"x")

    with pytest.raises(ReaderGone):
        asyncio.run(run())


def test_a_cancelled_writer_leaves_the_pipe_usable_for_the_reader() -> None:
    async def run() -> None:
        pipe = BodyPipe(10)
        writing = asyncio.create_task(pipe.write(b"x" * 20))
        await asyncio.sleep(0.01)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        pipe.cut_off("cancelled")
        with pytest.raises(ProtocolError):
            await asyncio.get_running_loop().run_in_executor(None, list, pipe)
        pipe.leave()
        await asyncio.sleep(0.01)

    asyncio.run(run())


def test_leaving_after_the_loop_has_ended_is_harmless() -> None:
    async def run() -> BodyPipe:
        pipe = BodyPipe(1)
        writing = asyncio.create_task(pipe.write(b"xx"))
        await asyncio.sleep(0.01)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        return pipe

    pipe = asyncio.run(run())
    began = time.monotonic()
    pipe.leave()
    assert time.monotonic() - began < 1
