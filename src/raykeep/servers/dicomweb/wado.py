"""WADO-RS: retrieving instances, metadata, frames and bulk data (PS3.18 section 10.4).

What is not there and what the actor may not see are one answer, 404. Nothing
is converted: instances and frames go out as they are stored, and say so.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import wraps

from raykeep import __version__
from raykeep.domain.errors import AccessDenied, InvalidInput, LimitExceeded, StudyNotFound
from raykeep.domain.instance import StoredInstance
from raykeep.domain.uids import UID
from raykeep.edge.replies import Piece, Reply, StreamReply
from raykeep.edge.security_headers import Header
from raykeep.enforcement.transfer import Transfer
from raykeep.servers.dicomweb.bodies import (
    boundary_of,
    entity_tag,
    gathered,
    is_known,
    json_array,
    multipart,
    multipart_length,
)
from raykeep.servers.dicomweb.calls import Call, Handler
from raykeep.servers.dicomweb.media_types import (
    MULTIPART,
    bulk_type,
    dicom_type,
    json_type,
    part_type,
    pixel_type,
)
from raykeep.services import retrieve
from raykeep.wire.http.media_types import MediaType
from raykeep.wire.multipart.writer import content_type

MAX_FRAMES = 1_000  # frames of one request
PURPOSE = "wado"

Part = tuple[dict[str, str], Iterable[Piece], int]
"""Headers of a part, its bytes and their number."""

_FRAME_LIST = re.compile(r"[1-9][0-9]{0,9}(?:,[1-9][0-9]{0,9})*")
# Bytes of patients are nothing for a browser to show or to run.
_ATTACHMENT: Header = (b"content-disposition", b"attachment")


def _hidden(handler: Handler) -> Handler:
    """The same, where what is forbidden looks like what is not there."""

    @wraps(handler)
    def hiding(call: Call) -> Reply | StreamReply:
        try:
            return handler(call)
        except AccessDenied as denied:
            msg = "no such study, series or instance. Check the UIDs"
            raise StudyNotFound(msg) from denied

    return hiding


@_hidden
def instances(call: Call) -> Reply | StreamReply:
    """Answer with the instances of a study, a series, or one of them."""
    transfer, found = _found(call, call.values)
    single = len(call.values) == len(_PATH)
    syntaxes = frozenset(str(one.transfer_syntax_uid) for one in found)
    chosen = dicom_type(*_wanted(call), syntaxes, single=single)
    tag = entity_tag(str(chosen), *(one.sealed.digest for one in found))
    if is_known(call.request, tag):
        return _unchanged(tag)
    if len(found) == 1:
        return _bulk(chosen, tag, [_file(transfer, found[0])])
    boundary = boundary_of(tag)
    body = multipart(boundary, (_file(transfer, one)[:2] for one in found))
    return StreamReply(200, _headers(chosen, tag, boundary), gathered(body), None)


@_hidden
def metadata(call: Call) -> Reply | StreamReply:
    """Answer with the headers of a study, a series or an instance in the DICOM JSON model."""
    transfer, found = _found(call, call.values)
    media_type = json_type(*_wanted(call))
    base_url = call.request.base_url  # BulkDataURIs begin with it
    # Another release may write the same header in other bytes.
    tag = entity_tag(__version__, media_type, base_url, *(one.sealed.digest for one in found))
    if is_known(call.request, tag):
        return _unchanged(tag)
    objects = retrieve.metadata_json(transfer, found, base_url)
    headers = [(b"content-type", media_type.encode("ascii")), _tag(tag)]
    return StreamReply(200, headers, gathered(json_array(objects)), None)


@_hidden
def frames(call: Call) -> Reply | StreamReply:
    """Answer with frames of an instance, in the transfer syntax in which they are stored."""
    *path, listed = call.values
    numbers = _frame_numbers(listed)
    transfer, (instance, *_) = _found(call, path)
    chosen = pixel_type(*_wanted(call), str(instance.transfer_syntax_uid), len(numbers))
    tag = entity_tag(str(chosen), instance.sealed.digest, listed)
    if is_known(call.request, tag):
        return _unchanged(tag)
    address = f"{_address(call, instance)}/frames"
    streams = retrieve.frames(transfer, instance, numbers)
    parts: list[Part] = [
        ({"Content-Type": part_type(chosen), "Content-Location": f"{address}/{number}"},
         stream.pieces, stream.length)
        for number, stream in zip(numbers, streams, strict=True)
    ]  # fmt: skip
    return _bulk(chosen, tag, parts)


@_hidden
def bulk_data(call: Call) -> Reply | StreamReply:
    """Answer with a value that metadata tells by reference; compressed pixels, a part a frame."""
    *path, reference = call.values
    transfer, (instance, *_) = _found(call, path)
    syntax = str(instance.transfer_syntax_uid)
    pixels = retrieve.encapsulated_frames(transfer, instance, reference, most=MAX_FRAMES)
    if pixels is None:
        streams = [retrieve.bulk_data(transfer, instance, reference)]
        chosen = bulk_type(*_wanted(call), syntax)
    else:
        streams = pixels
        chosen = pixel_type(*_wanted(call), syntax, len(streams))
    tag = entity_tag(str(chosen), instance.sealed.digest, reference.upper())
    if is_known(call.request, tag):
        return _unchanged(tag)
    location = f"{_address(call, instance)}/bulkdata/{reference}"
    headers = {"Content-Type": part_type(chosen), "Content-Location": location}
    return _bulk(chosen, tag, [(headers, stream.pieces, stream.length) for stream in streams])


# --- what is asked for --------------------------------------------------------------------------

_PATH = ("study", "series", "instance")


def _found(call: Call, path: Sequence[str]) -> tuple[Transfer, list[StoredInstance]]:
    """The instances of a path, and the transfer that reads them.

    Raises:
        InvalidUID: a part of the path is none.
        StudyNotFound: nothing there, or nothing that the actor may know of.
    """
    uids = [UID(part) for part in path]
    transfer = call.services.enforcer.transfer(call.actor, PURPOSE)
    return transfer, transfer.find(*uids)


def _wanted(call: Call) -> tuple[str | None, str | None]:
    """Accept, and the `accept` parameter."""
    request = call.request
    query = next((value for name, value in request.parameters if name == "accept"), None)
    return request.header(b"accept"), query


def _frame_numbers(text: str) -> tuple[int, ...]:
    if text.count(",") >= MAX_FRAMES:
        raise LimitExceeded("frames of one request", text.count(",") + 1, MAX_FRAMES)
    if _FRAME_LIST.fullmatch(text) is None:
        msg = "a frame list is numbers from 1 with commas between them, such as 1,2,5"
        raise InvalidInput(msg)
    return tuple(map(int, text.split(",")))


# --- what goes out ------------------------------------------------------------------------------


def _file(transfer: Transfer, instance: StoredInstance) -> Part:
    """An instance as a PS3.10 file."""
    whole = retrieve.part10(transfer, instance)

    def pieces() -> Iterator[Piece]:
        yield whole.prefix
        yield from whole.data_set

    named = f"application/dicom; transfer-syntax={instance.transfer_syntax_uid}"
    return {"Content-Type": named}, pieces(), whole.length


def _bulk(chosen: MediaType, tag: str, parts: list[Part]) -> StreamReply:
    """An answer of known length: one body, or a multipart message."""
    if chosen.essence != MULTIPART:
        ((_, pieces, length),) = parts
        return StreamReply(200, _headers(chosen, tag, ""), gathered(pieces), length)
    boundary = boundary_of(tag)
    length = multipart_length(boundary, [(headers, length) for headers, _, length in parts])
    body = multipart(boundary, [(headers, pieces) for headers, pieces, _ in parts])
    return StreamReply(200, _headers(chosen, tag, boundary), gathered(body), length)


def _headers(chosen: MediaType, tag: str, boundary: str) -> list[Header]:
    kind = part_type(chosen)
    if chosen.essence == MULTIPART:
        kind = content_type(boundary, str(chosen.parameter("type")))
    return [(b"content-type", kind.encode("ascii")), _ATTACHMENT, _tag(tag)]


def _unchanged(tag: str) -> Reply:
    return Reply(304, [_tag(tag)])


def _tag(tag: str) -> Header:
    return b"etag", f'"{tag}"'.encode("ascii")


def _address(call: Call, instance: StoredInstance) -> str:
    return (
        f"{call.request.base_url}/studies/{instance.study.study_instance_uid}"
        f"/series/{instance.series_instance_uid}/instances/{instance.sop_instance_uid}"
    )
