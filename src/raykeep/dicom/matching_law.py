"""What conditions mean (PS3.4 section C.2.2.2), in plain Python: slow, and the law.

No search runs through here: the database has its own way, and tests hold it to this one.
"""

import operator
import re
from collections.abc import Callable, Mapping

from raykeep.dicom.times import date_of, time_bounds
from raykeep.domain.attributes import Attribute
from raykeep.domain.instance import Values
from raykeep.domain.names import NameGroups, name_groups
from raykeep.domain.query import (
    Condition,
    Equals,
    FuzzyName,
    InSequence,
    IsEmpty,
    OneOf,
    Range,
    Wildcard,
)


def matches(
    condition: Condition,
    values: Values,
    sequences: Mapping[int, tuple[Values, ...]] | None = None,
) -> bool:
    """Whether an entity satisfies `condition`.

    Args:
        condition: One of a query's.
        values: Tag → text of the entity; several values parted by backslashes.
        sequences: Tag → items of its indexed sequences.
    """
    attribute = condition.attribute
    if isinstance(condition, InSequence):
        items = (sequences or {}).get(attribute.tag, ())
        return any(all(matches(one, item) for one in condition.conditions) for item in items)
    text = values.get(attribute.tag, "")
    if isinstance(condition, IsEmpty):
        return not text
    stored = text.split("\\") if attribute.multiple else [text]
    return any(one and _fits(condition, attribute, one) for one in stored)


def _fits(
    condition: Equals | OneOf | Wildcard | Range | FuzzyName, attribute: Attribute, stored: str
) -> bool:
    match condition:
        case Equals(value=value):
            return _equal(attribute, value, stored)
        case OneOf(values=values):
            return any(_equal(attribute, value, stored) for value in values)
        case Wildcard(pattern=pattern):
            if attribute.vr == "PN":
                return _names_fit(pattern, stored, _like)
            return _like(pattern, stored)
        case Range(low=low, high=high):
            place = _place(attribute, stored)
            return place is not None and (low or place) <= place <= (high or place)
        case FuzzyName(words=words):
            groups = name_groups(stored)
            whole = f"{groups.alphabetic}^{groups.ideographic}^{groups.phonetic}"
            spaced = f"^{whole}"
            return all(f"^{word}" in spaced or f" {word}" in spaced for word in words)


def _equal(attribute: Attribute, value: str, stored: str) -> bool:
    if attribute.vr == "PN":
        return _names_fit(value, stored, operator.eq)
    return value == stored


def _names_fit(key: str, stored: str, fit: Callable[[str, str], bool]) -> bool:
    """Names are compared folded, component group by component group.

    A key of one group may match any group of the name (PS3.4 section C.2.2.2.1.1: a reading
    and its writing are the same name); one of several must match in each that it has.
    """
    asked, there = _groups(name_groups(key)), _groups(name_groups(stored))
    if "=" not in key:
        return any(group and fit(asked[0], group) for group in there)
    return all(fit(a, b) for a, b in zip(asked, there, strict=True) if a)


def _groups(groups: NameGroups) -> tuple[str, str, str]:
    return groups.alphabetic, groups.ideographic, groups.phonetic


def _place(attribute: Attribute, stored: str) -> str | None:
    """A date or time in the form in which ranges compare it; None when it is neither."""
    if attribute.vr == "TM":
        bounds = time_bounds(stored)
        return None if bounds is None else bounds[0]
    return date_of(stored)


def _like(pattern: str, text: str) -> bool:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None
