"""How element headers are laid out in the three encodings of PS3.5 section 7.1."""

from dataclasses import dataclass, field
from struct import Struct
from typing import Final, Literal

from raykeep.dicom import vrs

UNDEFINED: Final = 0xFFFFFFFF  # a length that only a delimiter ends
ITEM: Final = 0xFFFEE000
ITEM_DELIMITER: Final = 0xFFFEE00D
SEQUENCE_DELIMITER: Final = 0xFFFEE0DD
PIXEL_DATA: Final = 0x7FE00010
PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})  # float, double float, integer

HEADER_LENGTH: Final = 8  # bytes of an item's header and of the shortest element's
LONG_HEADER_LENGTH: Final = 12  # bytes, where a length of 32 bits follows an explicit VR

FIRST_TAG: Final = 0x00080000  # groups below belong to commands, files and directories
BEYOND_PIXELS: Final = 0xFFFE0000  # group FFFE holds items and delimiters alone
RESERVED: Final = 0xFFFF0000  # group FFFF may not be used (PS3.5 section 7.8)


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """Explicit or implicit VR, in one byte order.

    Attributes:
        explicit: VRs are written out.
        order: Byte order.
        header: The first eight bytes of an element: group, element, then VR and length of 16
            bits (explicit) or a length of 32 bits (implicit).
        item: Group, element and length of 32 bits, as items have them in every encoding.
        long: A length of 32 bits.
        front: Bytes of an element's header that come before the length of a short element: tag
            and, if explicit, VR.
        length: That length.
        short_vrs: VRs with a length of 16 bits, as numbers read by `header`.
    """

    explicit: bool
    order: Literal["little", "big"]
    header: Struct = field(init=False)
    item: Struct = field(init=False)
    long: Struct = field(init=False)
    front: int = field(init=False)
    length: Struct = field(init=False)
    short_vrs: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        mark = "<" if self.order == "little" else ">"
        item = Struct(mark + "HHI")
        object.__setattr__(self, "item", item)
        object.__setattr__(self, "header", Struct(mark + "HHHH") if self.explicit else item)
        object.__setattr__(self, "long", Struct(mark + "I"))
        object.__setattr__(self, "front", 6 if self.explicit else 4)
        object.__setattr__(self, "length", Struct(mark + ("H" if self.explicit else "I")))
        numbers = (int.from_bytes(vr.encode(), self.order) for vr in vrs.SHORT_FORM)
        object.__setattr__(self, "short_vrs", frozenset(numbers))

    @property
    def mark(self) -> str:
        """Byte order as the `struct` module writes it."""
        return "<" if self.order == "little" else ">"


EXPLICIT_LITTLE: Final = Encoding(explicit=True, order="little")
EXPLICIT_BIG: Final = Encoding(explicit=True, order="big")
IMPLICIT_LITTLE: Final = Encoding(explicit=False, order="little")


def encoding_of(*, explicit: bool, little_endian: bool) -> Encoding:
    """The encoding of a transfer syntax."""
    if not explicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if little_endian else EXPLICIT_BIG
