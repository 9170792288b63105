"""A control socket without an archive behind it: a table of small commands, and who was refused."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from raykeep.domain.access import Actor, Origin
from raykeep.domain.errors import FacilityNotFound
from raykeep.servers.control.context import Context
from raykeep.servers.control.server import ControlServer
from raykeep.servers.control.sockets import bind_control_socket
from raykeep.servers.control.steps import Finished, Output, Plain, Progress, Steps
from raykeep.servers.control.table import CommandTable, Nothing, Parameters


class Echo(Parameters, frozen=True):
    text: str


class Count(Parameters, frozen=True):
    to: int


@dataclass
class Seen:
    """What the commands noticed."""

    actors: list[str] = field(default_factory=list)
    steps: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    strangers: list[tuple[Origin, str, str]] = field(default_factory=list)

    def refuse_stranger(self, origin: Origin, claimed: str, reason: str) -> None:
        self.strangers.append((origin, claimed, reason))


def small_table(seen: Seen) -> CommandTable:
    """Commands that say, count, fail and never end."""
    table = CommandTable()

    @table.answer("echo", Echo)
    def echo(_: Context, actor: Actor, given: Echo) -> Plain:
        seen.actors.append(actor.name)
        return {"text": given.text}

    @table.answer("wrong", Nothing)
    def wrong(_: Context, __: Actor, ___: Nothing) -> Finished:
        return Finished({"found": "something"}, 1)

    @table.answer("missing", Nothing)
    def missing(_: Context, __: Actor, ___: Nothing) -> Plain:
        raise FacilityNotFound("no facility 'east'. `raykeep facility list` shows them")

    @table.answer("broken", Nothing)
    def broken(_: Context, __: Actor, ___: Nothing) -> Plain:
        raise KeyError("a secret of the archive")

    @table.command("count", Count)
    def count(_: Context, __: Actor, given: Count) -> Steps:
        for number in range(given.to):
            yield Progress(number, "numbers")
        yield Finished({"counted": given.to})

    @table.command("files", Nothing)
    def files(_: Context, __: Actor, ___: Nothing) -> Steps:
        yield Output("a.txt", "one\n")
        yield Progress(1, "pieces")
        yield Output("a.txt", "two\n")
        yield Output("b.txt", "three\n")
        yield Finished({"files": 2})

    @table.command("endless", Nothing)
    def endless(_: Context, __: Actor, ___: Nothing) -> Steps:
        pause = threading.Event()
        try:
            while True:
                seen.steps += 1
                yield Progress(seen.steps, "steps")
                pause.wait(0.01)
        finally:
            seen.ended.set()

    return table


def small_context(seen: Seen) -> Context:
    """Just enough of an archive for `small_table`."""
    return cast(Context, SimpleNamespace(enforcer=seen))


@contextmanager
def control_server(
    path: Path, seen: Seen, allowed_uids: frozenset[int], table: CommandTable | None = None
) -> Iterator[ControlServer]:
    """Serve commands at `path`."""
    listening = bind_control_socket(path)
    context = small_context(seen)
    server = ControlServer(
        context, table or small_table(seen), listening, allowed_uids=allowed_uids
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        listening.close()
        assert not thread.is_alive()
