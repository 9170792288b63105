"""Whoever is cut off is cut off within five seconds, also in the middle of an answer (A6)."""

import asyncio
import time

import pytest

from raykeep.domain.access import Actor, ActorKind, Door, Origin
from raykeep.domain.errors import StorageUnavailable
from raykeep.edge import watch
from raykeep.edge.watch import Watch

ANN = Actor(ActorKind.TOKEN, "ann", frozenset(), frozenset(), Origin(Door.DICOMWEB))
BEN = Actor(ActorKind.TOKEN, "ben", frozenset(), frozenset(), Origin(Door.DICOMWEB))


def watched(still_good, *actors: Actor, seconds: float = 4.0) -> list[bool]:
    """Whether the task of each actor was cut off."""

    async def run() -> list[bool]:
        guard = Watch(still_good)

        async def stream(actor: Actor) -> None:
            with guard.of(actor):
                await asyncio.sleep(seconds)

        try:
            ended = await asyncio.gather(*map(stream, actors), return_exceptions=True)
            assert guard.live == 0
            assert guard.cut_off == sum(isinstance(one, BaseException) for one in ended)
            return [isinstance(one, asyncio.CancelledError) for one in ended]
        finally:
            guard.close()

    return asyncio.run(run())


def test_a_stream_ends_when_its_credential_does_and_others_go_on() -> None:
    began = time.monotonic()

    assert watched(lambda actor: actor is not ANN, ANN, BEN, seconds=2.5) == [True, False]
    assert time.monotonic() - began < 5


def test_streams_end_when_nobody_can_be_asked_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(watch, "UNSURE_FOR", 0.3)

    def away(_actor: Actor) -> bool:
        raise StorageUnavailable("the database is away")

    assert watched(away, ANN) == [True]
    assert watched(away, ANN, seconds=0.1) == [False]


def test_the_limits_of_the_watch_keep_the_promise_of_five_seconds() -> None:
    # One second of polling by the process, one look, or three seconds of not knowing.
    assert 1.0 + watch.LOOK_EVERY + watch.UNSURE_FOR <= 5.0


def test_a_short_request_costs_no_look() -> None:
    looks: list[Actor] = []

    assert watched(lambda actor: bool(looks.append(actor)) or True, ANN, seconds=0.01) == [False]
    assert looks == []
