"""What every `BlobStore` promises. An adapter joins with a subclass and a `store` fixture.

class TestSegmentBlobs(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path, clock):
        return SegmentBlobs(tmp_path, clock)
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import BlobExists, BlobNotFound, IntegrityError
from raykeep.domain.facility import FacilityName
from raykeep.ports.blobs import BlobStore, StoredBlob

NORTH, SOUTH = FacilityName("north"), FacilityName("south")
THREADS = 8


class HandClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


_numbers = iter(range(1, 10**9))


def new_key(facility: FacilityName = NORTH, year: int = 2026) -> BlobKey:
    """Give a key that no test used before."""
    return BlobKey(facility, year, f"{next(_numbers) * 0x9E3779B97F4A7C15 % 2**128:032x}")


def whole(store: BlobStore, key: BlobKey) -> bytes:
    return store.read(key, ByteRange(0, store.length(key)))


def is_stored(store: BlobStore, key: BlobKey) -> bool:
    """Whether anything shows the blob; all that may show it agree."""
    listed = key in {blob.key for blob in store.list()}
    try:
        store.length(key)
    except BlobNotFound:
        assert not listed
        with pytest.raises(BlobNotFound):
            store.read(key, ByteRange(0, 0))
        return False
    assert listed
    return True


class BlobStoreContract:
    """The contract; see the module."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError

    # --- put and read --------------------------------------------------------------------------

    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
    )
    @given(chunks=st.lists(st.binary(max_size=300), max_size=8), data=st.data())
    def test_what_was_put_is_read_back_in_any_range(
        self, store: BlobStore, chunks: list[bytes], data: st.DataObject
    ) -> None:
        key, content = new_key(), b"".join(chunks)

        assert store.put(key, chunks) == len(content) == store.length(key)

        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.integers(start, len(content)))
        assert store.read(key, ByteRange(start, stop)) == content[start:stop]

    def test_every_kind_of_buffer_is_taken(self, store: BlobStore) -> None:
        key = new_key()

        store.put(key, [b"one", bytearray(b"two"), memoryview(b"-three-")[1:6]])

        assert whole(store, key) == b"onetwothree"

    def test_a_chunk_may_be_used_again_as_soon_as_the_next_is_asked_for(
        self, store: BlobStore
    ) -> None:
        key, lent = new_key(), bytearray(5)

        def chunks() -> Iterator[memoryview]:
            for digit in b"12345":
                lent[:] = bytes([digit]) * 5
                yield memoryview(lent)
                lent[:] = b"xxxxx"

        store.put(key, chunks())

        assert whole(store, key) == b"1111122222333334444455555"

    def test_a_large_object_is_taken_in_pieces(self, store: BlobStore) -> None:
        key, chunk = new_key(), bytes(range(256)) * 256

        assert store.put(key, (chunk for _ in range(100))) == 100 * len(chunk)

        assert store.read(key, ByteRange(99 * len(chunk), 100 * len(chunk))) == chunk

    def test_what_is_not_stored_is_not_found(self, store: BlobStore) -> None:
        store.put(BlobKey(NORTH, 2026, "ab" * 16), [b"x"])

        assert not is_stored(store, BlobKey(NORTH, 2026, "ab" * 15 + "ac"))
        assert not is_stored(store, BlobKey(NORTH, 2025, "ab" * 16))
        assert not is_stored(store, BlobKey(SOUTH, 2026, "ab" * 16))

    @pytest.mark.parametrize(
        "span", [ByteRange(0, 4), ByteRange(3, 4), ByteRange(9, 9), ByteRange(0, 2**62)]
    )
    def test_a_range_behind_the_end_is_refused(self, store: BlobStore, span: ByteRange) -> None:
        key = new_key()
        store.put(key, [b"abc"])

        with pytest.raises(IntegrityError, match=key.object_id):
            store.read(key, span)

    # --- written once --------------------------------------------------------------------------

    def test_a_second_object_under_a_key_is_refused(self, store: BlobStore) -> None:
        key = new_key()
        store.put(key, [b"first"])

        with pytest.raises(BlobExists, match=key.object_id):
            store.put(key, [b"second, and longer"])

        assert whole(store, key) == b"first"
        assert len(list(store.list())) == 1

    def test_of_many_writers_of_a_key_exactly_one_wins(self, store: BlobStore) -> None:
        for _ in range(5):
            key, together = new_key(), threading.Barrier(THREADS)

            def put(
                writer: int, key: BlobKey = key, together: threading.Barrier = together
            ) -> int | None:
                def chunks() -> Iterator[bytes]:
                    together.wait()
                    for _ in range(20):
                        yield bytes([writer]) * 1000

                try:
                    store.put(key, chunks())
                except BlobExists:
                    return None
                return writer

            with ThreadPoolExecutor(THREADS) as pool:
                winners = [one for one in pool.map(put, range(THREADS)) if one is not None]

            assert len(winners) == 1
            assert whole(store, key) == bytes(winners) * 20_000

    def test_many_writers_of_many_keys_do_not_disturb_one_another(self, store: BlobStore) -> None:
        keys = [new_key(facility, year) for facility in (NORTH, SOUTH) for year in (2025, 2026)] + [
            new_key() for _ in range(60)
        ]

        def put(key: BlobKey) -> None:
            store.put(key, (key.object_id.encode() for _ in range(50)))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(put, keys))

        assert {blob.key: blob.length for blob in store.list()} == dict.fromkeys(keys, 1600)
        assert all(whole(store, key) == key.object_id.encode() * 50 for key in keys)

    # --- all or nothing ------------------------------------------------------------------------

    def test_nothing_is_visible_before_it_is_whole(self, store: BlobStore) -> None:
        key = new_key()

        def chunks() -> Iterator[bytes]:
            for _ in range(3):
                yield bytes(100_000)
                assert not is_stored(store, key)

        store.put(key, chunks())

        assert is_stored(store, key)

    @pytest.mark.parametrize("sent", [0, 1, 5])
    @pytest.mark.parametrize(
        "error",
        [ValueError("parser"), ConnectionResetError("peer went away"), KeyboardInterrupt()],
        ids=lambda error: type(error).__name__,
    )
    def test_when_the_sender_fails_nothing_is_kept_and_its_error_comes_through(
        self, store: BlobStore, error: BaseException, sent: int
    ) -> None:
        key = new_key()

        def chunks() -> Iterator[bytes]:
            for _ in range(sent):
                yield bytes(70_000)
            raise error

        with pytest.raises(type(error)) as caught:
            store.put(key, chunks())

        assert caught.value is error
        assert not is_stored(store, key)
        assert store.remove_unfinished(datetime.now(UTC) + timedelta(days=1)) == 0
        store.put(key, [b"again"])
        assert whole(store, key) == b"again"

    # --- lists ---------------------------------------------------------------------------------

    def test_a_list_names_every_blob_once_with_length_and_time(self, store: BlobStore) -> None:
        keys = [new_key(NORTH, 2025), new_key(NORTH, 2026), new_key(SOUTH, 2026)]
        for length, key in enumerate(keys):
            store.put(key, [bytes(length)])

        listed = list(store.list())

        assert sorted((blob.key, blob.length) for blob in listed) == sorted(
            (key, length) for length, key in enumerate(keys)
        )
        assert all(isinstance(blob, StoredBlob) for blob in listed)
        assert all(blob.modified_at.utcoffset() == timedelta(0) for blob in listed)

    def test_a_list_keeps_to_one_facility(self, store: BlobStore) -> None:
        key = new_key(SOUTH)
        store.put(key, [b"x"])
        store.put(new_key(NORTH), [b"x"])

        assert [blob.key for blob in store.list(SOUTH)] == [key]
        assert list(store.list(FacilityName("nowhere"))) == []

    def test_an_empty_store_lists_nothing(self, store: BlobStore) -> None:
        assert list(store.list()) == []

    # --- lost and found ------------------------------------------------------------------------

    def test_what_is_set_aside_is_no_longer_seen(self, store: BlobStore) -> None:
        gone, stays = new_key(), new_key()
        for key in (gone, stays):
            store.put(key, [b"x"])

        store.set_aside(gone)

        assert not is_stored(store, gone)
        assert is_stored(store, stays)
        with pytest.raises(BlobNotFound):
            store.set_aside(gone)

    def test_what_was_never_stored_cannot_be_set_aside(self, store: BlobStore) -> None:
        with pytest.raises(BlobNotFound):
            store.set_aside(new_key())

    def test_what_was_set_aside_is_purged_by_its_time(
        self, store: BlobStore, clock: HandClock
    ) -> None:
        first = clock.time
        later = first + timedelta(days=2, microseconds=7)
        for at in (first, first, later):
            key = new_key()
            store.put(key, [b"x"])
            clock.time = at
            store.set_aside(key)

        assert store.purge_set_aside(first) == 0
        assert store.purge_set_aside(first + timedelta(microseconds=1)) == 2
        assert store.purge_set_aside(later) == 0
        assert store.purge_set_aside(later + timedelta(microseconds=1)) == 1
        assert store.purge_set_aside(later + timedelta(days=99)) == 0

    def test_purging_touches_no_stored_blob(self, store: BlobStore, clock: HandClock) -> None:
        key = new_key()
        store.put(key, [b"x"])

        assert store.purge_set_aside(clock.time + timedelta(days=9999)) == 0
        assert store.remove_unfinished(clock.time + timedelta(days=9999)) == 0
        assert is_stored(store, key)

    def test_a_key_that_was_set_aside_can_be_put_again(self, store: BlobStore) -> None:
        key = new_key()
        for content in (b"one", b"two"):
            store.put(key, [content])
            assert whole(store, key) == content
            store.set_aside(key)

    # --- room ----------------------------------------------------------------------------------

    def test_free_room_is_a_number_of_bytes_or_unknown(self, store: BlobStore) -> None:
        free = store.free_bytes()

        assert free is None or free > 0
