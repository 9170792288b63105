"""From encoded values to the text that the index keeps of an instance."""

from collections.abc import Sequence
from itertools import islice
from struct import Struct
from typing import Final

from raykeep.dicom.charsets import REPLACEMENT, CharacterSet
from raykeep.dicom.dictionary import shown_tag
from raykeep.dicom.limits import DataSetLimits
from raykeep.domain.attributes import ATTRIBUTES
from raykeep.domain.errors import MalformedDataSet

SPECIFIC_CHARACTER_SET: Final = 0x00080005
SAMPLES_PER_PIXEL: Final = 0x00280002
PHOTOMETRIC_INTERPRETATION: Final = 0x00280004

_STORED = tuple(a for a in ATTRIBUTES if not a.derived and not a.items)

WANTED: Final = frozenset(a.tag for a in _STORED) | {
    SPECIFIC_CHARACTER_SET,
    SAMPLES_PER_PIXEL,
    PHOTOMETRIC_INTERPRETATION,
}
"""Tags whose values are read at the top of a data set."""

WANTED_IN_ITEMS: Final[dict[int, frozenset[int]]] = {
    a.tag: frozenset(item.tag for item in a.items) for a in ATTRIBUTES if a.items
}
"""Indexed sequences: the tags that are read within their items."""

_NUMBERS = frozenset({a.tag for a in _STORED if a.vr == "US"} | {SAMPLES_PER_PIXEL})
_NAMES = frozenset(a.tag for a in _STORED if a.vr == "PN")
_LONG_TEXTS = tuple(a.tag for a in _STORED if a.vr in {"LT", "ST", "UT"})
_MULTIPLE = tuple(a.tag for a in _STORED if a.multiple)
_DATES = tuple(a.tag for a in _STORED if a.vr == "DA")

# Parts values in one long text, so that one call decodes them all. No character set has this
# byte within a character.
_PARTING = "\x1e"
_PARTING_BYTES = b"\x1e"
_ESCAPE = b"\x1b"

_PADDING = " \0"
_OLD_DATE_LENGTH = 10  # YYYY.MM.DD, ACR-NEMA 300 (PS3.5 section 6.2, VR DA)
_SHORT = {"<": Struct("<H"), ">": Struct(">H")}
_LONG = {"<": Struct("<I"), ">": Struct(">I")}


def number(raw: bytes, mark: str) -> int | None:
    """One US or UL value; None when `raw` is neither."""
    if len(raw) == _SHORT[mark].size:
        return int(_SHORT[mark].unpack(raw)[0])
    if len(raw) == _LONG[mark].size:
        return int(_LONG[mark].unpack(raw)[0])
    return None


def texts(
    levels: Sequence[dict[int, bytes]],
    characters: CharacterSet,
    mark: str,
    limits: DataSetLimits,
    findings: dict[str, None],
) -> list[dict[int, str]]:
    """Decode the values of the data set and of its indexed items, all at once.

    Padding goes; several values stay parted by backslashes.

    Args:
        levels: Tag → value as encoded, of each level.
        characters: Character set of the data set.
        mark: Byte order as the `struct` module writes it.
        limits: Bounds on single values.
        findings: Gets what is odd.

    Returns:
        Tag → text, of each level.

    Raises:
        MalformedDataSet: a value is longer than any of its kind may be.
    """
    first = levels[0]
    numbers = {tag: first.pop(tag) for tag in _NUMBERS if tag in first}
    tags, raws = list(first), list(first.values())
    for level in levels[1:]:
        tags += level
        raws += level.values()
    joined = _PARTING_BYTES.join(raws)
    if len(joined) > limits.indexed_value_bytes:
        _check_lengths(tags, raws, limits)
    text = characters.decode(joined) if _ESCAPE not in joined else REPLACEMENT
    parts = text.split(_PARTING)
    if len(parts) != len(tags) or REPLACEMENT in text:
        parts = _one_by_one(tags, raws, characters, findings)
    elif not characters.terms and not joined.isascii():
        findings["text beyond ASCII without Specific Character Set"] = None
    plain = [part.strip(_PADDING) for part in parts]
    # Padding is gone; a NUL that is still there stands within a value: databases choke on it.
    if text.count("\0") != text.count("\0" + _PARTING) + text.endswith("\0"):
        plain = [part.replace("\0", REPLACEMENT) for part in plain]
    if len(levels) == 1:
        decoded = [dict(zip(tags, plain, strict=True))]
    else:
        pairs = zip(tags, plain, strict=True)
        decoded = [dict(islice(pairs, len(level))) for level in levels]
    values = decoded[0]
    if "\\" in text or text is REPLACEMENT:
        _part_values(values)
    _tidy(values, tags, parts)
    for tag, raw in numbers.items():
        value = number(raw, mark)
        if value is None and raw:
            findings[f"{shown_tag(tag)} is not one number"] = None
        values[tag] = "" if value is None else str(value)
    return decoded


def _check_lengths(tags: list[int], raws: list[bytes], limits: DataSetLimits) -> None:
    for tag, raw in zip(tags, raws, strict=True):
        long = tag in _LONG_TEXTS
        allowed = limits.indexed_long_text_bytes if long else limits.indexed_value_bytes
        if len(raw) > allowed:
            msg = (
                f"{shown_tag(tag)} has {len(raw)} bytes, more than the {allowed} that an indexed "
                "value may have. Correct it at its source"
            )
            raise MalformedDataSet(msg)


def _one_by_one(
    tags: list[int], raws: list[bytes], characters: CharacterSet, findings: dict[str, None]
) -> list[str]:
    parts = []
    for tag, raw in zip(tags, raws, strict=True):
        part = characters.decode(raw, name=tag in _NAMES)
        if REPLACEMENT in part:
            findings[f"{shown_tag(tag)} holds text that its character set does not"] = None
        parts.append(part)
    return parts


def _part_values(values: dict[int, str]) -> None:
    for tag in _MULTIPLE:
        if "\\" in (several := values.get(tag, "")):
            values[tag] = "\\".join(part.strip(_PADDING) for part in several.split("\\"))


def _tidy(values: dict[int, str], tags: list[int], parts: list[str]) -> None:
    """Mend the few values for which stripping both ends is not the rule."""
    for tag in _LONG_TEXTS:
        if tag in values:  # leading spaces are part of the text (PS3.5 section 6.2, VR LT)
            values[tag] = parts[tags.index(tag)].rstrip(_PADDING).replace("\0", REPLACEMENT)
    for tag in _DATES:
        date = values.get(tag)
        if date and len(date) == _OLD_DATE_LENGTH and date[4::3] == "..":
            values[tag] = date.replace(".", "")
