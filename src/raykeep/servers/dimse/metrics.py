"""What the DICOM server counts: numbers alone, no patient and no device."""

import threading
from collections import Counter
from enum import StrEnum


class Count(StrEnum):
    """A counter; it only ever goes up."""

    ASSOCIATIONS = "associations_total"
    REFUSED = "associations_refused_total"
    ENDED = "associations_ended_total"  # all that were established, however they ended
    ABORTED = "associations_aborted_total"  # those that did not end with a release
    HANDSHAKES_FAILED = "tls_handshakes_failed_total"
    ECHOES = "echoes_total"
    STORED = "instances_stored_total"
    NOT_STORED = "instances_refused_total"
    FINDS = "finds_total"
    MATCHES = "find_matches_total"
    BYTES_RECEIVED = "bytes_received_total"
    ERRORS = "errors_total"  # operations that failed for a reason nobody foresaw


class DimseMetrics:
    """Counters of one DICOM process; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Count] = Counter()

    def add(self, count: Count, by: int = 1) -> None:
        """Count up."""
        with self._lock:
            self._counts[count] += by

    def snapshot(self) -> dict[str, int]:
        """All counters by name, and `associations_open`."""
        with self._lock:
            values = {count.value: self._counts[count] for count in Count}
            open_now = self._counts[Count.ASSOCIATIONS] - self._counts[Count.ENDED]
        return {**values, "associations_open": open_now}
