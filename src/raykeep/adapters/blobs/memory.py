"""Sealed objects in memory, for tests."""

import builtins
from collections.abc import Iterable, Iterator
from datetime import datetime
from threading import Lock

from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import BlobExists, BlobNotFound, IntegrityError
from raykeep.domain.facility import FacilityName
from raykeep.ports.blobs import Buffer, StoredBlob
from raykeep.ports.clock import Clock


class MemoryBlobs:
    """Keeps objects as long as the process runs; the promises of the port, but for durability."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._held: dict[BlobKey, tuple[bytes, datetime]] = {}
        self._aside: list[datetime] = []

    def put(self, key: BlobKey, chunks: Iterable[Buffer]) -> int:
        data = b"".join(bytes(chunk) for chunk in chunks)
        with self._lock:
            if key in self._held:
                msg = f"blob {key} is stored already; it is unchanged"
                raise BlobExists(msg)
            self._held[key] = data, self._clock.now()
        return len(data)

    def read(self, key: BlobKey, span: ByteRange) -> bytes:
        data = self._data(key)
        if span.stop > len(data):
            msg = f"blob {key} has {len(data)} bytes and ends before {span.stop}"
            raise IntegrityError(msg)
        return data[span.start : span.stop]

    def length(self, key: BlobKey) -> int:
        return len(self._data(key))

    def list(self, facility: FacilityName | None = None) -> Iterator[StoredBlob]:
        with self._lock:
            held = builtins.list(self._held.items())
        for key, (data, modified_at) in held:
            if facility in (None, key.facility):
                yield StoredBlob(key, len(data), modified_at)

    def set_aside(self, key: BlobKey) -> None:
        self._data(key)
        with self._lock:
            del self._held[key]
            self._aside.append(self._clock.now())

    def purge_set_aside(self, before: datetime) -> int:
        with self._lock:
            kept = [at for at in self._aside if at >= before]
            purged = len(self._aside) - len(kept)
            self._aside = kept
        return purged

    def remove_unfinished(self, before: datetime) -> int:
        del before
        return 0  # a writer that died took its chunks with it

    def free_bytes(self) -> int | None:
        return None

    def _data(self, key: BlobKey) -> bytes:
        with self._lock:
            held = self._held.get(key)
        if held is None:
            msg = f"no blob {key} is stored"
            raise BlobNotFound(msg)
        return held[0]
