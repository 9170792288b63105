"""What can be set about health and metrics."""

from dataclasses import dataclass
from typing import Annotated

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """Section `[health]`: plain HTTP on loopback; nothing in it opens the port to others."""

    enabled: bool = True
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 9464  # 0 takes a free one
