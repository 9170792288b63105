"""What is sealed opens again, whole or in part; whatever was touched does not open."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.seal import MAX_MANIFEST, SEAL_RANDOM, Opener, Sealer
from raykeep.crypto.seal_layout import (
    CHUNK,
    FOOTER_LENGTH,
    HEADER_LENGTH,
    SEALED_CHUNK,
    TAG,
    TRAILER_LENGTH,
    SealHeader,
    chunk_span,
)
from raykeep.domain.blobs import BlobKey, BodyFacts
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import IntegrityError, LimitExceeded
from raykeep.domain.facility import FacilityName

KEY = BlobKey(FacilityName("north"), 2026, "00112233445566778899aabbccddeeff")
STUDY_KEY_ID = "ffeeddccbbaa99887766554433221100"
STUDY_KEY = bytes(range(32))
MANIFEST = b"what the index row is rebuilt from"

# Lengths where a chunk begins, ends or is missing, and those between.
LENGTHS = st.one_of(
    st.integers(0, 300),
    st.builds(
        lambda chunks, by: max(0, chunks * CHUNK + by), st.integers(1, 3), st.integers(-2, 2)
    ),
    st.integers(0, 3 * CHUNK),
)


def body_of(length: int, seed: int = 0) -> bytes:
    return hashlib.shake_128(seed.to_bytes(4, "big")).digest(length)


@dataclass(frozen=True)
class Stored:
    """A sealed object, what it holds and how it opens."""

    blob: bytes
    facts: BodyFacts
    stored_length: int

    def opener(self, study_key: bytes = STUDY_KEY) -> Opener:
        header = SealHeader.parse(self.blob[:HEADER_LENGTH])
        return Opener(header, study_key, lambda span: self.blob[span.start : span.stop])

    def whole(self, *, rehash: bool = True) -> bytes:
        return b"".join(self.opener().whole(self.facts, self.stored_length, rehash=rehash))

    def part(self, span: ByteRange) -> bytes:
        return b"".join(self.opener().part(span, self.facts.length))

    def manifest(self) -> tuple[BodyFacts, bytes]:
        return self.opener().manifest(len(self.blob))

    def changed(self, blob: bytes) -> "Stored":
        return Stored(blob, self.facts, self.stored_length)


def sealed(
    body: bytes,
    *,
    cuts: tuple[int, ...] = (),
    key: BlobKey = KEY,
    seed: int = 1,
    manifest: bytes = MANIFEST,
) -> Stored:
    sealer = Sealer(
        key,
        study_key_id=STUDY_KEY_ID,
        study_key=STUDY_KEY,
        random=body_of(SEAL_RANDOM, 1000 + seed),
    )
    edges = (0, *sorted(min(cut, len(body)) for cut in cuts), len(body))
    pieces = [body[a:b] for a, b in pairwise(edges)]
    blob = b"".join(bytes(part) for part in sealer.seal(pieces, lambda _: manifest))
    assert sealer.facts is not None
    return Stored(blob, sealer.facts, sealer.stored_length)


SMALL = sealed(body_of(41))
LARGE = sealed(body_of(3 * CHUNK + 77))


# --- what goes in comes out --------------------------------------------------------------------


@given(length=LENGTHS, cuts=st.lists(st.integers(0, 3 * CHUNK), max_size=6))
def test_what_was_sealed_opens_however_it_was_cut(length: int, cuts: list[int]) -> None:
    body = body_of(length)

    stored = sealed(body, cuts=tuple(cuts))

    assert stored.whole() == body
    assert stored.blob == sealed(body).blob


@given(data=st.data(), length=LENGTHS)
def test_a_range_opens_to_the_same_bytes_as_a_slice(data: st.DataObject, length: int) -> None:
    body = body_of(length)
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))

    assert sealed(body).part(ByteRange(start, stop)) == body[start:stop]


@given(data=st.data())
def test_a_range_reads_no_chunk_but_its_own(data: st.DataObject) -> None:
    length = LARGE.facts.length
    start = data.draw(st.integers(0, length))
    span = ByteRange(start, data.draw(st.integers(start, length)))
    asked: list[ByteRange] = []

    def read(wanted: ByteRange) -> bytes:
        asked.append(wanted)
        return LARGE.blob[wanted.start : wanted.stop]

    opener = Opener(LARGE.opener().header, STUDY_KEY, read)
    assert sum(len(piece) for piece in opener.part(span, length)) == span.length
    needed = chunk_span(span, length)
    assert sum(one.length for one in asked) == needed.length
    assert all(needed.start <= one.start and one.stop <= needed.stop for one in asked)


def test_what_is_known_of_a_body_is_its_length_and_its_digest() -> None:
    body = body_of(2 * CHUNK)

    stored = sealed(body)

    assert stored.facts == BodyFacts(len(body), hashlib.sha256(body).digest())
    assert stored.stored_length == len(stored.blob)


def test_the_manifest_is_asked_for_when_the_body_is_known_and_opens_without_a_ticket() -> None:
    told: list[BodyFacts] = []

    def manifest(facts: BodyFacts) -> bytes:
        told.append(facts)
        return b"row"

    sealer = Sealer(KEY, study_key_id=STUDY_KEY_ID, study_key=STUDY_KEY, random=bytes(SEAL_RANDOM))
    blob = b"".join(bytes(part) for part in sealer.seal([b"abc"], manifest))
    stored = Stored(blob, told[0], len(blob))

    assert told == [sealer.facts]
    assert stored.manifest() == (told[0], b"row")


def test_pieces_are_no_longer_than_a_chunk_and_keep_their_bytes() -> None:
    pieces = list(LARGE.opener().whole(LARGE.facts, LARGE.stored_length))

    assert [len(piece) for piece in pieces] == [CHUNK, CHUNK, CHUNK, 77]
    assert b"".join(pieces) == body_of(LARGE.facts.length)


def test_an_empty_body_gives_no_piece() -> None:
    empty = sealed(b"")

    assert list(empty.opener().whole(empty.facts, empty.stored_length)) == []
    assert empty.manifest() == (empty.facts, MANIFEST)


def test_the_digest_is_hashed_anew_only_when_it_is_asked_for() -> None:
    wrong = BodyFacts(SMALL.facts.length, bytes(32))

    assert SMALL.whole(rehash=False) == body_of(41)
    with pytest.raises(IntegrityError, match="digest"):
        SMALL.opener().whole(wrong, SMALL.stored_length, rehash=False)


def test_a_piece_may_be_used_again_as_soon_as_the_next_is_asked_for() -> None:
    body = body_of(CHUNK + 500)
    lent = bytearray(100)

    def pieces() -> Iterator[bytearray]:
        for start in range(0, len(body), 100):
            piece = body[start : start + 100]
            # Growing or cutting fails while somebody still holds a view of it.
            lent[:] = piece
            yield lent
            lent[:] = b"overwritten"

    sealer = Sealer(KEY, study_key_id=STUDY_KEY_ID, study_key=STUDY_KEY, random=bytes(SEAL_RANDOM))
    blob = b"".join(bytes(part) for part in sealer.seal(pieces(), lambda _: b""))
    assert sealer.facts is not None

    assert Stored(blob, sealer.facts, len(blob)).whole() == body


def test_no_more_than_a_chunk_is_held_back() -> None:
    given_out = 0
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(200):
            assert taken - given_out <= CHUNK + 5_000
            taken += 5_000
            yield bytes(5_000)

    sealer = Sealer(KEY, study_key_id=STUDY_KEY_ID, study_key=STUDY_KEY, random=bytes(SEAL_RANDOM))
    for part in sealer.seal(pieces(), lambda _: b""):
        given_out += len(part)


def test_a_large_piece_is_sealed_where_it_lies() -> None:
    body = memoryview(body_of(5 * CHUNK)).cast("B", (5, CHUNK))
    sealer = Sealer(KEY, study_key_id=STUDY_KEY_ID, study_key=STUDY_KEY, random=bytes(SEAL_RANDOM))

    blob = b"".join(bytes(part) for part in sealer.seal([body], lambda _: b""))
    assert sealer.facts is not None

    assert Stored(blob, sealer.facts, len(blob)).whole() == bytes(body)


# --- the format --------------------------------------------------------------------------------


def open_by_the_table(blob: bytes) -> tuple[bytes, bytes, bytes]:
    """Read an object as the table in `seal_layout` says, written without a look at the code."""
    header = blob[:128]
    assert header[:12] == b"RAYKEEP\x01\x01\x01" + (2026).to_bytes(2, "big")
    assert int.from_bytes(header[12:16], "big") == 65_536
    assert header[16:48] == b"north".ljust(32, b"\0")
    assert header[48:64].hex() == KEY.object_id
    assert header[64:80].hex() == STUDY_KEY_ID
    assert header[87] == 0
    cipher = AESGCM(aes_key_unwrap(STUDY_KEY, header[88:128]))

    def opened(data: bytes, counter: int, flag: int) -> bytes:
        nonce = header[80:87] + struct.pack(">IB", counter, flag)
        return cipher.decrypt(nonce, data, hashlib.sha256(header).digest())

    footer_at, manifest_at, end = struct.unpack(">QQ8s", blob[-24:])
    assert end == b"RAYKEND\x01"
    assert manifest_at == footer_at + 64
    length, chunks, digest = struct.unpack(">QQ32s", opened(blob[footer_at:manifest_at], 0, 2))
    body = b""
    for number in range(chunks):
        at = 128 + number * 65_552
        last = number == chunks - 1
        body += opened(blob[at : footer_at if last else at + 65_552], number, int(last))
    assert len(body) == length
    return body, digest, opened(blob[manifest_at:-24], 0, 3)


@pytest.mark.parametrize("length", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_another_reader_of_the_documented_layout_opens_it(length: int) -> None:
    body = body_of(length)

    assert open_by_the_table(sealed(body).blob) == (body, hashlib.sha256(body).digest(), MANIFEST)


def test_the_format_stays_as_it_is() -> None:
    """A change here is a new version of the format, and the old one must still open."""
    assert hashlib.sha256(LARGE.blob).hexdigest() == (
        "3004fd9b46dc8c457d1b67b119b93ec9e4dad03ff76854425a19c3cf982269e1"
    )


def test_nonces_never_repeat_under_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    class Recorder:
        def __init__(self, key: bytes) -> None:
            self.real = AESGCM(key)

        def encrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
            seen.append(nonce)
            return self.real.encrypt(nonce, data, associated)

        def encrypt_into(self, nonce: bytes, data: bytes, associated: bytes, out) -> int:
            seen.append(nonce)
            return self.real.encrypt_into(nonce, data, associated, out)

    monkeypatch.setattr("raykeep.crypto.seal.AESGCM", Recorder)
    sealed(body_of(3 * CHUNK))

    assert len(seen) == len(set(seen)) == 3 + 2


# --- what was touched does not open ------------------------------------------------------------


def test_any_flipped_bit_of_a_small_object_is_found() -> None:
    for position in range(len(SMALL.blob) * 8):
        blob = bytearray(SMALL.blob)
        blob[position // 8] ^= 1 << position % 8
        with pytest.raises(IntegrityError):
            SMALL.changed(bytes(blob)).whole()


@given(offset=st.integers(0, len(LARGE.blob) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_large_object_is_found(offset: int, bit: int) -> None:
    blob = bytearray(LARGE.blob)
    blob[offset] ^= 1 << bit

    with pytest.raises(IntegrityError):
        LARGE.changed(bytes(blob)).whole(rehash=False)


def test_any_flipped_bit_outside_the_body_is_found_without_a_ticket() -> None:
    for offset in (*range(HEADER_LENGTH), *range(HEADER_LENGTH + 41 + TAG, len(SMALL.blob))):
        blob = bytearray(SMALL.blob)
        blob[offset] ^= 0x40
        with pytest.raises(IntegrityError):
            SMALL.changed(bytes(blob)).manifest()


@given(offset=st.integers(0, SEALED_CHUNK - 1))
def test_a_range_does_not_open_when_its_chunk_was_changed(offset: int) -> None:
    blob = bytearray(LARGE.blob)
    blob[HEADER_LENGTH + SEALED_CHUNK + offset] ^= 1
    changed = LARGE.changed(bytes(blob))

    with pytest.raises(IntegrityError, match="chunk 1"):
        changed.part(ByteRange(CHUNK + 10, CHUNK + 20))
    assert changed.part(ByteRange(0, CHUNK)) == body_of(LARGE.facts.length)[:CHUNK]


def chunk(stored: Stored, number: int) -> slice:
    at = HEADER_LENGTH + number * SEALED_CHUNK
    return slice(at, at + SEALED_CHUNK)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 2), (1, 2)])
def test_chunks_swapped_within_an_object_are_found(one: int, other: int) -> None:
    blob = bytearray(LARGE.blob)
    first, second = chunk(LARGE, one), chunk(LARGE, other)
    blob[first], blob[second] = blob[second], blob[first]

    with pytest.raises(IntegrityError):
        LARGE.changed(bytes(blob)).whole(rehash=False)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_chunks_of_another_object_of_the_same_study_are_found(number: int) -> None:
    other = sealed(body_of(3 * CHUNK + 77), seed=2)
    blob = bytearray(LARGE.blob)
    blob[chunk(LARGE, number)] = other.blob[chunk(other, number)]

    with pytest.raises(IntegrityError):
        LARGE.changed(bytes(blob)).whole(rehash=False)


def test_even_under_the_same_object_key_another_place_is_another_object() -> None:
    for key in (
        BlobKey(FacilityName("south"), KEY.year, KEY.object_id),
        BlobKey(KEY.facility, KEY.year + 1, KEY.object_id),
        BlobKey(KEY.facility, KEY.year, KEY.object_id[::-1]),
    ):
        elsewhere = sealed(body_of(41), key=key)  # same random bytes: same key, same nonces
        with pytest.raises(IntegrityError):
            SMALL.changed(elsewhere.blob[:HEADER_LENGTH] + SMALL.blob[HEADER_LENGTH:]).whole()


def test_the_header_of_another_object_is_found() -> None:
    other = sealed(body_of(41), seed=2)

    with pytest.raises(IntegrityError):
        SMALL.changed(other.blob[:HEADER_LENGTH] + SMALL.blob[HEADER_LENGTH:]).whole()


def test_the_footer_is_not_a_manifest_and_the_manifest_no_footer() -> None:
    body = body_of(41)
    stored = sealed(body, manifest=bytes(FOOTER_LENGTH - TAG))  # of a footer's length
    footer = HEADER_LENGTH + len(body) + TAG
    manifest = footer + FOOTER_LENGTH
    swapped = (
        stored.blob[:footer]
        + stored.blob[manifest:-TRAILER_LENGTH]
        + stored.blob[footer:manifest]
        + stored.blob[-TRAILER_LENGTH:]
    )

    with pytest.raises(IntegrityError, match="footer"):
        stored.changed(swapped).whole()


def test_cut_anywhere_a_small_object_does_not_open() -> None:
    for end in range(HEADER_LENGTH, len(SMALL.blob)):
        cut = SMALL.changed(SMALL.blob[:end])
        with pytest.raises(IntegrityError):
            cut.whole()
        with pytest.raises(IntegrityError):
            cut.manifest()
        with pytest.raises(IntegrityError):  # told of the new length, too
            Stored(cut.blob, cut.facts, end).whole()


@given(end=st.integers(0, len(LARGE.blob) - 1))
def test_cut_anywhere_a_large_object_does_not_open(end: int) -> None:
    with pytest.raises(IntegrityError):
        LARGE.changed(LARGE.blob[:end]).whole(rehash=False)


@pytest.mark.parametrize("chunks", [1, 2])
def test_an_object_that_is_cut_at_a_chunk_and_ended_anew_does_not_open(chunks: int) -> None:
    tail = LARGE.blob[-(FOOTER_LENGTH + len(MANIFEST) + TAG + TRAILER_LENGTH) :]
    blob = LARGE.blob[: HEADER_LENGTH + chunks * SEALED_CHUNK] + tail
    shorter = BodyFacts(chunks * CHUNK, LARGE.facts.digest)

    with pytest.raises(IntegrityError):
        Stored(blob, LARGE.facts, len(blob)).whole()
    with pytest.raises(IntegrityError):
        Stored(blob, shorter, len(blob)).whole()
    with pytest.raises(IntegrityError):
        Stored(blob, shorter, len(blob)).manifest()


def test_bytes_behind_the_trailer_are_found() -> None:
    longer = Stored(SMALL.blob + b"\0", SMALL.facts, SMALL.stored_length + 1)

    with pytest.raises(IntegrityError):
        longer.whole()
    with pytest.raises(IntegrityError):
        longer.manifest()


def test_a_shorter_ticket_does_not_open_a_longer_body() -> None:
    length = 2 * CHUNK

    with pytest.raises(IntegrityError):
        b"".join(LARGE.opener().part(ByteRange(CHUNK, length), length))


def test_a_range_that_ends_behind_the_body_is_refused() -> None:
    with pytest.raises(IntegrityError, match="ends before byte 42"):
        SMALL.part(ByteRange(0, 42))


def test_another_study_key_opens_nothing() -> None:
    with pytest.raises(IntegrityError, match="study key"):
        SMALL.opener(bytes(32))


def test_a_ticket_of_absurd_length_costs_no_memory() -> None:
    facts = BodyFacts(0, SMALL.facts.digest)

    with pytest.raises(IntegrityError, match="length"):
        SMALL.opener().whole(facts, 2**60)
    with pytest.raises(IntegrityError):
        SMALL.opener().whole(BodyFacts(2**62, SMALL.facts.digest), SMALL.stored_length)


def test_a_body_whose_footer_gives_another_digest_is_found_before_its_last_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only whoever holds the study key could make one; the scrubber must see it all the same."""

    class Liar:
        def __init__(self, data: bytes = b"") -> None:
            self.real = hashlib.sha256(data)
            self.lies = not data

        def update(self, data: bytes) -> None:
            self.real.update(data)

        def digest(self) -> bytes:
            return bytes(32) if self.lies else self.real.digest()

    body = body_of(CHUNK + 5)
    with monkeypatch.context() as patched:
        patched.setattr("raykeep.crypto.seal.sha256", Liar)
        stored = sealed(body)
    assert stored.facts.digest == bytes(32)

    pieces = stored.opener().whole(stored.facts, stored.stored_length)

    assert next(pieces) == body[:CHUNK]
    with pytest.raises(IntegrityError, match="another digest"):
        next(pieces)
    assert stored.whole(rehash=False) == body


def test_an_object_that_is_shorter_than_a_trailer_does_not_open() -> None:
    with pytest.raises(IntegrityError, match="shorter than a trailer"):
        SMALL.opener().manifest(TRAILER_LENGTH - 1)


def test_a_store_that_gives_fewer_bytes_than_it_was_asked_for_is_found_out() -> None:
    with pytest.raises(IntegrityError, match="ends before"):
        SMALL.opener().manifest(len(SMALL.blob) + 5)


def test_a_footer_that_gives_a_length_for_another_place_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Liar:
        def pack(self, length: int, count: int, digest: bytes) -> bytes:
            return struct.pack(">QQ32s", length + 1, count, digest)

    with monkeypatch.context() as patched:
        patched.setattr("raykeep.crypto.seal.FOOTER", Liar())
        stored = sealed(body_of(41))

    with pytest.raises(IntegrityError, match="wrong place"):
        stored.manifest()


def test_a_message_names_the_object_and_nothing_of_its_content() -> None:
    with pytest.raises(IntegrityError) as caught:
        SMALL.changed(SMALL.blob[:-1]).whole()

    assert str(KEY) in str(caught.value)


# --- limits and misuse -------------------------------------------------------------------------


def test_a_counter_that_would_wrap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raykeep.crypto.seal.MAX_CHUNKS", 2)
    assert sealed(body_of(2 * CHUNK)).whole() == body_of(2 * CHUNK)

    with pytest.raises(LimitExceeded, match="chunks of an object"):
        sealed(body_of(2 * CHUNK + 1))


def test_a_manifest_that_is_too_long_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="manifest"):
        sealed(b"", manifest=bytes(MAX_MANIFEST + 1))


def test_the_longest_manifest_opens() -> None:
    stored = sealed(b"", manifest=bytes(MAX_MANIFEST))

    assert stored.whole() == b""
    assert stored.manifest() == (stored.facts, bytes(MAX_MANIFEST))


def test_a_sealer_seals_once() -> None:
    sealer = Sealer(KEY, study_key_id=STUDY_KEY_ID, study_key=STUDY_KEY, random=bytes(SEAL_RANDOM))
    sealer.seal([], lambda _: b"")

    with pytest.raises(ValueError, match="once"):
        sealer.seal([], lambda _: b"")


def test_too_few_random_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="random bytes"):
        Sealer(KEY, study_key_id=STUDY_KEY_ID, study_key=STUDY_KEY, random=bytes(SEAL_RANDOM - 1))
