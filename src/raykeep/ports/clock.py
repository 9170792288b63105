"""Time and chance, passed in so that tests can hold them still."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        ...


class Entropy(Protocol):
    """Gives random bytes fit for keys."""

    def bytes(self, count: int) -> bytes:
        """`count` of them."""
        ...
