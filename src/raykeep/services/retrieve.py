"""Giving instances out: as PS3.10 files, as metadata, as frames, as bulk data."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from raykeep.dicom.frames import frame_spans
from raykeep.dicom.json_header import header_to_json
from raykeep.dicom.part10 import encode_file_meta
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.instance import StoredInstance
from raykeep.domain.uids import UID
from raykeep.enforcement.transfer import Transfer

Pieces = Iterator[bytes | memoryview]


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
    """One frame in the stored transfer syntax."""

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
        source_ae_title=provenance.sender if provenance.door == "dimse" else "",
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
    spans = frame_spans(instance, transfer.header(instance), tuple(numbers))
    return [
        FrameStream(
            _joined(transfer, instance, parts),
            sum(part.length for part in parts),
            instance.transfer_syntax_uid,
        )
        for parts in spans
    ]


def bulk_data(transfer: Transfer, instance: StoredInstance, span: ByteRange) -> FrameStream:
    """Bytes of the stored data set: a value that its metadata tells by reference."""
    return FrameStream(transfer.read(instance, span), span.length, instance.transfer_syntax_uid)


def _joined(transfer: Transfer, instance: StoredInstance, parts: list[ByteRange]) -> Pieces:
    for part in parts:
        yield from transfer.read(instance, part)
