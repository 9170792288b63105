"""A still clock, and a root key that is simply there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from raykeep.adapters.keys.keyring import KeyRing


class SettableClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)) -> None:
        self.time = now
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, by: timedelta) -> None:
        self.time += by
        self.seconds += by.total_seconds()


class FixedRoot:
    """Keeps `RootKey`: always the same key."""

    provider = "fixed"

    def __init__(self, key: bytes = bytes(range(32))) -> None:
        self.key = key

    def root_key(self) -> bytes:
        return self.key


def new_keyring(folder: Path, clock: SettableClock | None = None) -> KeyRing:
    """An empty keyring in `folder`."""
    path = folder / "keys" / "keyring.json"
    return KeyRing.create(path, FixedRoot(), clock or SettableClock(), "a1b2c3")
