"""Half-open ranges of bytes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` up to, not including, `stop`, counted from 0."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            msg = f"a byte range runs forward from 0, not {self.start}..{self.stop}"
            raise ValueError(msg)

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.stop - self.start

    def shifted(self, by: int) -> "ByteRange":
        """The same range, `by` bytes further on."""
        return ByteRange(self.start + by, self.stop + by)
