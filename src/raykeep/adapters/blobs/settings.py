"""Section `[blobs]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings:
    """Section `[blobs]`: where sealed objects are kept."""

    kind: Literal["files"] = "files"  # one file an object
    path: Path | None = None  # left out: `blobs` in the data directory
    # MiB that stores leave free: a full disk refuses images, and the trail goes on
    reserve_mib: Annotated[int, msgspec.Meta(ge=0, le=1_048_576)] = 64
