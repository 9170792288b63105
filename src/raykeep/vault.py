"""The vault: the only place where plaintext becomes a stored object, and the other way round.

Read it with `crypto/seal.py`, which holds the format. Three promises:

- Key first, blob second. A study key is durable in the key store before a byte is sealed under it.
- The storage is a stranger. It gets ciphertext bound to its place, under random names.
- It fails closed. Without a key nothing is stored and nothing is opened; what was changed, swapped
  or cut raises `IntegrityError` and is not given out.

Data keys never leave: methods take and give plaintext, tickets and sealed bytes. Every method that
needs a key raises `KeyUnavailable` when it is gone, or its facility key is.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from raykeep.crypto.key_cache import KeyCache, StudyKey
from raykeep.crypto.seal import SEAL_RANDOM, Opener, Sealer
from raykeep.crypto.seal_layout import HEADER_LENGTH, SealHeader
from raykeep.crypto.seal_small import context, open_small, seal_small
from raykeep.crypto.wrap import KEY_LENGTH
from raykeep.domain.blobs import BlobKey, BodyFacts, Place, SealedObject
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import IntegrityError, KeyUnavailable, LimitExceeded
from raykeep.domain.facility import FacilityName
from raykeep.ports.blobs import BlobStore, Buffer, StoredBlob
from raykeep.ports.clock import Clock, Entropy
from raykeep.ports.key_administration import FacilityKeyInfo
from raykeep.ports.keys import KeyWrapper, WrappedKey
from raykeep.ports.study_keys import StudyKeys, WrappedStudyKey

ID_LENGTH = 16  # bytes, random
MAX_HEADER = 16 * 1024 * 1024  # bytes of a header before compression
CACHED_KEYS = 4096  # studies
CACHE_SECONDS = 4.0  # "cut off" means within five seconds, also for a key


class Vault:
    """Seal and keep, open and read. Safe to use from many threads at once."""

    def __init__(
        self,
        blobs: BlobStore,
        keys: KeyWrapper,
        study_keys: StudyKeys,
        entropy: Entropy,
        clock: Clock,
    ) -> None:
        """Hold the stores; nothing is read yet."""
        self._blobs = blobs
        self._keys = keys
        self._study_keys = study_keys
        self._entropy = entropy
        self._clock = clock
        self._cache = KeyCache(limit=CACHED_KEYS, seconds=CACHE_SECONDS)

    # --- objects -------------------------------------------------------------------------------

    def put(
        self, place: Place, body: Iterable[Buffer], manifest: Callable[[BodyFacts], bytes]
    ) -> SealedObject:
        """Seal `body` as it comes, store it durably, and return the ticket that opens it again.

        Args:
            place: Where it belongs.
            body: The plaintext in pieces of any size; no more than a chunk of it is held. What
                it raises passes through, and nothing is kept.
            manifest: Asked when the last piece has come; what it answers is sealed behind the
                body, so that the index row can be rebuilt from the object alone.

        Raises:
            KeyUnavailable: no key; `body` was not touched.
            StorageFull, StorageUnavailable: no room, or a store is away; nothing was kept.
        """
        study_key = self._key_to_seal(place.facility, place.study_instance_uid)
        object_id = self._entropy.bytes(ID_LENGTH).hex()
        key = BlobKey(place.facility, place.year_of_arrival, object_id)
        sealer = Sealer(
            key,
            study_key_id=study_key.study_key_id,
            study_key=study_key.key,
            random=self._entropy.bytes(SEAL_RANDOM),
        )
        stored_length = self._blobs.put(key, sealer.seal(body, manifest))
        facts = sealer.facts
        if facts is None or stored_length != sealer.stored_length:
            msg = f"the store kept {stored_length} bytes of blob {key}, not all. Check the store"
            raise IntegrityError(msg)
        return SealedObject(key, study_key.study_key_id, facts.length, facts.digest, stored_length)

    def open(
        self, sealed: SealedObject, span: ByteRange | None = None, *, rehash: bool = True
    ) -> Iterator[bytes | memoryview]:
        """Open an object, or `span` of its plaintext, in pieces of at most 64 KiB.

        Header, key and lengths are checked before this returns, each chunk before it is given
        out. Without `span`, footer and digest are compared with the ticket, too: the plaintext's
        own digest before the last piece is given out (see `Opener.whole` for `rehash`).

        Raises:
            BlobNotFound: nothing is stored there.
            IntegrityError: the object is not the ticket's, or was changed.
            KeyUnavailable: its key is gone or does not open.
        """
        opener = self._opener(sealed.key, sealed.study_key_id)
        if span is not None:
            return opener.part(span, sealed.length)
        facts = BodyFacts(sealed.length, sealed.digest)
        return opener.whole(facts, sealed.stored_length, rehash=rehash)

    def verify(self, sealed: SealedObject) -> None:
        """Read a whole object back.

        Raises:
            IntegrityError: it is not what the ticket says, to the last byte.
        """
        length = self._blobs.length(sealed.key)
        if length != sealed.stored_length:
            msg = f"blob {sealed.key} has {length} bytes, not {sealed.stored_length}"
            raise IntegrityError(msg)
        for _ in self.open(sealed):
            pass

    def manifest(self, key: BlobKey) -> tuple[SealedObject, bytes]:
        """Read the manifest of a blob that no row names, and make its ticket.

        Header, footer, manifest and length are checked; call `verify` with the ticket before
        the object is adopted: the body is not read here.

        Raises:
            BlobNotFound: nothing is stored there.
            IntegrityError: the object is not whole, was changed, or lies in a wrong place.
            KeyUnavailable: its study key is gone.
        """
        opener = self._opener(key)
        stored_length = self._blobs.length(key)
        facts, manifest = opener.manifest(stored_length)
        study_key_id = opener.header.study_key_id
        ticket = SealedObject(key, study_key_id, facts.length, facts.digest, stored_length)
        return ticket, manifest

    # --- small values in rows ------------------------------------------------------------------

    def seal_header(
        self, facility: FacilityName, study_instance_uid: str, object_id: str, header: bytes
    ) -> bytes:
        """Compress and seal a data set's header, at most `MAX_HEADER` bytes, for its row."""
        if len(header) > MAX_HEADER:
            raise LimitExceeded("header", len(header), MAX_HEADER, "bytes")
        key = self._key_to_seal(facility, study_instance_uid)
        bound_to = context("header", facility, object_id)
        return self._seal_small(key, bound_to, zlib.compress(header, 1))

    def open_header(self, sealed: SealedObject, sealed_header: bytes) -> bytes:
        """Open the header that was sealed for the object of this ticket.

        Raises:
            IntegrityError: it was changed, or belongs to another object.
        """
        key = self._key_by_id(sealed.key.facility, sealed.study_key_id)
        bound_to = context("header", sealed.key.facility, sealed.key.object_id)
        packed = open_small(sealed_header, study_key=key.key, bound_to=bound_to)
        inflater = zlib.decompressobj()
        try:
            header = inflater.decompress(packed, MAX_HEADER + 1)
        except zlib.error as error:
            raise IntegrityError(f"the header of blob {sealed.key} does not inflate") from error
        if not inflater.eof or inflater.unused_data or len(header) > MAX_HEADER:
            raise IntegrityError(f"the header of blob {sealed.key} is cut, or longer than allowed")
        return header

    def seal_pack(
        self, facility: FacilityName, study_instance_uid: str, purpose: str, data: bytes
    ) -> bytes:
        """Seal bytes that the index keeps for a study, e.g. the DICOM JSON of a series.

        `purpose` says what they are and of what (`json`, a series); opening asks for the same.
        """
        key = self._key_to_seal(facility, study_instance_uid)
        bound_to = context("pack", facility, study_instance_uid, purpose)
        return self._seal_small(key, bound_to, data)

    def open_pack(
        self, facility: FacilityName, study_instance_uid: str, purpose: str, sealed: bytes
    ) -> bytes:
        """Open what `seal_pack` sealed for the same study and purpose.

        Raises:
            IntegrityError: it was changed, or belongs elsewhere.
        """
        key = self._key_of_study(facility, study_instance_uid)
        if key is None:
            msg = f"a study of facility {facility} has no key: it was never sealed, or is shredded"
            raise KeyUnavailable(msg)
        bound_to = context("pack", facility, study_instance_uid, purpose)
        return open_small(sealed, study_key=key.key, bound_to=bound_to)

    # --- housekeeping: only the vault may touch the blob store ---------------------------------

    def list_blobs(self, facility: FacilityName | None = None) -> Iterator[StoredBlob]:
        """See `BlobStore.list`."""
        return self._blobs.list(facility)

    def set_aside(self, key: BlobKey) -> None:
        """See `BlobStore.set_aside`."""
        self._blobs.set_aside(key)

    def purge_set_aside(self, before: datetime) -> int:
        """See `BlobStore.purge_set_aside`."""
        return self._blobs.purge_set_aside(before)

    def remove_unfinished(self, before: datetime) -> int:
        """See `BlobStore.remove_unfinished`."""
        return self._blobs.remove_unfinished(before)

    def free_bytes(self) -> int | None:
        """See `BlobStore.free_bytes`."""
        return self._blobs.free_bytes()

    def pseudonym(self, facility: FacilityName, text: str) -> str:
        """See `KeyWrapper.pseudonym`."""
        return self._keys.pseudonym(facility, text)

    def describe_keys(self) -> list[FacilityKeyInfo]:
        """See `KeyWrapper.describe`."""
        return self._keys.describe()

    def count_study_keys(self, facility: FacilityName) -> dict[int, int]:
        """See `StudyKeys.count`."""
        return self._study_keys.count(facility)

    # --- keys ----------------------------------------------------------------------------------

    def forget(self, facility: FacilityName, study_instance_uid: str | None = None) -> None:
        """Drop unwrapped keys of a study, or of a whole facility, from memory now.

        They go by themselves after `CACHE_SECONDS`. Who shreds a study first ends its writing in
        every process and waits as long: what is sealed under a deleted key is lost.
        """
        self._cache.forget(facility, study_instance_uid)

    def _opener(self, key: BlobKey, study_key_id: str | None = None) -> Opener:
        header = SealHeader.parse(self._blobs.read(key, ByteRange(0, HEADER_LENGTH)))
        if header.key != key or study_key_id not in (None, header.study_key_id):
            msg = f"blob {key} holds another object or names another key. Restore it from a backup"
            raise IntegrityError(msg)
        study_key = self._key_by_id(key.facility, header.study_key_id)
        return Opener(header, study_key.key, lambda span: self._blobs.read(key, span))

    def _seal_small(self, key: StudyKey, bound_to: bytes, plain: bytes) -> bytes:
        random = self._entropy.bytes(KEY_LENGTH)
        return seal_small(plain, study_key=key.key, bound_to=bound_to, random=random)

    def _key_to_seal(self, facility: FacilityName, study_instance_uid: str) -> StudyKey:
        """The study's key; made, and durable, if it has none."""
        found = self._key_of_study(facility, study_instance_uid)
        if found is not None:
            return found
        fresh = self._entropy.bytes(KEY_LENGTH)
        wrapped = self._keys.wrap(facility, fresh)
        study_key_id = self._entropy.bytes(ID_LENGTH).hex()
        mine = WrappedStudyKey(
            study_key_id, facility, study_instance_uid, wrapped.version, wrapped.wrapped
        )
        # Another process may have been first: the key that the store has is the study's.
        return self._unwrap(self._study_keys.add(mine), facility, study_instance_uid)

    def _key_of_study(self, facility: FacilityName, study_instance_uid: str) -> StudyKey | None:
        cached = self._cache.of_study(facility, study_instance_uid, self._clock.monotonic())
        if cached is not None:
            return cached
        held = self._study_keys.find(facility, study_instance_uid)
        return None if held is None else self._unwrap(held, facility, study_instance_uid)

    def _key_by_id(self, facility: FacilityName, study_key_id: str) -> StudyKey:
        cached = self._cache.by_id(study_key_id, self._clock.monotonic())
        if cached is not None and cached.facility == facility:
            return cached
        held = self._study_keys.get(study_key_id)
        if held is None:
            msg = f"study key {study_key_id} of facility {facility} is gone: lost or shredded"
            raise KeyUnavailable(msg)
        return self._unwrap(held, facility, held.study_instance_uid)

    def _unwrap(
        self, held: WrappedStudyKey, facility: FacilityName, study_instance_uid: str
    ) -> StudyKey:
        if (held.facility, held.study_instance_uid) != (facility, study_instance_uid):
            msg = f"study key {held.study_key_id} belongs to another study or facility"
            raise IntegrityError(msg)
        wrapped = WrappedKey(held.facility_key_version, held.wrapped)
        try:
            plain = self._keys.unwrap(facility, wrapped)
        except KeyUnavailable as error:
            msg = (
                f"study key {held.study_key_id} needs version {held.facility_key_version} of the "
                f"key of facility {facility}: {error}"
            )
            raise KeyUnavailable(msg) from error
        key = StudyKey(held.study_key_id, facility, study_instance_uid, plain)
        self._cache.add(key, self._clock.monotonic())
        return key
