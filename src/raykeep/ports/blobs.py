"""The blob store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.facility import FacilityName

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What a listing tells of a blob."""

    key: BlobKey
    length: int
    modified_at: datetime


class BlobStore(Protocol):
    """Keep sealed objects, each written once and never changed.

    An implementation sees ciphertext alone and knows neither keys nor
    patients. Every one passes `tests/contracts/blob_store.py`.
    """

    def put(self, key: BlobKey, chunks: Iterable[Buffer]) -> int:
        """Store the chunks and return their total length in bytes.

        The object is durable when this returns, and invisible until then. A chunk's
        memory may be used again as soon as the next one is asked for. When `chunks`
        raises, nothing is kept and the error passes through.

        Raises:
            BlobExists: `key` is taken; the stored object is unchanged.
            StorageFull: no room; nothing was kept.
            StorageUnavailable: the store cannot be reached.
        """
        ...

    def read(self, key: BlobKey, span: ByteRange) -> bytes:
        """The bytes of `span`, all of them.

        Raises:
            BlobNotFound: nothing is stored under `key`.
            IntegrityError: the object ends before `span` does.
        """
        ...

    def length(self, key: BlobKey) -> int:
        """Total length in bytes.

        Raises:
            BlobNotFound: nothing is stored under `key`.
        """
        ...

    def list(self, facility: FacilityName | None = None) -> Iterator[StoredBlob]:
        """Every visible blob, in no order; without those set aside."""
        ...

    def set_aside(self, key: BlobKey) -> None:
        """Move a blob to lost+found: no longer visible, kept for an operator to look at.

        Raises:
            BlobNotFound: nothing is stored under `key`.
        """
        ...

    def purge_set_aside(self, before: datetime) -> int:
        """Remove for good what was set aside before then; returns how many."""
        ...

    def remove_unfinished(self, before: datetime) -> int:
        """Remove what writers that died left unfinished, older than `before`; returns how many."""
        ...

    def free_bytes(self) -> int | None:
        """Room that is left, None where the store has no such limit."""
        ...
