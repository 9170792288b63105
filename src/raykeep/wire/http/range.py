"""Byte ranges of a representation (RFC 9110 section 14)."""

import re
from typing import Final

from raykeep.domain.byte_range import ByteRange

MAX_LENGTH: Final = 1_024  # characters of a Range header
MAX_RANGES: Final = 16

# Nineteen digits name more bytes than there are; more would only cost time.
_RANGE = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")


def parse_range(header: str | None, length: int) -> tuple[ByteRange, ...] | None:
    """Read a Range header for a representation of `length` bytes.

    Args:
        header: The value, such as `bytes=0-499`; None when there is none.
        length: Bytes of the whole representation.

    Returns:
        None: answer with the whole (200): there is no header, its unit is not
        bytes, or it cannot be read, which RFC 9110 section 14.2 lets us ignore.
        An empty tuple: answer 416, nothing asked for is there, or too many
        ranges were asked for. Else the ranges (206), in the order asked;
        overlapping and adjacent ones are merged, in ascending order.
    """
    unit, equals, rest = (header or "").partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    specs = [spec for part in rest[: MAX_LENGTH + 1].split(",") if (spec := part.strip(" \t"))]
    if len(rest) > MAX_LENGTH or len(specs) > MAX_RANGES:
        return ()
    bounds = [_bounds(spec) for spec in specs]
    if not bounds or None in bounds:
        return None
    found = (_satisfied(*one, length) for one in bounds if one is not None)
    return _merged([one for one in found if one is not None])


def _bounds(spec: str) -> tuple[str, str] | None:
    """First and last byte as digits, either of them perhaps empty; None when it is no range."""
    match = _RANGE.fullmatch(spec)
    if match is None or spec == "-":
        return None
    first, last = match.groups()
    return None if first and last and int(last) < int(first) else (first, last)


def _satisfied(first: str, last: str, length: int) -> ByteRange | None:
    """The part of one range that is there; None when nothing of it is."""
    if first:
        start, stop = int(first), min(int(last) + 1, length) if last else length
    else:  # the last so many bytes
        start, stop = max(0, length - int(last)), length
    return ByteRange(start, stop) if start < stop else None


def _merged(ranges: list[ByteRange]) -> tuple[ByteRange, ...]:
    merged: list[ByteRange] = []
    for one in sorted(ranges, key=lambda each: each.start):
        if merged and one.start <= merged[-1].stop:
            merged[-1] = ByteRange(merged[-1].start, max(merged[-1].stop, one.stop))
        else:
            merged.append(one)
    return tuple(ranges) if len(merged) == len(ranges) else tuple(merged)
