"""The header of a stored object: what we write is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.seal_layout import CHUNK, HEADER_LENGTH, ContentType, SealHeader, chunk_span
from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import IntegrityError
from raykeep.domain.facility import FacilityName

HEX = st.binary(min_size=16, max_size=16).map(bytes.hex)
FACILITIES = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
HEADERS = st.builds(
    SealHeader,
    key=st.builds(BlobKey, FACILITIES.map(FacilityName), st.integers(1000, 9999), HEX),
    study_key_id=HEX,
    content_type=st.sampled_from(ContentType),
    nonce_prefix=st.binary(min_size=7, max_size=7),
    wrapped_key=st.binary(min_size=40, max_size=40),
)


@given(header=HEADERS)
def test_a_header_is_read_as_it_was_written(header: SealHeader) -> None:
    assert len(header.pack()) == HEADER_LENGTH
    assert SealHeader.parse(header.pack()) == header


@given(raw=st.binary(max_size=200))
def test_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(IntegrityError):
        SealHeader.parse(raw)


@given(header=HEADERS, offset=st.integers(0, HEADER_LENGTH - 1), value=st.integers(0, 255))
def test_what_parses_is_exactly_what_stands_there(
    header: SealHeader, offset: int, value: int
) -> None:
    raw = bytearray(header.pack())
    raw[offset] = value
    try:
        parsed = SealHeader.parse(bytes(raw))
    except IntegrityError:
        return
    assert parsed.pack() == bytes(raw)


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        pytest.param(0, b"X", id="magic"),
        pytest.param(7, b"\x02", id="version"),
        pytest.param(8, b"\x02", id="algorithm"),
        pytest.param(9, b"\x09", id="content type"),
        pytest.param(10, b"\0\x01", id="year 1"),
        pytest.param(12, b"\0\0\x10\0", id="chunks of 4 KiB"),
        pytest.param(16, b"../../etc", id="path"),
        pytest.param(40, b"x", id="facility beyond its padding"),
        pytest.param(87, b"\x01", id="reserved byte"),
    ],
)
def test_a_header_of_another_form_is_refused(offset: int, value: bytes) -> None:
    key = BlobKey(FacilityName("north"), 2026, "ab" * 16)
    raw = bytearray(SealHeader(key, "cd" * 16, ContentType.DATA_SET, bytes(7), bytes(40)).pack())
    raw[offset : offset + len(value)] = value

    with pytest.raises(IntegrityError):
        SealHeader.parse(bytes(raw))


@pytest.mark.parametrize(
    ("plain", "stored"),
    [
        (ByteRange(0, 0), ByteRange(128, 128)),
        (ByteRange(70_000, 70_000), ByteRange(65_680, 65_680)),
        (ByteRange(0, 1), ByteRange(128, 65_680)),
        (ByteRange(65_535, 65_537), ByteRange(128, 131_232)),
        (ByteRange(2 * CHUNK, 2 * CHUNK + 1), ByteRange(131_232, 131_232 + 10 + 16)),
        (ByteRange(0, 2 * CHUNK + 10), ByteRange(128, 131_232 + 10 + 16)),
    ],
)
def test_a_range_lies_in_whole_chunks(plain: ByteRange, stored: ByteRange) -> None:
    assert chunk_span(plain, 2 * CHUNK + 10) == stored
