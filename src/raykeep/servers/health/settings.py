"""What can be set about health and metrics."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """Section `[health]`: plain HTTP on loopback; nothing in it opens the port to others."""

    enabled: bool = True
    port: int = 9464
