"""The sealing format: how plaintext becomes a stored object, and how any part of it opens again.

An object is sealed with AES-256-GCM under a random key of its own, in chunks, as its bytes come.
The study key wraps that object key (AES-KW, RFC 3394). Numbers are unsigned and big-endian.

| Part     | Bytes            | Content                                                           |
|----------|------------------|-------------------------------------------------------------------|
| header   | 128              | in the clear, authenticated by every other part                   |
|          |   0, 7           | `RAYKEEP`                                                         |
|          |   7, 1           | version of the format: 1                                          |
|          |   8, 1           | algorithm: 1 = AES-256-GCM in chunks, AES-KW                      |
|          |   9, 1           | content type: 1 = DICOM data set                                  |
|          |  10, 2           | year of arrival                                                   |
|          |  12, 4           | plaintext bytes of a chunk: 65,536                                |
|          |  16, 32          | facility, ASCII, padded with NUL                                  |
|          |  48, 16          | object id, random                                                 |
|          |  64, 16          | study-key id                                                      |
|          |  80, 7           | nonce prefix, random                                              |
|          |  87, 1           | 0                                                                 |
|          |  88, 40          | object key, wrapped by the study key                              |
| chunks   | 65,552 each      | 65,536 sealed bytes and a tag of 16; the last one may be shorter, |
|          |                  | and is the only one, and empty, for an empty body                 |
| footer   | 64               | sealed: length (8), number of chunks (8), SHA-256 of the plaintext|
| manifest | n + 16           | sealed: the caller's, what the index row is rebuilt from          |
| trailer  | 24               | offset of the footer (8), offset of the manifest (8), `RAYKEND`, 1|

Each sealed part is one AES-GCM message; its associated data is SHA-256 of the header, its nonce

    nonce prefix (7) ‖ number of the chunk, from 0; 0 for footer and manifest (4) ‖ flag (1)

with the flag 0 for a chunk, 1 for the last chunk, 2 for the footer, 3 for the manifest. So no part
can be moved, swapped, dropped or taken from another object, and a cut is seen: the last chunk says
that it is the last, the footer how many there are. Chunk i begins at 128 + i * 65,552, so a range
of the plaintext opens without reading the rest.

The header names neither the length, unknown while the bytes stream in, nor the facility key, which
rotates without touching objects. The trailer is not trusted: it only says where to look.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import IntegrityError, InvalidInput
from raykeep.domain.facility import FacilityName

CHUNK = 65_536  # plaintext bytes
TAG = 16
SEALED_CHUNK = CHUNK + TAG
NONCE_PREFIX_LENGTH = 7
MAX_CHUNKS = 2**32  # the counter's; NIST SP 800-38D allows as many messages under one key

_HEADER = struct.Struct(">7sBBBHI32s16s16s7sB40s")
FOOTER = struct.Struct(">QQ32s")
TRAILER = struct.Struct(">QQ8s")
HEADER_LENGTH = _HEADER.size
FOOTER_LENGTH = FOOTER.size + TAG
TRAILER_LENGTH = TRAILER.size
END = b"RAYKEND\x01"
_MAGIC, _VERSION, _ALGORITHM = b"RAYKEEP", 1, 1


class Flag(IntEnum):
    """The last byte of a nonce: what the message is."""

    DATA = 0
    LAST = 1
    FOOTER = 2
    MANIFEST = 3
    SMALL = 4  # a value that stands by itself (`seal_small`)


class ContentType(IntEnum):
    """What the plaintext is."""

    DATA_SET = 1  # a DICOM data set as received (PS3.5 section 7), without a file's preamble


def chunk_count(length: int) -> int:
    """Number of chunks of a body: an empty one has one, too."""
    return max(1, -(-length // CHUNK))


def footer_offset(length: int) -> int:
    """Where the footer of a body of `length` bytes begins."""
    return HEADER_LENGTH + length + chunk_count(length) * TAG


def chunk_span(plain: ByteRange, length: int) -> ByteRange:
    """Stored bytes of the chunks that hold `plain` of a body of `length` bytes."""
    return stored_chunks(*chunk_numbers(plain), length)


def chunk_numbers(plain: ByteRange) -> tuple[int, int]:
    """First chunk that holds a byte of `plain`, and the one behind the last, counted from 0."""
    first = plain.start // CHUNK
    return first, -(-plain.stop // CHUNK) if plain.length else first


def stored_chunks(first: int, stop: int, length: int) -> ByteRange:
    """Stored bytes of chunks `first` up to `stop` of a body of `length` bytes."""
    end = min(HEADER_LENGTH + stop * SEALED_CHUNK, footer_offset(length))
    return ByteRange(HEADER_LENGTH + first * SEALED_CHUNK, end)


@dataclass(frozen=True, slots=True)
class SealHeader:
    """The first bytes of a stored object; nothing of it is proven until a part has opened."""

    key: BlobKey
    study_key_id: str
    content_type: ContentType
    nonce_prefix: bytes
    wrapped_key: bytes

    def pack(self) -> bytes:
        """Write it as it stands in the object."""
        return _HEADER.pack(
            _MAGIC,
            _VERSION,
            _ALGORITHM,
            self.content_type,
            self.key.year,
            CHUNK,
            self.key.facility.encode("ascii"),
            bytes.fromhex(self.key.object_id),
            bytes.fromhex(self.study_key_id),
            self.nonce_prefix,
            0,
            self.wrapped_key,
        )

    @classmethod
    def parse(cls, raw: bytes) -> "SealHeader":
        """Read it; what `pack` would not write is refused.

        Raises:
            IntegrityError: these are not the first bytes of an object, or of a newer format.
        """
        try:
            (
                _,
                _,
                _,
                content_type,
                year,
                _,
                facility,
                object_id,
                study_key_id,
                prefix,
                _,
                wrapped,
            ) = _HEADER.unpack(raw)
            name = FacilityName(facility.rstrip(b"\0").decode("ascii"))
            key = BlobKey(name, year, object_id.hex())
            header = cls(key, study_key_id.hex(), ContentType(content_type), prefix, wrapped)
        except (struct.error, ValueError, InvalidInput) as error:
            msg = "a stored object does not begin with a header: it was changed, or is none of ours"
            raise IntegrityError(msg) from error
        if header.pack() != raw:
            msg = f"blob {key} has a header of another version or form, or it was changed"
            raise IntegrityError(msg)
        return header


def nonce(prefix: bytes, counter: int, flag: Flag) -> bytes:
    """The nonce of one message, 12 bytes."""
    return b"%b%b%c" % (prefix, counter.to_bytes(4, "big"), flag)
