"""Giving instances out: as PS3.10 files, as metadata, as frames, as bulk data."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from raykeep.dicom.frames import (
    FragmentTable,
    frame_spans,
    native_frame_range,
    realigned,
    stored_samples,
)
from raykeep.dicom.json_header import header_to_json
from raykeep.dicom.part10 import encode_file_meta
from raykeep.dicom.stored_header import StoredHeader, reference_to, unpack_header
from raykeep.dicom.transfer_syntaxes import transfer_syntax
from raykeep.domain.access import Door
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import FrameNotFound, IntegrityError, LimitExceeded
from raykeep.domain.instance import StoredInstance
from raykeep.domain.uids import UID
from raykeep.enforcement.transfer import Transfer

Pieces = Iterator[bytes | memoryview]

INFLATED_PIECE = 65_536  # bytes of a deflated data set that are inflated at a time


@dataclass(frozen=True, slots=True)
class Part10:
    """An instance as a PS3.10 file.

    Attributes:
        prefix: 128 zero bytes, `DICM` and file meta information.
        data_set: The data set as it was received, in pieces.
        length: Bytes of both.
    """

    prefix: bytes
    data_set: Pieces
    length: int


@dataclass(frozen=True, slots=True)
class FrameStream:
    """One frame, or one value, as it is stored."""

    pieces: Pieces
    length: int
    transfer_syntax_uid: UID


def part10(transfer: Transfer, instance: StoredInstance) -> Part10:
    """An instance as a PS3.10 file; its window of access is open when this returns.

    Raises:
        AccessDenied: no longer permitted.
        IntegrityError: the stored object does not open.
    """
    provenance = instance.provenance
    prefix = encode_file_meta(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        source_ae_title=provenance.sender if provenance.door is Door.DIMSE else "",
    )
    pieces = transfer.read(instance)
    return Part10(prefix, pieces, len(prefix) + instance.sealed.length)


def metadata_json(
    transfer: Transfer, instances: Iterable[StoredInstance], base_url: str
) -> Iterator[bytes]:
    """The headers of instances in the DICOM JSON model, one object each.

    Args:
        transfer: Who asks.
        instances: From `transfer.find`.
        base_url: Of the DICOMweb service, without a slash at its end; BulkDataURIs begin with it.
    """
    for instance in instances:
        path = (
            f"{base_url}/studies/{instance.study.study_instance_uid}"
            f"/series/{instance.series_instance_uid}/instances/{instance.sop_instance_uid}"
        )
        yield header_to_json(transfer.header(instance), bulk_uri=f"{path}/bulkdata")


def frames(
    transfer: Transfer, instance: StoredInstance, numbers: Iterable[int]
) -> list[FrameStream]:
    """Frames as they are stored, each opened by itself.

    Args:
        transfer: Who asks.
        instance: From `transfer.find`.
        numbers: Frame numbers, counted from 1.

    Raises:
        FrameNotFound: there is no such frame, or no pixel data.
    """
    header = unpack_header(transfer.header(instance))
    if header.pixel_data is None:
        msg = "the instance has no pixel data. Retrieve it whole, or its metadata"
        raise FrameNotFound(msg)
    if header.pixel_data.length is None:
        table = FragmentTable.unpack(instance.fragments)
        wanted = [table.frame(number, header.number_of_frames) for number in numbers]
        return [_stream(transfer, instance, parts) for parts in wanted]
    return [_native(transfer, instance, header, number) for number in numbers]


def bulk_data(transfer: Transfer, instance: StoredInstance, reference: str) -> FrameStream:
    """A value that the instance's metadata tells by reference.

    Args:
        transfer: Who asks.
        instance: From `transfer.find`.
        reference: What the BulkDataURI has after `…/bulkdata/`.

    Raises:
        NotFound: there is no such value.
    """
    header = unpack_header(transfer.header(instance))
    return _stream(transfer, instance, [header.bulk_span(reference)])


def encapsulated_frames(
    transfer: Transfer, instance: StoredInstance, reference: str, *, most: int
) -> list[FrameStream] | None:
    """Encapsulated Pixel Data that the instance's metadata tells by reference, frame by frame.

    Where nothing says in which fragments the frames begin, as in a video, all are one stream.

    Args:
        transfer: Who asks.
        instance: From `transfer.find`.
        reference: What the BulkDataURI has after `…/bulkdata/`.
        most: Frames that one answer may hold.

    Returns:
        A stream for each frame; None when the reference names no encapsulated Pixel Data.

    Raises:
        LimitExceeded: there are more than `most`; they can be retrieved by number.
    """
    header = unpack_header(transfer.header(instance))
    pixels = header.pixel_data
    if (
        pixels is None
        or pixels.length is not None
        or reference.upper() != reference_to((pixels.tag,))
    ):
        return None
    try:
        wanted = frame_spans(instance.fragments, header.number_of_frames)
    except FrameNotFound:
        wanted = [FragmentTable.unpack(instance.fragments).fragments()]
    if len(wanted) > most:
        raise LimitExceeded("frames of one request", len(wanted), most)
    return [_stream(transfer, instance, parts) for parts in wanted]


def _native(
    transfer: Transfer, instance: StoredInstance, header: StoredHeader, number: int
) -> FrameStream:
    pixels = header.pixel_data
    if pixels is None or pixels.length is None:
        msg = "native pixel data has a length"
        raise IntegrityError(msg)
    samples = stored_samples(header.samples_per_pixel, header.photometric_interpretation)
    span = native_frame_range(
        number,
        rows=header.rows,
        columns=header.columns,
        samples_per_pixel=samples,
        bits_allocated=header.bits_allocated,
        number_of_frames=header.number_of_frames,
    )
    if span.stop > pixels.length:
        msg = f"frame {number} lies beyond the pixel data. Retrieve the instance whole"
        raise FrameNotFound(msg)
    stream = _stream(transfer, instance, [span.shifted(pixels.offset)])
    if header.bits_allocated != 1:
        return stream
    bits = header.rows * header.columns * samples
    frame = realigned(b"".join(stream.pieces), number, bits=bits)
    return FrameStream(iter((frame,)), len(frame), instance.transfer_syntax_uid)


def _stream(transfer: Transfer, instance: StoredInstance, parts: list[ByteRange]) -> FrameStream:
    length = sum(part.length for part in parts)
    if transfer_syntax(instance.transfer_syntax_uid).deflated:
        pieces = _inflated(transfer, instance, parts)
    else:
        pieces = _joined(transfer, instance, parts)
    return FrameStream(pieces, length, instance.transfer_syntax_uid)


def _joined(transfer: Transfer, instance: StoredInstance, parts: list[ByteRange]) -> Pieces:
    for part in parts:
        yield from transfer.read(instance, part)


def _inflated(transfer: Transfer, instance: StoredInstance, parts: list[ByteRange]) -> Pieces:
    """Places in a deflated data set count inflated bytes: it is inflated up to the last of them.

    How far it may be inflated at all was checked when it came in.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    position = 0
    for piece in _inflating(inflater, transfer.read(instance)):
        begin, position = position, position + len(piece)
        for part in parts:
            start, stop = max(part.start, begin), min(part.stop, position)
            if start < stop:
                yield memoryview(piece)[start - begin : stop - begin]
        if position >= parts[-1].stop:
            return


def _inflating(inflater: "zlib._Decompress", pieces: Pieces) -> Iterator[bytes]:
    for piece in pieces:
        waiting: bytes | memoryview = piece
        while waiting:
            yield inflater.decompress(waiting, INFLATED_PIECE)
            waiting = inflater.unconsumed_tail
    yield inflater.flush()
