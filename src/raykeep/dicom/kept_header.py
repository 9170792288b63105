"""What is kept of a data set while it is followed: its header without long binary values."""

from raykeep.dicom.head import BulkValue
from raykeep.dicom.limits import DataSetLimits
from raykeep.domain.errors import LimitExceeded


class KeptHeader:
    """The header so far.

    Places count in the data set; a window is a part of it that is in memory.

    Attributes:
        raw: Its bytes, without the values of `bulk`.
        bulk: What was left out, by offset.
    """

    __slots__ = ("_dropping", "_limit", "_mark", "bulk", "raw")

    def __init__(self, limits: DataSetLimits) -> None:
        self.raw = bytearray()
        self.bulk: list[BulkValue] = []
        self._limit = limits.header_bytes
        self._mark = 0  # from here on nothing is kept yet
        self._dropping = False

    @property
    def dropping(self) -> bool:
        """Whether a value is being left out whose end is not known yet."""
        return self._dropping

    def keep(self, window: bytes, base: int, stop: int) -> None:
        """Keep the bytes of `window`, which begins at `base`, up to its byte `stop`.

        Raises:
            LimitExceeded: the header is longer than allowed.
        """
        start = max(self._mark - base, 0)
        if start < stop and not self._dropping:
            self.raw += window[start:stop]
            self._mark = base + stop
            self.check(0)

    def check(self, more: int) -> None:
        """Refuse to wait for `more` bytes that there is no room for.

        Raises:
            LimitExceeded: the header would be longer than allowed.
        """
        length = len(self.raw) + more
        if length > self._limit:
            raise LimitExceeded("header", length, self._limit, "bytes")

    def leave_out(self, value: BulkValue) -> None:
        """Pass over a value; everything before it was kept."""
        self._mark = value.offset + value.length
        self.bulk.append(value)

    def begin_dropping(self, value: BulkValue) -> None:
        """The same for a value whose length will be known at its end."""
        self._dropping = True
        self.bulk.append(value)

    def end_dropping(self, end: int) -> None:
        """It ended before byte `end`, which is kept again."""
        value = self.bulk[-1]
        self.bulk[-1] = BulkValue(value.path, value.vr, value.offset, end - value.offset)
        self._mark = end
        self._dropping = False
