"""Unique identifiers (PS3.5 section 9), valid by construction."""

import re
from typing import Self

from raykeep.domain.errors import InvalidUID

MAX_LENGTH = 64  # characters, PS3.5 section 9.1

_FORM = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")


class UID(str):
    """A unique identifier: digits and dots, no leading zeros, at most 64 characters.

    A `str`, so that it compares, hashes and binds like the text that it is;
    made through its constructor alone, so that a `UID` cannot be wrong.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Take `text` if it is one; see the class."""
        if len(text) > MAX_LENGTH or _FORM.fullmatch(text) is None:
            raise InvalidUID(text)
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, raw: str | bytes) -> "UID":
        """Read a UID as it stands in a data set or a command, padding and all."""
        if isinstance(raw, bytes):
            raw = raw.decode("ascii", "replace")
        # PS3.5 pads UIDs with one NUL; some senders pad with a space.
        return cls(raw.rstrip("\0 "))
