"""From a key to a condition (PS3.4 section C.2.2.2)."""

import re
from typing import Final

from raykeep.dicom import vrs
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.times import date_of, time_bounds
from raykeep.domain.attributes import Attribute
from raykeep.domain.errors import InvalidQuery, shown
from raykeep.domain.names import NameGroups, fold, name_groups
from raykeep.domain.query import Condition, Equals, FuzzyName, IsEmpty, OneOf, Range, Wildcard

EMPTY_VALUE: Final = '""'
"""The key that asks for entities without a value (C.2.2.2.7)."""

Plain = Equals | OneOf | Wildcard | Range | IsEmpty
"""What may stand within a sequence, too."""

_UID = re.compile(r"[0-9.]{1,64}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,12}")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?")
_AGE = re.compile(r"[0-9]{3}[DWMY]")
_FORMS: Final[dict[str, re.Pattern[str]]] = {
    "AS": _AGE,
    "DS": _DECIMAL,
    "IS": _WHOLE,
    "UI": _UID,
    "US": _WHOLE,
}
_NOBODY: Final = NameGroups("", "", "")
_STARS = re.compile(r"\*+")
_WORD_ENDS = re.compile(r"[\^=,*?\s]+")


def is_matchable(attribute: Attribute) -> bool:
    """Whether a key may ask for values of this attribute.

    Counts are computed for the answer and nothing is found by them.
    """
    return not (attribute.derived and attribute.vr == "IS")


def condition_for(
    attribute: Attribute,
    value: str,
    *,
    fuzzy: bool = False,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> Condition | None:
    """What a key with `value` asks for; None for universal matching.

    Several values are parted by backslashes; one of them must match.

    Args:
        attribute: The key.
        value: As it stands in the identifier or parameter, decoded.
        fuzzy: Names are matched fuzzily (PS3.4 section C.2.2.2.1.1).
        limits: Bounds on values.

    Raises:
        InvalidQuery: the value does not fit the attribute, or is longer than allowed.
    """
    if fuzzy and attribute.vr == "PN" and value.strip() != EMPTY_VALUE:
        _check_length(attribute, value, limits)
        words = tuple(dict.fromkeys(word for word in _WORD_ENDS.split(fold(value)) if word))
        return FuzzyName(attribute, words) if words else None
    return plain_condition(attribute, value, limits=limits)


def plain_condition(
    attribute: Attribute, value: str, *, limits: DataSetLimits = DEFAULT_LIMITS
) -> Plain | None:
    """The same without fuzzy matching: what may also stand within a sequence."""
    text = value.strip(" \0")
    if not text:
        return None
    if attribute.items or not is_matchable(attribute):
        raise InvalidQuery(f"{attribute.keyword} cannot be matched. Leave its value empty")
    if text == EMPTY_VALUE:
        return IsEmpty(attribute)
    if attribute.vr in vrs.SINGLE_TEXT:
        values = [text]
    else:
        values = list(dict.fromkeys(part.strip(" \0") for part in text.split("\\")))
    if len(values) > limits.values_per_key:
        raise InvalidQuery(
            f"{attribute.keyword} has {len(values)} values, more than the "
            f"{limits.values_per_key} allowed. Ask for fewer at once"
        )
    for one in values:
        _check_length(attribute, one, limits)
    if len(values) == 1:
        return _single(attribute, values[0], limits)
    return _list(attribute, values)


def _check_length(attribute: Attribute, value: str, limits: DataSetLimits) -> None:
    if len(value) > limits.value_characters:
        raise InvalidQuery(
            f"the value of {attribute.keyword} has {len(value)} characters, more than the "
            f"{limits.value_characters} allowed. Shorten it"
        )


def _single(attribute: Attribute, value: str, limits: DataSetLimits) -> Plain | None:
    if attribute.vr == "DA":
        return _date(attribute, value)
    if attribute.vr == "TM":
        return _time(attribute, value)
    if value == "*":
        return None  # also in VRs without wild cards: many peers mean "any" by it
    if attribute.vr in vrs.WILDCARDS and ("*" in value or "?" in value):
        return _wildcard(attribute, value, limits)
    _check_form(attribute, value)
    if attribute.vr == "PN" and name_groups(value) == _NOBODY:
        return None  # delimiters alone name nobody
    return Equals(attribute, value)


def _list(attribute: Attribute, values: list[str]) -> OneOf:
    for value in values:
        if not value or (attribute.vr in vrs.WILDCARDS and ("*" in value or "?" in value)):
            raise InvalidQuery(
                f"{attribute.keyword} has several values, and one is empty or has wild cards. "
                "Ask for each by itself"
            )
        _check_form(attribute, value)
    if attribute.vr in {"DA", "TM"}:
        raise InvalidQuery(f"{attribute.keyword} takes one value or one range. Ask for each")
    return OneOf(attribute, tuple(values))


def _check_form(attribute: Attribute, value: str) -> None:
    form = _FORMS.get(attribute.vr)
    if form is not None and form.fullmatch(value) is None:
        raise _unfit(attribute, value)


def _unfit(attribute: Attribute, value: str) -> InvalidQuery:
    # Names, numbers and dates of patients are not for messages; UIDs of a query may be.
    text = shown(value) if attribute.vr == "UI" else "the value"
    return InvalidQuery(
        f"{text} does not fit {attribute.keyword}, which has VR {attribute.vr}. Correct it"
    )


def _wildcard(attribute: Attribute, value: str, limits: DataSetLimits) -> Wildcard | None:
    pattern = _STARS.sub("*", value)
    if pattern == "*":
        return None
    count = pattern.count("*") + pattern.count("?")
    if count > limits.wildcards_per_value:
        raise InvalidQuery(
            f"the value of {attribute.keyword} has {count} wild cards, more than the "
            f"{limits.wildcards_per_value} allowed. Use fewer"
        )
    return Wildcard(attribute, pattern)


def _date(attribute: Attribute, value: str) -> Equals | Range | None:
    if "-" not in value:
        if value == "*":
            return None
        date = date_of(value)
        if date is None:
            raise _unfit(attribute, value)
        return Equals(attribute, date)
    first, last = _ends(attribute, value)
    low, high = date_of(first), date_of(last)
    if (first and low is None) or (last and high is None):
        raise _unfit(attribute, value)
    return Range(attribute, low, high)


def _time(attribute: Attribute, value: str) -> Range | None:
    if value == "*":
        return None
    first, last = _ends(attribute, value) if "-" in value else (value, value)
    low, high = time_bounds(first), time_bounds(last)
    if (first and low is None) or (last and high is None):
        raise _unfit(attribute, value)
    return Range(attribute, low[0] if low else None, high[1] if high else None)


def _ends(attribute: Attribute, value: str) -> tuple[str, str]:
    first, _, last = value.partition("-")
    first, last = first.strip(" "), last.strip(" ")
    if not first and not last:
        raise _unfit(attribute, value)
    return first, last
