"""Members of a DICOM JSON object (PS3.18 section F.2): `"GGGGEEEE":{"vr":…,"Value":[…]}`."""

import struct
from binascii import b2a_base64
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from raykeep.dicom import vrs
from raykeep.dicom.encodings import Encoding
from raykeep.dicom.json_values import FROM_TEXT, floats, quoted, strings, wholes

_PADDING: Final = " \0"
# Bytes of one word, for values that must be turned round: binary in JSON is little endian (F.2.7).
_WORDS: Final = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}

NUMBERS, TEXT, NAMES = range(3)

Plain = tuple[str, str, Callable[..., str], int]
"""What goes before the values, the member without values, a function that gives the values
(from bytes for `NUMBERS`, from decoded text otherwise), and which of the three it is."""


class NotThatVR(Exception):
    """A value is no whole number of values of its VR."""


def plain_member(tag: int, vr: str, encoding: Encoding) -> Plain:
    """How elements of this tag and VR become members."""
    empty = empty_member(tag, vr)
    if vr in vrs.TEXT or vr in vrs.ASCII:
        kind = NAMES if vr == "PN" else TEXT
        return prefix_of(tag, vr), empty, _from_text(vr), kind
    return prefix_of(tag, vr), empty, _from_bytes(vr, encoding), NUMBERS


@lru_cache(maxsize=64)
def _from_text(vr: str) -> Callable[[str], str]:
    if vr in vrs.SINGLE_TEXT:
        return lambda text: quoted(plain) if (plain := text.rstrip(_PADDING)) else ""
    if vr in {"DS", "IS", "PN"}:
        return _stripped(FROM_TEXT[vr])
    return _strings


def _strings(text: str) -> str:
    text = text.strip(_PADDING)
    if "\\" not in text:
        return quoted(text) if text else ""
    return strings("\\".join(part.strip(_PADDING) for part in text.split("\\")))


def _stripped(function: Callable[[str], str]) -> Callable[[str], str]:
    def values(text: str) -> str:
        text = text.strip(_PADDING)
        if "\\" in text:
            text = "\\".join(part.strip(_PADDING) for part in text.split("\\"))
        return function(text)

    return values


@lru_cache(maxsize=64)
def _from_bytes(vr: str, encoding: Encoding) -> Callable[[bytes], str]:
    mark = encoding.mark
    if vr == "AT":
        pair = struct.Struct(mark + "HH")

        def tags(raw: bytes) -> str:
            if len(raw) % pair.size:
                raise NotThatVR
            pairs = pair.iter_unpack(raw)
            return ",".join(f'"{group:04X}{element:04X}"' for group, element in pairs)

        return tags
    letter = vrs.NUMBERS[vr]
    one = struct.Struct(mark + letter)
    several = floats if letter in "df" else wholes

    def numbers(raw: bytes) -> str:
        count, odd = divmod(len(raw), one.size)
        if odd:
            raise NotThatVR
        if count == 1 and letter == "H":
            return str(one.unpack(raw)[0])
        return several(struct.unpack(f"{mark}{count}{letter}", raw))

    return numbers


def binary_member(tag: int, vr: str, value: bytes, encoding: Encoding) -> str:
    """A binary value, inline."""
    if not value:
        return empty_member(tag, vr)
    word = _WORDS.get(vr, 1)
    if encoding.order == "big" and word > 1 and len(value) % word == 0:
        turned = bytearray(len(value))
        for place in range(word):
            turned[place::word] = value[word - 1 - place :: word]
        value = bytes(turned)
    text = b2a_base64(value, newline=False).decode("ascii")
    return f'"{tag:08X}":{{"vr":"{vr}","InlineBinary":"{text}"}}'


def prefix_of(tag: int, vr: str) -> str:
    """What goes before the values."""
    return f'"{tag:08X}":{{"vr":"{vr}","Value":['


def empty_member(tag: int, vr: str) -> str:
    """A member without values."""
    return f'"{tag:08X}":{{"vr":"{vr}"}}'
