"""Values in the DICOM JSON model (PS3.18 annex F): from text and numbers to JSON text.

Each function gives the inside of a `Value` array, empty when there is no value at
all. Nothing here can give what JSON does not have: no NaN, no bare control character.
"""

import re
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring
from math import isfinite
from typing import Final

quoted: Final[Callable[[str], str]] = encode_basestring
"""A JSON string, with its quotation marks; characters beyond ASCII stay as they are."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,200})(?:\.[0-9]{1,200})?")
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]{1,200}\.?[0-9]{0,200}|\.[0-9]{1,200})(?:[eE][+-]?[0-9]{1,4})?"
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_EXACT: Final = 2**53  # beyond it, readers that know floating point numbers alone lose digits

_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")  # F.2.2


def strings(text: str) -> str:
    """Texts, parted by backslashes; null for an empty one among others."""
    if "\\" not in text:
        return quoted(text) if text else ""
    return ",".join(quoted(part) if part else "null" for part in text.split("\\"))


def one_string(text: str) -> str:
    """A text in which backslashes part nothing."""
    return quoted(text) if text else ""


def names(text: str) -> str:
    """Person names, each an object of its component groups."""
    if "\\" not in text:
        return _name(text) if text else ""
    return ",".join(_name(part) if part else "null" for part in text.split("\\"))


def _name(text: str) -> str:
    if "=" not in text:
        return f'{{"Alphabetic":{quoted(text)}}}'
    groups = zip(_GROUPS, text.split("=", 2), strict=False)
    return "{" + ",".join(f'"{name}":{quoted(group)}' for name, group in groups if group) + "}"


def decimals(text: str) -> str:
    """Decimal strings: numbers as they are written where JSON writes them so, too."""
    if "\\" not in text:
        return _decimal(text) if text else ""
    return ",".join(_decimal(part) if part else "null" for part in text.split("\\"))


def _decimal(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return text
    if _DECIMAL.fullmatch(text) and isfinite(value := float(text)):
        return repr(value)
    return quoted(text)


def integers(text: str) -> str:
    """Integer strings."""
    if "\\" not in text:
        return _integer(text) if text else ""
    return ",".join(_integer(part) if part else "null" for part in text.split("\\"))


def _integer(text: str) -> str:
    return whole(int(text)) if _WHOLE.fullmatch(text) else quoted(text)


def whole(value: int) -> str:
    """A whole number; a string where a reader could lose digits (F.2.3)."""
    return str(value) if -_EXACT < value < _EXACT else f'"{value}"'


def wholes(values: Iterable[int]) -> str:
    """Whole numbers."""
    return ",".join(map(whole, values))


def floats(values: Iterable[float]) -> str:
    """Floating point numbers; null for what JSON has no number for."""
    return ",".join(repr(value) if isfinite(value) else "null" for value in values)


FROM_TEXT: Final[dict[str, Callable[[str], str]]] = {
    "DS": decimals,
    "IS": integers,
    "LT": one_string,
    "PN": names,
    "ST": one_string,
    "SS": integers,
    "UR": one_string,
    "US": integers,
    "UT": one_string,
}
"""VR → function of a decoded text; `strings` for the others."""
