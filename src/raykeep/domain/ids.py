"""Identifiers that sort by time, made from time and entropy that the caller brings."""

from datetime import datetime


def time_ordered_id(now: datetime, entropy: bytes) -> str:
    """An id of 32 hexadecimal digits: 48 bits of milliseconds, then 80 bits of `entropy`.

    Args:
        now: Aware time.
        entropy: 10 random bytes.
    """
    milliseconds = int(now.timestamp() * 1000)
    return f"{milliseconds:012x}{entropy.hex()}"
