"""Instances of a STOW-RS request on their way into the archive.

Small ones are gathered first, so that a slow client holds no thread; large
ones cross to a thread of another pool as they come.
"""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import chain

from raykeep.dicom.part10 import FileMetaReader
from raykeep.domain.access import Action, Actor
from raykeep.domain.errors import (
    AccessDenied,
    ArchiveError,
    InvalidInput,
    InvalidUID,
    LimitExceeded,
    UnsupportedMedia,
)
from raykeep.domain.facility import FacilityName
from raykeep.domain.uids import UID
from raykeep.edge.pool import WorkerPool
from raykeep.servers.dicomweb.calls import Services
from raykeep.servers.dicomweb.media_types import DICOM
from raykeep.servers.dicomweb.store_response import Failed
from raykeep.services.ingest import Arrival, Stored, store_instance
from raykeep.services.refusals import record_unreadable
from raykeep.transport.body_pipe import BodyPipe, ReaderGone
from raykeep.wire.http.media_types import parse_media_type

Buffer = bytes | bytearray | memoryview
Outcome = Stored | Failed

_SMALL_PIECE = 4_096  # bytes; shorter ones are gathered in one buffer


class Pools:
    """Where instances are stored: small ones beside other short work, large ones apart."""

    def __init__(self, short: WorkerPool, uploads: WorkerPool) -> None:
        self.short = short
        self.uploads = uploads


class Storing:
    """The instances of one request on their way into the archive."""

    def __init__(
        self,
        services: Services,
        pools: Pools,
        actor: Actor,
        facility: FacilityName,
        study: UID | None,
    ) -> None:
        self.services = services
        self.pools = pools
        self.actor = actor
        self.facility = facility
        self.study = study
        self.tasks: list[asyncio.Task[Outcome]] = []
        self.side_by_side = asyncio.Semaphore(services.settings.parts_at_once)
        self.part: Part | None = None
        self.unread: list[ArchiveError] = []  # of parts that were refused before the door

    def begin(self, headers: Mapping[str, str]) -> "Part":
        """The next instance begins."""
        self.part = Part(self, headers)
        return self.part

    def add(self, work: "asyncio.Task[Outcome]") -> None:
        """Keep a task that stores an instance."""
        self.tasks.append(work)

    async def go_on(self) -> None:
        """Wait until another small instance may be stored beside those that are.

        Raises as `refuse_early` does.
        """
        await self.side_by_side.acquire()
        try:
            self.refuse_early()
        except ArchiveError:
            self.side_by_side.release()
            raise

    def refuse_early(self) -> None:
        """Look at what became of the first instance, before more is read for nothing.

        Raises:
            AccessDenied: it was refused to the actor, and so will be the rest.
            HttpRefusal: no thread for a large instance was free.
        """
        first = self.tasks[0] if self.tasks else None
        if first is not None and first.done():
            outcome = first.result()
            if isinstance(outcome, Failed) and isinstance(outcome.error, AccessDenied):
                raise outcome.error

    async def outcomes(self) -> list[Outcome]:
        """What became of each, in the order of the request."""
        return [await task for task in self.tasks]

    async def stop(self) -> None:
        """End what still runs: a body that broke off, or instances that are nearly stored."""
        if self.part is not None:
            self.part.cut_off()
        if self.tasks:
            await asyncio.wait(self.tasks)
        for task in self.tasks:
            if not task.cancelled():
                task.exception()  # looked at, so that the loop does not tell of it again

    def store(self, body: Iterable[Buffer]) -> Outcome:
        """Store one PS3.10 file; on a worker thread."""
        services = self.services
        reader = FileMetaReader(services.ingest.limits)
        told: tuple[str, str] = ("", "")
        reached_the_door = False
        try:
            pieces = iter(body)
            first = _data_set(reader, pieces)
            meta = reader.meta
            told = (_uid_or_nothing(meta.sop_class_uid), _uid_or_nothing(meta.sop_instance_uid))
            arrival = Arrival(
                transfer_syntax_uid=UID(meta.transfer_syntax_uid),
                body=chain(first, pieces),
                facility=self.facility,
                arrived_at=services.clock.now(),
                sop_class_uid=meta.sop_class_uid or None,
                sop_instance_uid=meta.sop_instance_uid or None,
                study_instance_uid=self.study,
            )
            reached_the_door = True
            return store_instance(services.enforcer, self.actor, arrival, services.ingest)
        except ArchiveError as error:
            if not reached_the_door:
                self.unread.append(error)
            return Failed(error, *told)

    def record_unread(self) -> None:
        """Have the parts recorded that could not even be read as files; on a worker thread.

        One record for all of a request: a few bytes must not buy a record each.

        Raises:
            AccessDenied: the actor may store nothing at all.
        """
        if self.unread:
            record_unreadable(
                self.services.enforcer,
                self.actor,
                Action.INSTANCE_STORE,
                self.unread[0],
                facility=self.facility,
                count=len(self.unread),
            )


class Part:
    """One instance of a request while its bytes come in."""

    def __init__(self, storing: Storing, headers: Mapping[str, str]) -> None:
        self._storing = storing
        self._refusal = _unfit(headers)
        self._gathered: list[Buffer] = []
        self._length = 0
        self._pipe: BodyPipe | None = None
        self._is_wanted = True

    async def write(self, piece: Buffer) -> None:
        """Take the next bytes.

        Raises:
            LimitExceeded: the instance is longer than any that is taken.
            HttpRefusal: no thread for a large instance is free.
        """
        settings = self._storing.services.settings
        self._length += len(piece)
        if self._length > settings.max_instance_bytes:
            allowed = settings.max_instance_bytes
            raise LimitExceeded("length of an instance", self._length, allowed, "bytes")
        if self._refusal is not None:
            return
        if self._pipe is not None:
            await self._pass_on(piece)
            return
        self._gather(piece)
        if self._length > settings.small_part_bytes:
            self._pipe = pipe = BodyPipe()
            self._storing.add(asyncio.get_running_loop().create_task(self._store_large(pipe)))
            gathered, self._gathered = self._gathered, []
            for one in gathered:
                await self._pass_on(one)

    def _gather(self, piece: Buffer) -> None:
        if len(piece) >= _SMALL_PIECE:
            self._gathered.append(piece)
        elif self._gathered and isinstance(last := self._gathered[-1], bytearray):
            last += piece
        else:
            # A client that sends byte by byte must not make us pay for an object each.
            self._gathered.append(bytearray(piece))

    async def end(self) -> None:
        """All bytes are there."""
        storing = self._storing
        loop = asyncio.get_running_loop()
        storing.part = None
        if self._refusal is not None:
            storing.unread.append(self._refusal)
            storing.add(loop.create_task(_failed(self._refusal)))
        elif self._pipe is not None:
            self._pipe.close()
        else:
            await storing.go_on()
            storing.add(loop.create_task(self._store_small()))

    def cut_off(self) -> None:
        """The rest will never come."""
        if self._pipe is not None:
            self._pipe.cut_off("the request broke off within this instance")

    async def _pass_on(self, piece: Buffer) -> None:
        if self._pipe is not None and self._is_wanted:
            try:
                await self._pipe.write(piece)
            except ReaderGone:
                # Refused before its end: what is left of it is passed over unseen.
                self._is_wanted = False
                await asyncio.sleep(0)  # lets the task that stores it end
                self._storing.refuse_early()

    async def _store_small(self) -> Outcome:
        storing = self._storing
        try:
            return await storing.pools.short.run(
                storing.store, self._gathered, holder=storing.actor.name, patient=True
            )
        finally:
            storing.side_by_side.release()

    async def _store_large(self, pipe: BodyPipe) -> Outcome:
        storing = self._storing
        try:
            return await storing.pools.uploads.run(
                _store_from, storing, pipe, holder=storing.actor.name
            )
        finally:
            pipe.leave()


def _store_from(storing: Storing, pipe: BodyPipe) -> Outcome:
    try:
        return storing.store(pipe)
    finally:
        pipe.leave()


async def _failed(error: ArchiveError) -> Outcome:
    return Failed(error)


def _data_set(reader: FileMetaReader, pieces: Iterable[Buffer]) -> list[Buffer]:
    """Read the file meta information; returns the first bytes of the data set."""
    for piece in pieces:
        rest = reader.feed(piece)
        if reader.complete:
            return [bytes(rest)] if rest else []
    return []


def _unfit(headers: Mapping[str, str]) -> ArchiveError | None:
    """Why a part cannot be taken by its headers alone, or nothing."""
    for name in ("content-encoding", "content-transfer-encoding"):
        if headers.get(name, "binary").lower() not in {"binary", "identity", "8bit"}:
            return UnsupportedMedia("an encoded body part is not taken. Send it plain")
    told = headers.get("content-type")
    try:
        if told is not None and parse_media_type(told).essence != DICOM:
            return UnsupportedMedia("a body part is not application/dicom. Send PS3.10 files")
    except (InvalidInput, LimitExceeded) as error:
        return error
    return None


def _uid_or_nothing(text: str) -> str:
    try:
        return UID(text)
    except InvalidUID:
        return ""
