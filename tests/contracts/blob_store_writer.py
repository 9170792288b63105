"""A process that puts blobs without end, to be killed in the middle of it.

    python blob_store_writer.py ROOT nameless|named THREADS

Each blob is whole when it is `PIECES` times the same piece, and its last byte is `END`.
"""

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from raykeep.adapters.blobs.files import FileBlobs
from raykeep.domain.blobs import BlobKey
from raykeep.domain.facility import FacilityName

PIECES, PIECE, END = 40, b"\x5a" * 9_999, b"\xa5"
LENGTH = PIECES * len(PIECE) + len(END)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return 0.0


def put_for_ever(store: FileBlobs) -> None:
    while True:
        key = BlobKey(FacilityName("north"), 2026, os.urandom(16).hex())
        store.put(key, [*[PIECE] * PIECES, END])
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    blobs = FileBlobs(Path(sys.argv[1]), SystemClock(), nameless=sys.argv[2] == "nameless")
    for _ in range(int(sys.argv[3])):
        threading.Thread(target=put_for_ever, args=(blobs,)).start()
