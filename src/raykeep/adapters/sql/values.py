"""From values of the domain to values of columns, and back."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from raykeep.domain.facility import FacilityName
from raykeep.domain.names import NameGroups, name_groups

# A sender may break the lengths of PS3.5 table 6.2-1; an index entry has room for so much.
LONGEST_VALUE = 512  # characters of one value that is searched by; the rest is not searched
LONGEST_TEXT = 65_536  # characters of all that stands in one attribute
MOST_VALUES = 256  # of one attribute, and items of one sequence

NO_NUMBER = 2**31  # sorts behind every IS value (PS3.5 6.2)

_json = msgspec.json.Encoder(enc_hook=str)  # for UIDs and names of facilities, which are texts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE = re.compile(r"[0-9]{8}", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_OLD_DATE = re.compile(r"([0-9]{4})\.([0-9]{2})\.([0-9]{2})", re.ASCII)
_TIME = re.compile(
    r"([01][0-9]|2[0-3])(?::?([0-5][0-9])(?::?([0-5][0-9]|60)(?:\.([0-9]{1,6}))?)?)?", re.ASCII
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,12}", re.ASCII)


def json_text(value: object) -> str:
    """Texts, numbers, lists and mappings as JSON."""
    return _json.encode(value).decode()


def to_microseconds(moment: datetime) -> int:
    """Whole microseconds of Unix time; exact, unlike a float."""
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(microseconds: int) -> datetime:
    """The moment, UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def some_moment(microseconds: int | None) -> datetime | None:
    """The moment, if there is one."""
    return None if microseconds is None else to_moment(microseconds)


def some_microseconds(moment: datetime | None) -> int | None:
    """Microseconds of the moment, if there is one."""
    return None if moment is None else to_microseconds(moment)


@lru_cache(maxsize=1000)
def facility_name(text: str) -> FacilityName:
    """The name of a facility that stands in a row; there are few, and many rows."""
    return FacilityName(text)


def clean(text: str, longest: int = LONGEST_VALUE) -> str:
    """Text that both engines can hold: no NUL, no lone surrogate, not too long."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    if "\0" in text:
        text = text.replace("\0", "")
    return text[:longest]


def is_storable(text: str) -> bool:
    """Whether a stored text can be equal to this one; a key that cannot matches nothing."""
    if "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def padded_time(text: str) -> str | None:
    """A TM value as `HHMMSS.FFFFFF`, its earliest moment; None when it is no time.

    Colons are those of ACR-NEMA (PS3.5 section 6.2, VR TM).
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, second, fraction = found.groups("")
    return f"{hour}{minute or '00'}{second or '00'}.{fraction:0<6}"


def plain_date(text: str) -> str:
    """A DA value as it stands, but that of ACR-NEMA (`YYYY.MM.DD`) as `YYYYMMDD`."""
    return "".join(found.groups()) if (found := _OLD_DATE.fullmatch(text)) else text


def is_date(text: str) -> bool:
    """Whether the text is eight digits, `YYYYMMDD`."""
    return _DATE.fullmatch(text) is not None


def year_of(date: str) -> int:
    """Year of a DA value, 0 when it does not begin with one."""
    year = date[:4]
    return int(year) if _YEAR.fullmatch(year) else 0


def order_number(text: str | None) -> int:
    """What an IS value sorts by; what is no number comes last."""
    if text is None or _WHOLE.fullmatch(text.strip()) is None:
        return NO_NUMBER
    return max(-NO_NUMBER, min(int(text), NO_NUMBER))


def folded(name: str) -> NameGroups:
    """The folded groups of a name, each of a length that an index can hold."""
    groups = name_groups(name)
    return NameGroups(
        groups.alphabetic[:LONGEST_VALUE],
        groups.ideographic[:LONGEST_VALUE],
        groups.phonetic[:LONGEST_VALUE],
    )


def name_text(groups: NameGroups) -> str:
    """All groups in one text, each with `^` before it, so that each component has one."""
    return f"^{groups.alphabetic}=^{groups.ideographic}=^{groups.phonetic}"


def several(text: str) -> list[str]:
    """The values of a multi-valued text."""
    return text.split("\\", MOST_VALUES)[:MOST_VALUES]
