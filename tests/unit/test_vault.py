"""What is put into the vault comes out again, and nothing else does."""

import hashlib
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.seal_layout import CHUNK
from raykeep.crypto.seal_small import context, seal_small
from raykeep.domain.blobs import BlobKey, BodyFacts, Place, SealedObject
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import (
    BlobExists,
    BlobNotFound,
    IntegrityError,
    LimitExceeded,
    StorageFull,
)
from raykeep.ports.blobs import Buffer
from raykeep.ports.keys import WrappedKey
from raykeep.vault import MAX_HEADER, Vault
from tests.unit.vault_parts import (
    NORTH,
    OTHER_STUDY,
    PLACE,
    SOUTH,
    STUDY,
    OpenBlobs,
    Parts,
    body_of,
    in_pieces,
    no_manifest,
)

SECRET = b"PATIENT^SENTINEL"


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def vault(parts: Parts) -> Vault:
    return parts.vault


def opened(vault: Vault, sealed: SealedObject, span: ByteRange | None = None) -> bytes:
    return b"".join(vault.open(sealed, span))


# --- objects -----------------------------------------------------------------------------------


@given(
    length=st.one_of(st.integers(0, 500), st.integers(CHUNK - 2, 2 * CHUNK + 2)),
    size=st.integers(1000, 200_000),
    data=st.data(),
)
def test_what_was_put_opens_whole_and_in_part(length: int, size: int, data: st.DataObject) -> None:
    vault, body = Parts().vault, body_of(length)

    sealed = vault.put(PLACE, in_pieces(body, size), no_manifest)

    assert opened(vault, sealed) == body
    assert b"".join(vault.open(sealed, rehash=False)) == body
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    assert opened(vault, sealed, ByteRange(start, stop)) == body[start:stop]


def test_a_ticket_says_where_what_and_how_long(parts: Parts, vault: Vault) -> None:
    body = body_of(CHUNK + 1)

    sealed = vault.put(PLACE, in_pieces(body), no_manifest)

    assert sealed.key.facility == NORTH
    assert sealed.key.year == 2026
    assert sealed.length == len(body)
    assert sealed.digest == hashlib.sha256(body).digest()
    assert sealed.stored_length == parts.blobs.length(sealed.key)
    assert sealed.study_key_id == parts.study_keys.held[NORTH, STUDY].study_key_id


def test_the_storage_sees_no_plaintext_and_no_study(parts: Parts, vault: Vault) -> None:
    sealed = vault.put(PLACE, [SECRET * 5000], lambda _: SECRET)

    stored = parts.open_blobs.bytes_of(sealed.key)
    assert SECRET not in stored
    assert STUDY.encode() not in stored


def test_equal_bodies_look_different_when_sealed(parts: Parts, vault: Vault) -> None:
    one, other = (vault.put(PLACE, [b"same"], no_manifest) for _ in range(2))

    assert one.key != other.key
    sealed = [parts.open_blobs.bytes_of(each.key)[128:] for each in (one, other)]
    assert sealed[0] != sealed[1]


def test_a_large_body_streams_through_little_memory() -> None:
    class Sink(OpenBlobs):
        def put(self, key: BlobKey, chunks: Iterator[Buffer]) -> int:
            return sum(len(chunk) for chunk in chunks)

    vault = Parts(Sink(Parts().clock)).vault
    piece = bytes(100_000)
    vault.put(PLACE, [piece], no_manifest)

    tracemalloc.start()
    vault.put(PLACE, (piece for _ in range(300)), no_manifest)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 * CHUNK


def test_when_the_body_fails_nothing_is_kept_and_its_error_comes_through(vault: Vault) -> None:
    error = ConnectionResetError("the peer went away")

    def body() -> Iterator[bytes]:
        yield bytes(CHUNK * 2)
        raise error

    with pytest.raises(ConnectionResetError) as caught:
        vault.put(PLACE, body(), no_manifest)

    assert caught.value is error
    assert list(vault.list_blobs()) == []


def test_when_the_manifest_fails_nothing_is_kept(vault: Vault) -> None:
    def manifest(_: BodyFacts) -> bytes:
        raise LookupError("no such tag")

    with pytest.raises(LookupError, match="no such tag"):
        vault.put(PLACE, [b"body"], manifest)

    assert list(vault.list_blobs()) == []


@pytest.mark.parametrize("error", [StorageFull("no room"), BlobExists("taken")])
def test_an_error_of_the_store_comes_through(error: Exception) -> None:
    class Full(OpenBlobs):
        def put(self, key: BlobKey, chunks: Iterator[Buffer]) -> int:
            raise error

    with pytest.raises(type(error)):
        Parts(Full(Parts().clock)).vault.put(PLACE, [b"body"], no_manifest)


@pytest.mark.parametrize("lost", [1, 100])
def test_a_store_that_keeps_less_than_it_was_given_is_found_out(lost: int) -> None:
    class Forgetful(OpenBlobs):
        def put(self, key: BlobKey, chunks: Iterator[Buffer]) -> int:
            return super().put(key, chunks) - lost

    with pytest.raises(IntegrityError, match="Check the store"):
        Parts(Forgetful(Parts().clock)).vault.put(PLACE, [b"body"], no_manifest)


def test_a_store_that_stops_reading_is_found_out() -> None:
    class Lazy(OpenBlobs):
        def put(self, key: BlobKey, chunks: Iterator[Buffer]) -> int:
            return len(next(chunks))

    with pytest.raises(IntegrityError, match="Check the store"):
        Parts(Lazy(Parts().clock)).vault.put(PLACE, [b"body"], no_manifest)


def test_many_threads_put_and_open_at_once(parts: Parts, vault: Vault) -> None:
    def work(number: int) -> bool:
        body = number.to_bytes(4, "big") * 30_000
        study = f"1.2.{number % 5}"
        sealed = vault.put(Place(NORTH, study, 2026), in_pieces(body), no_manifest)
        return opened(vault, sealed) == body and opened(parts.another_vault(), sealed) == body

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
    assert len(parts.study_keys.held) == 5


# --- what is not the ticket's does not open ----------------------------------------------------


@pytest.fixture
def sealed(vault: Vault) -> SealedObject:
    return vault.put(PLACE, [body_of(CHUNK + 100)], lambda _: b"manifest")


@pytest.mark.parametrize(
    "change",
    [
        {"length": CHUNK + 99},
        {"length": CHUNK + 101},
        {"length": 0},
        {"digest": bytes(32)},
        {"stored_length": 10},
        {"stored_length": CHUNK * 3},
        {"study_key_id": "00" * 16},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_ticket_that_says_otherwise_does_not_open(
    vault: Vault, sealed: SealedObject, change: dict[str, object]
) -> None:
    wrong = replace(sealed, **change)

    with pytest.raises(IntegrityError):
        opened(vault, wrong)
    with pytest.raises(IntegrityError):
        vault.verify(wrong)


def test_an_object_in_the_place_of_another_does_not_open(
    parts: Parts, vault: Vault, sealed: SealedObject
) -> None:
    other = vault.put(PLACE, [body_of(CHUNK + 100)], lambda _: b"manifest")
    parts.open_blobs.replace(sealed.key, parts.open_blobs.bytes_of(other.key))

    with pytest.raises(IntegrityError, match="another object"):
        opened(vault, sealed)
    with pytest.raises(IntegrityError, match="another object"):
        opened(vault, sealed, ByteRange(0, 1))
    with pytest.raises(IntegrityError, match="another object"):
        vault.manifest(sealed.key)


@pytest.mark.parametrize(("facility", "year"), [(SOUTH, 2026), (NORTH, 2025)])
def test_an_object_that_was_moved_to_another_compartment_does_not_open(
    parts: Parts, vault: Vault, sealed: SealedObject, facility: str, year: int
) -> None:
    moved = BlobKey(facility, year, sealed.key.object_id)
    parts.open_blobs.replace(moved, parts.open_blobs.bytes_of(sealed.key))

    with pytest.raises(IntegrityError):
        opened(vault, replace(sealed, key=moved))
    with pytest.raises(IntegrityError):
        vault.manifest(moved)


def test_last_weeks_object_under_todays_ticket_does_not_open(
    parts: Parts, vault: Vault, sealed: SealedObject
) -> None:
    """Rollback of the row or of the file: header and key fit, the digest does not."""
    wrong = replace(sealed, digest=hashlib.sha256(b"newer").digest())

    with pytest.raises(IntegrityError, match="another length or digest"):
        vault.open(wrong, rehash=False)


@given(offset=st.integers(0, 2 * CHUNK), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(offset: int, bit: int) -> None:
    parts = Parts()
    sealed = parts.vault.put(PLACE, [body_of(CHUNK + 100)], lambda _: b"manifest")
    stored = bytearray(parts.open_blobs.bytes_of(sealed.key))
    stored[offset % len(stored)] ^= 1 << bit
    parts.open_blobs.replace(sealed.key, bytes(stored))

    with pytest.raises(IntegrityError):
        opened(parts.vault, sealed)
    with pytest.raises(IntegrityError):
        parts.vault.verify(sealed)


def test_of_a_changed_object_the_changed_part_is_never_given_out(
    parts: Parts, vault: Vault, sealed: SealedObject
) -> None:
    stored = bytearray(parts.open_blobs.bytes_of(sealed.key))
    stored[128 + CHUNK + 16 + 5] ^= 1
    parts.open_blobs.replace(sealed.key, bytes(stored))
    pieces = vault.open(sealed)

    assert next(pieces) == body_of(CHUNK)
    with pytest.raises(IntegrityError, match="chunk 1"):
        next(pieces)


def test_what_is_wrong_at_either_end_is_found_before_the_first_piece(
    parts: Parts, vault: Vault, sealed: SealedObject
) -> None:
    for offset in (3, 50, 70, 100, -1, -30, -60, -100):
        stored = bytearray(whole := parts.open_blobs.bytes_of(sealed.key))
        stored[offset] ^= 1
        parts.open_blobs.replace(sealed.key, bytes(stored))
        with pytest.raises(IntegrityError):
            vault.open(sealed)
        parts.open_blobs.replace(sealed.key, whole)


def test_an_object_that_is_not_there_is_not_found(vault: Vault, sealed: SealedObject) -> None:
    vault.set_aside(sealed.key)

    for use in (
        lambda: vault.open(sealed),
        lambda: vault.verify(sealed),
        lambda: vault.manifest(sealed.key),
    ):
        with pytest.raises(BlobNotFound):
            use()


def test_verify_reads_all_of_it_and_bytes_added_behind_it(
    parts: Parts, vault: Vault, sealed: SealedObject
) -> None:
    vault.verify(sealed)
    parts.open_blobs.replace(sealed.key, parts.open_blobs.bytes_of(sealed.key) + b"\0")

    with pytest.raises(IntegrityError, match="bytes, not"):
        vault.verify(sealed)


# --- manifests ---------------------------------------------------------------------------------


def test_an_orphan_gives_its_ticket_and_its_manifest(parts: Parts, vault: Vault) -> None:
    sealed = vault.put(PLACE, [body_of(CHUNK)], lambda facts: b"row of " + facts.digest)

    assert parts.another_vault().manifest(sealed.key) == (sealed, b"row of " + sealed.digest)
    vault.verify(vault.manifest(sealed.key)[0])


def test_an_orphan_that_is_not_whole_is_no_orphan(parts: Parts, vault: Vault) -> None:
    sealed = vault.put(PLACE, [body_of(300)], lambda _: b"manifest")
    stored = parts.open_blobs.bytes_of(sealed.key)

    for end in (0, 5, 127, 128, 200, 440, len(stored) - 1):
        parts.open_blobs.replace(sealed.key, stored[:end])
        with pytest.raises(IntegrityError):
            vault.manifest(sealed.key)


# --- headers and packs -------------------------------------------------------------------------


@given(header=st.binary(max_size=5000))
def test_a_header_opens_with_the_ticket_of_its_object(header: bytes) -> None:
    vault = Parts().vault
    sealed = vault.put(PLACE, [b"body"], no_manifest)

    sealed_header = vault.seal_header(NORTH, STUDY, sealed.key.object_id, header)

    assert vault.open_header(sealed, sealed_header) == header


def test_a_header_is_smaller_than_it_was_and_unreadable(vault: Vault) -> None:
    header = SECRET * 200

    sealed_header = vault.seal_header(NORTH, STUDY, "ab" * 16, header)

    assert len(sealed_header) < len(header) // 4
    assert SECRET not in sealed_header


def test_a_header_of_another_object_or_facility_does_not_open(vault: Vault) -> None:
    one, other = (vault.put(PLACE, [b"body"], no_manifest) for _ in range(2))
    elsewhere = vault.put(replace(PLACE, facility=SOUTH), [b"body"], no_manifest)
    sealed_header = vault.seal_header(NORTH, STUDY, one.key.object_id, b"header")

    for wrong in (other, elsewhere):
        with pytest.raises(IntegrityError):
            vault.open_header(wrong, sealed_header)
    with pytest.raises(IntegrityError):
        vault.open_header(one, sealed_header[:-1])
    with pytest.raises(IntegrityError):
        vault.open_header(one, b"")


def test_the_longest_header_opens_and_a_longer_one_is_refused(vault: Vault) -> None:
    sealed = vault.put(PLACE, [b"body"], no_manifest)
    longest = bytes(MAX_HEADER)

    sealed_header = vault.seal_header(NORTH, STUDY, sealed.key.object_id, longest)

    assert vault.open_header(sealed, sealed_header) == longest
    with pytest.raises(LimitExceeded, match="header"):
        vault.seal_header(NORTH, STUDY, sealed.key.object_id, longest + b"\0")


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(bytes(MAX_HEADER + 1)),
        zlib.compress(bytes(MAX_HEADER + 2)),
        zlib.compress(b"header")[:-1],
        zlib.compress(b"header") + b"more",
        b"not deflated",
        b"",
    ],
    ids=["longer", "much longer", "cut", "followed", "plain", "empty"],
)
def test_a_header_that_inflates_to_anything_odd_is_refused(parts: Parts, packed: bytes) -> None:
    """Only a holder of the study key can seal one; memory is bounded all the same."""
    sealed = parts.vault.put(PLACE, [b"body"], no_manifest)
    held = parts.study_keys.held[NORTH, STUDY]
    study_key = parts.keys.unwrap(NORTH, WrappedKey(1, held.wrapped))
    forged = seal_small(
        packed,
        study_key=study_key,
        bound_to=context("header", NORTH, sealed.key.object_id),
        random=bytes(32),
    )

    with pytest.raises(IntegrityError, match="header of blob"):
        parts.vault.open_header(sealed, forged)


@given(data=st.binary(max_size=3000), purpose=st.text(max_size=30))
def test_a_pack_opens_for_its_study_and_purpose(data: bytes, purpose: str) -> None:
    parts = Parts()

    sealed = parts.vault.seal_pack(NORTH, STUDY, purpose, data)

    assert parts.another_vault().open_pack(NORTH, STUDY, purpose, sealed) == data


def test_a_pack_opens_for_nothing_else(vault: Vault) -> None:
    sealed = vault.seal_pack(NORTH, STUDY, "json 1.2.3", SECRET)
    for facility, study in ((NORTH, OTHER_STUDY), (SOUTH, STUDY)):
        vault.seal_pack(facility, study, "json 1.2.3", b"")

    assert SECRET not in sealed
    for wrong in (
        (NORTH, STUDY, "json 1.2.4"),
        (NORTH, OTHER_STUDY, "json 1.2.3"),
        (SOUTH, STUDY, "json 1.2.3"),
    ):
        with pytest.raises(IntegrityError):
            vault.open_pack(*wrong, sealed)


# --- housekeeping ------------------------------------------------------------------------------


def test_housekeeping_is_handed_to_the_store(vault: Vault) -> None:
    one, other = (vault.put(PLACE, [b"body"], no_manifest) for _ in range(2))
    later = datetime(2026, 6, 1, tzinfo=UTC)

    assert {blob.key for blob in vault.list_blobs()} == {one.key, other.key}
    assert list(vault.list_blobs(SOUTH)) == []
    vault.set_aside(one.key)
    assert [blob.key for blob in vault.list_blobs(NORTH)] == [other.key]
    assert vault.purge_set_aside(later) == 1
    assert vault.remove_unfinished(later) == 0
    assert vault.free_bytes() is None


def test_a_pseudonym_is_the_key_wrappers(parts: Parts, vault: Vault) -> None:
    assert vault.pseudonym(NORTH, "P1") == parts.keys.pseudonym(NORTH, "P1")
