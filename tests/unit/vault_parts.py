"""A vault on parts that a test can look into, stop, and fail."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Lock

from raykeep.adapters.blobs.memory import MemoryBlobs
from raykeep.crypto.wrap import unwrap_key, wrap_key
from raykeep.domain.blobs import BlobKey, BodyFacts, Place
from raykeep.domain.errors import KeyUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.ports.blobs import BlobStore, Buffer
from raykeep.ports.key_administration import FacilityKeyInfo
from raykeep.ports.keys import WrappedKey
from raykeep.ports.study_keys import WrappedStudyKey
from raykeep.vault import Vault

NORTH, SOUTH = FacilityName("north"), FacilityName("south")
STUDY, OTHER_STUDY = "1.2.840.1", "1.2.840.2"
PLACE = Place(NORTH, STUDY, 2026)


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds


class CountedEntropy:
    """Bytes that never repeat and are the same in each run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def bytes(self, count: int) -> bytes:
        with self._lock:
            self._count += 1
            return hashlib.shake_128(self._count.to_bytes(8, "big")).digest(count)


class FacilityKeys:
    """Facility keys in memory; those of facilities and versions not in `versions` are away."""

    def __init__(self) -> None:
        self.versions: dict[FacilityName, list[int]] = {NORTH: [1], SOUTH: [1]}
        self.unwrapped = 0

    def _key(self, facility: FacilityName, version: int) -> bytes:
        if version not in self.versions.get(facility, ()):
            msg = f"version {version} of the key of facility {facility} is not here"
            raise KeyUnavailable(msg)
        return hashlib.sha256(f"{facility}/{version}".encode()).digest()

    def wrap(self, facility: FacilityName, key: bytes) -> WrappedKey:
        version = max(self.versions.get(facility, ()), default=0)
        return WrappedKey(version, wrap_key(self._key(facility, version), key))

    def unwrap(self, facility: FacilityName, wrapped: WrappedKey) -> bytes:
        self.unwrapped += 1
        return unwrap_key(self._key(facility, wrapped.version), wrapped.wrapped)

    def pseudonym(self, facility: FacilityName, text: str) -> str:
        return hashlib.sha256(f"{facility}|{text}".encode()).hexdigest()[:32]

    def describe(self) -> list[FacilityKeyInfo]:
        return [
            FacilityKeyInfo(
                facility, version, datetime(2026, 1, 1, tzinfo=UTC), version == max(all_)
            )
            for facility, all_ in self.versions.items()
            for version in all_
        ]


class MemoryStudyKeys:
    """Wrapped study keys in memory; the first of a study stays."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.held: dict[tuple[FacilityName, str], WrappedStudyKey] = {}
        self.fail_with: Exception | None = None
        self.before_add: Callable[[], None] = lambda: None
        self.looked_up = 0

    def find(self, facility: FacilityName, study_instance_uid: str) -> WrappedStudyKey | None:
        self.looked_up += 1
        return self.held.get((facility, study_instance_uid))

    def get(self, study_key_id: str) -> WrappedStudyKey | None:
        self.looked_up += 1
        found = (key for key in self.held.values() if key.study_key_id == study_key_id)
        return next(found, None)

    def add(self, key: WrappedStudyKey) -> WrappedStudyKey:
        if self.fail_with is not None:
            raise self.fail_with
        self.before_add()
        with self._lock:
            return self.held.setdefault((key.facility, key.study_instance_uid), key)

    def of_facility(self, facility: FacilityName) -> Iterator[WrappedStudyKey]:
        return iter([key for key in self.held.values() if key.facility == facility])

    def count(self, facility: FacilityName) -> dict[int, int]:
        return dict(Counter(key.facility_key_version for key in self.of_facility(facility)))


class OpenBlobs(MemoryBlobs):
    """A blob store whose bytes a test may change."""

    def bytes_of(self, key: BlobKey) -> bytes:
        return self._held[key][0]

    def replace(self, key: BlobKey, data: bytes) -> None:
        at = self._held[key][1] if key in self._held else self._clock.now()
        self._held[key] = data, at


class Parts:
    """A vault and what it stands on."""

    def __init__(self, blobs: BlobStore | None = None) -> None:
        self.clock = HandClock()
        self.open_blobs = OpenBlobs(self.clock)
        self.blobs = self.open_blobs if blobs is None else blobs
        self.keys = FacilityKeys()
        self.study_keys = MemoryStudyKeys()
        self.entropy = CountedEntropy()
        self.vault = self.another_vault()

    def another_vault(self) -> Vault:
        """As another process would have it: same stores, empty cache."""
        return Vault(self.blobs, self.keys, self.study_keys, self.entropy, self.clock)


def no_manifest(_: BodyFacts) -> bytes:
    return b""


def body_of(length: int) -> bytes:
    return hashlib.shake_128(b"body").digest(length)


def in_pieces(body: Buffer, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield bytes(body[start : start + size])
