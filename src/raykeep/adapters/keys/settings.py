"""Section `[keys]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """Section `[keys]`: where the root key comes from. It never lies in the data directory."""

    provider: Literal["file", "passphrase"] = "file"
    # For `file`. Left out: /etc/raykeep/ARCHIVE-ID.key for root, else below $XDG_CONFIG_HOME.
    file: Path | None = None
