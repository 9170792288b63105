"""STOW-RS: storing instances (PS3.18 section 10.5).

A request's instances are handed over one by one, while the rest of the body is
still coming in. Small ones are gathered first, so that a slow client holds no
thread; large ones cross to a thread of another pool as they come.
"""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import chain

from raykeep.dicom.part10 import FileMetaReader
from raykeep.domain.access import Actor
from raykeep.domain.errors import (
    AccessDenied,
    ArchiveError,
    InvalidInput,
    InvalidUID,
    LimitExceeded,
    UnsupportedMedia,
    shown,
)
from raykeep.domain.facility import FacilityName
from raykeep.domain.uids import UID
from raykeep.edge.pool import WorkerPool
from raykeep.edge.replies import Reply
from raykeep.edge.requests import WebRequest
from raykeep.servers.dicomweb.calls import Services
from raykeep.servers.dicomweb.media_types import DICOM, MULTIPART, json_type
from raykeep.servers.dicomweb.statuses import WHOLE_REQUEST
from raykeep.servers.dicomweb.store_response import Failed, store_reply
from raykeep.services.facilities import home_facility
from raykeep.services.ingest import Arrival, Stored, store_instance
from raykeep.transport.body_pipe import BodyPipe, ReaderGone
from raykeep.wire.http.media_types import parse_media_type
from raykeep.wire.multipart.parser import (
    MultipartLimits,
    MultipartParser,
    PartBegin,
    PartData,
    PartEnd,
)

Buffer = bytes | memoryview
Outcome = Stored | Failed


class Pools:
    """Where instances are stored: small ones beside other short work, large ones apart."""

    def __init__(self, short: WorkerPool, uploads: WorkerPool) -> None:
        self.short = short
        self.uploads = uploads


async def store(
    services: Services, pools: Pools, request: WebRequest, actor: Actor, values: tuple[str, ...]
) -> Reply:
    """Answer a request to store instances, of any study or of the one in its path.

    Raises:
        UnsupportedMedia: the body is no PS3.10 file and no multipart message of them.
        InvalidInput: the body, or an identifier of the path, breaks a rule.
        LimitExceeded: the body or one of its parts is too long.
        AccessDenied: the actor may store nothing.
        StorageFull, StorageUnavailable: nothing could be stored, for that reason.
    """
    accept = next((v for name, v in request.parameters if name == "accept"), None)
    media_type = json_type(request.header(b"accept"), accept)
    wanted = next((v for name, v in request.parameters if name == "facility"), None)
    study = UID(values[0]) if values else None
    facility = home_facility(actor, None if wanted is None else FacilityName(wanted))
    storing = _Storing(services, pools, actor, facility, study)
    boundary = _boundary(request)
    try:
        if boundary is None:
            await _read_single(storing, request, services.settings.max_body_bytes)
        else:
            await _read_parts(storing, request, boundary)
        outcomes = await storing.outcomes()
    finally:
        await storing.stop()
    if not outcomes:
        msg = "the request holds no instance. Send at least one part"
        raise InvalidInput(msg)
    _raise_for_all(outcomes)
    return store_reply(outcomes, request.base_url, media_type)


def _boundary(request: WebRequest) -> str | None:
    """The boundary of a multipart body; None for a body that is one instance.

    Raises:
        UnsupportedMedia: the body is neither.
        InvalidInput: Content-Type cannot be read, or lacks its boundary.
    """
    header = request.header(b"content-type")
    if header is None:
        msg = "the request has no Content-Type. Send multipart/related; type=application/dicom"
        raise UnsupportedMedia(msg)
    told = parse_media_type(header)
    if told.essence == DICOM:
        return None
    kind = (told.parameter("type") or "").lower()
    if told.essence != MULTIPART or kind != DICOM:
        msg = (
            f"{shown(header)} is not taken here. "
            'Send multipart/related; type="application/dicom" or application/dicom'
        )
        raise UnsupportedMedia(msg)
    boundary = told.parameter("boundary")
    if not boundary:
        msg = "Content-Type has no boundary parameter. Name the multipart body's boundary"
        raise InvalidInput(msg)
    return boundary


async def _read_single(storing: "_Storing", request: WebRequest, limit: int) -> None:
    part = storing.begin({})
    async for piece in request.body(limit):
        await part.write(piece)
    await part.end()


async def _read_parts(storing: "_Storing", request: WebRequest, boundary: str) -> None:
    settings = storing.services.settings
    parser = MultipartParser(boundary, MultipartLimits(max_parts=settings.max_parts))
    part: _Part | None = None
    async for piece in request.body(settings.max_body_bytes):
        for event in parser.feed(piece):
            match event:
                case PartBegin(headers):
                    part = storing.begin(headers)
                case PartData(data) if part is not None:
                    await part.write(data)
                case PartEnd() if part is not None:
                    await part.end()
                    part = None
                case _:
                    pass
    parser.finish()


class _Storing:
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
        self.part: _Part | None = None

    def begin(self, headers: Mapping[str, str]) -> "_Part":
        """The next instance begins."""
        self.part = _Part(self, headers)
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
            return store_instance(services.enforcer, self.actor, arrival, services.ingest)
        except ArchiveError as error:
            return Failed(error, *told)


class _Part:
    """One instance of a request while its bytes come in."""

    def __init__(self, storing: _Storing, headers: Mapping[str, str]) -> None:
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
        self._gathered.append(piece)
        if self._length > settings.small_part_bytes:
            self._pipe = pipe = BodyPipe()
            self._storing.add(asyncio.get_running_loop().create_task(self._store_large(pipe)))
            gathered, self._gathered = self._gathered, []
            for one in gathered:
                await self._pass_on(one)

    async def end(self) -> None:
        """All bytes are there."""
        storing = self._storing
        loop = asyncio.get_running_loop()
        storing.part = None
        if self._refusal is not None:
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
            return await storing.pools.short.run(storing.store, self._gathered, patient=True)
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


def _store_from(storing: _Storing, pipe: BodyPipe) -> Outcome:
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


def _raise_for_all(outcomes: list[Outcome]) -> None:
    """Raise what befell every instance, where HTTP has a better word for it than 409."""
    errors = [one.error for one in outcomes if isinstance(one, Failed)]
    first = errors[0] if errors else None
    if len(errors) == len(outcomes) and isinstance(first, WHOLE_REQUEST):
        kind = type(first)
        if all(type(error) is kind for error in errors):
            raise first
