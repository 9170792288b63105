"""Recording the first of many like events, and counting the others."""

from threading import Lock

MAX_SOURCES = 4096  # that are counted apart; new ones beyond it share one count

_OTHERS = "others"


class FirstOfWindow:
    """Decides which of many like events is recorded: the first of a source in each window.

    Args:
        seconds: Length of a window.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, tuple[float, int]] = {}
        self._full_until = float("-inf")  # before that, none is old enough to be forgotten
        self._lock = Lock()

    def happened(self, source: str, now: float) -> int | None:
        """Note an event.

        Args:
            source: What makes events alike.
            now: Monotonic seconds.

        Returns:
            None when it is only counted; else how many were counted since the last record.
        """
        with self._lock:
            if source not in self._seen and len(self._seen) >= MAX_SOURCES:
                if now >= self._full_until:
                    self._forget(now)
                if len(self._seen) >= MAX_SOURCES:
                    source = _OTHERS
            since, more = self._seen.get(source, (now - self._seconds, 0))
            if now - since < self._seconds:
                self._seen[source] = (since, more + 1)
                return None
            self._seen[source] = (now, 0)
            return more

    def take_back(self, source: str, counted: int) -> None:
        """Undo a `happened` whose record could not be written: the next event is recorded.

        Args:
            source: As it was given.
            counted: What `happened` returned; the event itself is counted, too.
        """
        with self._lock:
            source = source if source in self._seen else _OTHERS
            _, more = self._seen.get(source, (0.0, 0))
            self._seen[source] = (float("-inf"), more + counted + 1)
            self._full_until = float("-inf")

    def _forget(self, now: float) -> None:
        old = [s for s, (since, _) in self._seen.items() if now - since >= self._seconds]
        for source in old:
            if source != _OTHERS:  # theirs is one count, which costs no room
                del self._seen[source]
        left = [since for source, (since, _) in self._seen.items() if source != _OTHERS]
        self._full_until = min(left, default=float("-inf")) + self._seconds
