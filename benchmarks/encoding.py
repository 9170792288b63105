"""Explicit VR Little Endian (PS3.5 section 7.1.2), as far as synthetic objects need it."""

import struct
from collections.abc import Iterable, Mapping
from typing import Final

EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"

_LONG_FORM: Final = frozenset({"OB", "OW", "SQ", "UN", "UT"})
_ITEM: Final = 0xFFFEE000


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One element, its value padded to an even length."""
    return element_head(tag, vr, len(value) + len(value) % 2) + _even(vr, value)


def element_head(tag: int, vr: str, length: int) -> bytes:
    """What stands before the value of an element.

    Args:
        tag: Group and element.
        vr: Value representation.
        length: Bytes of the value, an even number.
    """
    group, number = tag >> 16, tag & 0xFFFF
    if vr in _LONG_FORM:
        return struct.pack("<HH2s2xI", group, number, vr.encode(), length)
    return struct.pack("<HH2sH", group, number, vr.encode(), length)


def sequence(tag: int, items: Iterable[bytes]) -> bytes:
    """A sequence of items of defined length."""
    value = b"".join(
        struct.pack("<HHI", _ITEM >> 16, _ITEM & 0xFFFF, len(one)) + one for one in items
    )
    return element(tag, "SQ", value)


def short(value: int) -> bytes:
    """The value of a US."""
    return struct.pack("<H", value)


class Template:
    """A data set of which most elements are the same in every object.

    Args:
        elements: In ascending order: whole encoded elements, or (tag, VR, text), where text may
            hold names in braces that `fill` is given.
    """

    def __init__(self, elements: Iterable[bytes | tuple[int, str, str]]) -> None:
        self._parts: list[bytes | tuple[int, str, str]] = []
        fixed = b""
        for one in elements:
            if isinstance(one, bytes):
                fixed += one
            elif "{" in one[2]:
                self._parts += [fixed, one]
                fixed = b""
            else:
                fixed += element(one[0], one[1], one[2].encode())
        self._parts.append(fixed)

    def fill(self, values: Mapping[str, object]) -> bytes:
        """The encoded data set with `values` in their places."""
        return b"".join(
            part
            if isinstance(part, bytes)
            else element(part[0], part[1], part[2].format_map(values).encode())
            for part in self._parts
        )


def _even(vr: str, value: bytes) -> bytes:
    if len(value) % 2 == 0:
        return value
    return value + (b"\0" if vr in {"UI", "OB", "UN"} else b" ")
