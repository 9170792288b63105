"""Section `[blobs]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings:
    """Section `[blobs]`: where sealed objects are kept."""

    kind: Literal["files"] = "files"  # one file an object
    path: Path | None = None  # left out: `blobs` in the data directory
