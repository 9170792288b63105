"""What can be open while a data set is followed."""

from typing import Final

from raykeep.dicom.encodings import BEYOND_PIXELS, FIRST_TAG, Encoding

ELEMENTS, ITEMS, FRAGMENTS = range(3)
"""Kinds: a data set or an item; a sequence; a row of fragments."""

OPEN: Final = 1 << 62
"""An end that only a delimiter tells."""

NOTHING: Final[frozenset[int]] = frozenset()


class Level:
    """A data set, an item, a sequence, or a row of fragments that is open.

    Attributes:
        kind: Which of these.
        end: Byte of the data set after its last one, or `OPEN`.
        encoding: How what it holds is encoded.
        tag: Of the sequence or the value in fragments.
        number: Of the item that is open, or of the last fragment, from 0; -1 before.
        last: The tag before; tags ascend.
        ceiling: Tags from here on need a closer look.
        wanted: Tags whose values the index wants.
        found: These values.
        items: Of an indexed sequence, the values of its items.
    """

    __slots__ = (
        "ceiling",
        "encoding",
        "end",
        "found",
        "items",
        "kind",
        "last",
        "number",
        "tag",
        "wanted",
    )

    def __init__(self, kind: int, end: int, encoding: Encoding, tag: int = 0) -> None:
        self.kind = kind
        self.end = end
        self.encoding = encoding
        self.tag = tag
        self.number = -1
        self.last = FIRST_TAG - 1
        self.ceiling = BEYOND_PIXELS
        self.wanted = NOTHING
        self.found: dict[int, bytes] = {}
        self.items: list[dict[int, bytes]] | None = None
