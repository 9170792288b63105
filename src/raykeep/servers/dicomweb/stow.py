"""STOW-RS: storing instances (PS3.18 section 10.5).

A request's instances are handed over one by one (`storing.py`), while the rest
of the body is still coming in.
"""

from raykeep.domain.access import Actor
from raykeep.domain.errors import InvalidInput, UnsupportedMedia, shown
from raykeep.domain.facility import FacilityName
from raykeep.domain.uids import UID
from raykeep.edge.replies import Reply
from raykeep.edge.requests import WebRequest
from raykeep.servers.dicomweb.calls import Services
from raykeep.servers.dicomweb.media_types import DICOM, MULTIPART, json_type
from raykeep.servers.dicomweb.statuses import WHOLE_REQUEST
from raykeep.servers.dicomweb.store_response import Failed, store_reply
from raykeep.servers.dicomweb.storing import Outcome, Part, Pools, Storing
from raykeep.services.facilities import home_facility
from raykeep.wire.http.media_types import parse_media_type
from raykeep.wire.multipart.parser import (
    MultipartLimits,
    MultipartParser,
    PartBegin,
    PartData,
    PartEnd,
)


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
    storing = Storing(services, pools, actor, facility, study)
    boundary = _boundary(request)
    try:
        if boundary is None:
            await _read_single(storing, request, services.settings.max_body_bytes)
        else:
            await _read_parts(storing, request, boundary)
        outcomes = await storing.outcomes()
        await pools.short.run(storing.record_unread, holder=actor.name, patient=True)
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


async def _read_single(storing: "Storing", request: WebRequest, limit: int) -> None:
    part = storing.begin({})
    async for piece in request.body(limit):
        await part.write(piece)
    await part.end()


async def _read_parts(storing: "Storing", request: WebRequest, boundary: str) -> None:
    settings = storing.services.settings
    parser = MultipartParser(boundary, MultipartLimits(max_parts=settings.max_parts))
    part: Part | None = None
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


def _raise_for_all(outcomes: list[Outcome]) -> None:
    """Raise what befell every instance, where HTTP has a better word for it than 409."""
    errors = [one.error for one in outcomes if isinstance(one, Failed)]
    first = errors[0] if errors else None
    if len(errors) == len(outcomes) and isinstance(first, WHOLE_REQUEST):
        kind = type(first)
        if all(type(error) is kind for error in errors):
            raise first
