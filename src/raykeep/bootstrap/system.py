"""The real clock and the real entropy."""

import os
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()


class SystemEntropy:
    """The operating system's random bytes, fit for keys."""

    def bytes(self, count: int) -> bytes:
        """See `Entropy.bytes`."""
        return os.urandom(count)
