"""The header of a stored instance in the form in which the vault seals it."""

import struct
from dataclasses import dataclass
from typing import Final

from raykeep.dicom.head import BulkValue, Head, PixelData
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import IntegrityError, NotFound, shown

_VERSION: Final = 1
# Version; rows, columns, frames; samples, bits; Pixel Data: tag, VR, offset, length;
# lengths of the two texts that follow; number of bulk values.
_FIXED = struct.Struct("<BIIIHHI2sQQBBI")
_BULK = struct.Struct("<B2sQQ")  # tags and items in the path; VR; offset; length
_ENCAPSULATED: Final = 2**64 - 1  # the length of what has none
_LONGEST_TEXT = 64  # characters


@dataclass(frozen=True, slots=True)
class StoredHeader:
    """What is kept of a `Head`, enough to build its JSON and to find its frames.

    Attributes are those of `Head`.
    """

    transfer_syntax_uid: str
    raw: bytes
    bulk: tuple[BulkValue, ...]
    number_of_frames: int
    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    photometric_interpretation: str
    pixel_data: PixelData | None

    def bulk_span(self, reference: str) -> ByteRange:
        """Where a value lies that the header's JSON tells by reference.

        Args:
            reference: What its BulkDataURI has after the common beginning: tags in hexadecimal
                and item numbers from 0, with slashes between them.

        Raises:
            NotFound: there is no such value, or it is encapsulated Pixel Data, which is
                retrieved by frame.
        """
        for value in self.bulk:
            if reference_to(value.path) == reference.upper():
                return ByteRange(value.offset, value.offset + value.length)
        pixels = self.pixel_data
        if (
            pixels is not None
            and pixels.length is not None
            and reference.upper() == reference_to((pixels.tag,))
        ):
            return ByteRange(pixels.offset, pixels.offset + pixels.length)
        msg = f"the instance has no bulk data {shown(reference)}. Take it from its metadata"
        raise NotFound(msg)


def reference_to(path: tuple[int, ...]) -> str:
    """What stands for a value in its BulkDataURI: `00420011`, `54000100/0/54001010`."""
    return "/".join(f"{part:08X}" if n % 2 == 0 else str(part) for n, part in enumerate(path))


def pack_header(head: Head) -> bytes:
    """The bytes that are sealed beside an instance."""
    pixels = head.pixel_data
    syntax = head.transfer_syntax_uid.encode("ascii", "replace")[:_LONGEST_TEXT]
    photometric = head.photometric_interpretation.encode("ascii", "replace")[:_LONGEST_TEXT]
    tag, vr, offset, length = 0, "  ", 0, 0
    if pixels is not None:
        tag, vr, offset = pixels.tag, pixels.vr, pixels.offset
        length = _ENCAPSULATED if pixels.length is None else pixels.length
    fixed = _FIXED.pack(
        _VERSION,
        head.rows,
        head.columns,
        head.number_of_frames,
        min(head.samples_per_pixel, 0xFFFF),
        min(head.bits_allocated, 0xFFFF),
        tag,
        vr.encode(),
        offset,
        length,
        len(syntax),
        len(photometric),
        len(head.bulk),
    )
    bulk = b"".join(_pack_bulk(value) for value in head.bulk)
    return b"".join((fixed, syntax, photometric, bulk, head.raw))


def _pack_bulk(value: BulkValue) -> bytes:
    count = len(value.path)
    fixed = _BULK.pack(count, value.vr.encode(), value.offset, value.length)
    return fixed + struct.pack(f"<{count}I", *value.path)


def unpack_header(packed: bytes) -> StoredHeader:
    """Read what `pack_header` made.

    Raises:
        IntegrityError: these are other bytes, or of a newer version.
    """
    try:
        return _unpacked(packed)
    except (struct.error, UnicodeDecodeError) as error:
        msg = "a stored header cannot be read. Verify the instance"
        raise IntegrityError(msg) from error


def _unpacked(packed: bytes) -> StoredHeader:
    if packed[:1] != bytes([_VERSION]):
        msg = f"a stored header is of version {packed[:1].hex()}. Upgrade the archive"
        raise IntegrityError(msg)
    fields = _FIXED.unpack_from(packed)
    _, rows, columns, frames, samples, bits, tag, vr, offset, length, *counts = fields
    syntax_length, photometric_length, bulk_count = counts
    at = _FIXED.size
    syntax = packed[at : at + syntax_length].decode("ascii")
    at += syntax_length
    photometric = packed[at : at + photometric_length].decode("ascii")
    at += photometric_length
    bulk = []
    for _ in range(bulk_count):
        count, bulk_vr, bulk_offset, bulk_length = _BULK.unpack_from(packed, at)
        at += _BULK.size
        path = struct.unpack_from(f"<{count}I", packed, at)
        at += 4 * count
        bulk.append(BulkValue(path, _vr(bulk_vr), bulk_offset, bulk_length))
    pixels = None
    if tag:
        native = None if length == _ENCAPSULATED else length
        pixels = PixelData(tag, _vr(vr), offset, native)
    return StoredHeader(
        transfer_syntax_uid=syntax,
        raw=packed[at:],
        bulk=tuple(bulk),
        number_of_frames=frames,
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        bits_allocated=bits,
        photometric_interpretation=photometric,
        pixel_data=pixels,
    )


def _vr(raw: bytes) -> str:
    if not (raw.isalpha() and raw.isupper()):
        msg = "a stored header names no value representation. Verify the instance"
        raise IntegrityError(msg)
    return raw.decode("ascii")
