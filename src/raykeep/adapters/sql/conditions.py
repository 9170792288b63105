"""From the conditions of a query to trees (PS3.4 section C.2.2.2)."""

import re
from dataclasses import dataclass

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.trees import ALWAYS, NEVER, Slots, Tree, all_of, any_of
from raykeep.adapters.sql.values import folded, is_date, is_storable
from raykeep.domain.attributes import Level
from raykeep.domain.errors import InvalidQuery
from raykeep.domain.names import NameGroups
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

LONGEST_PATTERN = 1024  # characters; what one comparison may cost grows with it
TABLES = {
    Level.PATIENT: "patient",
    Level.STUDY: "study",
    Level.SERIES: "series",
    Level.INSTANCE: "instance",
}
# Ranges on these go by the columns that studies are sorted by.
_ORDERED = {"StudyDate": "order_date", "StudyTime": "order_time"}
_LAST = "\U0010ffff"
_SETS = {
    "ModalitiesInStudy": ("study_modality", "modality", "modalities_in_study"),
    "SOPClassesInStudy": ("study_sop_class", "sop_class_uid", "sop_classes_in_study"),
}
_PLAIN = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_NO_WILDCARDS = ("DA", "TM", "UI", "US")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the values of an attribute stand."""

    table: str
    column: str
    groups: tuple[str, str, str]  # columns of the folded groups of a name


def tree_of(condition: Condition, slots: Slots) -> Tree:
    """The tree of a condition.

    Raises:
        InvalidQuery: the condition does not fit its attribute.
    """
    attribute = condition.attribute
    if attribute.vr == "SQ":
        return _of_sequence(condition, slots)
    if attribute.keyword in _SETS:
        return _in_set(condition, slots)
    if attribute.derived and attribute.vr == "IS":
        return _count(condition, slots)
    table, column = TABLES[attribute.level], attribute.column
    if isinstance(condition, IsEmpty):
        return ("blank", table, column)
    if attribute.multiple and not attribute.derived:
        inner = _test(condition, Place("multi_value", "value", tables.GROUPS), slots)
        return ("some", "multi_value", table, attribute.level.depth, attribute.tag, inner)
    alphabetic, ideographic, phonetic = (f"{column}_{group}" for group in tables.GROUPS)
    return _test(condition, Place(table, column, (alphabetic, ideographic, phonetic)), slots)


def _of_sequence(condition: Condition, slots: Slots) -> Tree:
    sequence = condition.attribute
    some = "some", "sequence_item", TABLES[sequence.level], sequence.level.depth, sequence.tag
    if isinstance(condition, IsEmpty):
        return ("not", (*some, ALWAYS))
    if not isinstance(condition, InSequence):
        raise _unfit(condition)
    tests: list[Tree] = []
    for inner in condition.conditions:
        if inner.attribute not in sequence.items:
            raise _unfit(inner)
        column = inner.attribute.column
        if isinstance(inner, IsEmpty):
            tests.append(("blank", "sequence_item", column))
        else:
            tests.append(_test(inner, Place("sequence_item", column, ("", "", "")), slots))
    return (*some, all_of(*tests))


def _in_set(condition: Condition, slots: Slots) -> Tree:
    child, column, text = _SETS[condition.attribute.keyword]
    if isinstance(condition, IsEmpty):
        return ("blank", "study", text)
    inner = _test(condition, Place(child, column, ("", "", "")), slots)
    return ("some", child, "study", 0, 0, inner)


def _count(condition: Condition, slots: Slots) -> Tree:
    attribute = condition.attribute
    table = TABLES[attribute.level]
    if isinstance(condition, IsEmpty):
        return NEVER
    if not isinstance(condition, Equals | OneOf):
        raise _unfit(condition)
    wanted = (condition.value,) if isinstance(condition, Equals) else condition.values
    # A count is given as plain digits, so nothing else is equal to one.
    numbers = [int(text) for text in wanted if _PLAIN.fullmatch(text)]
    if not numbers:
        return NEVER
    return ("in", table, attribute.column, slots.listed(numbers))


def _test(condition: Condition, place: Place, slots: Slots) -> Tree:
    if condition.attribute.vr == "PN":
        return _name(condition, place, slots)
    table, column = place.table, place.column
    match condition:
        case Equals():
            if not _can_match(condition.value):
                return NEVER
            equal: Tree = ("eq", table, column, slots.value(condition.value))
            if table == "study" and column == "study_date" and is_date(condition.value):
                equal = all_of(equal, ("eq", table, "order_date", equal[3]))
            return equal
        case OneOf():
            wanted = [value for value in condition.values if _can_match(value)]
            return ("in", table, column, slots.listed(wanted)) if wanted else NEVER
        case Wildcard():
            if condition.attribute.vr in _NO_WILDCARDS:
                raise _unfit(condition)
            return wildcard(table, column, _checked(condition.pattern), slots)
        case Range():
            return _range(condition, place, slots)
        case _:
            raise _unfit(condition)


def _range(condition: Range, place: Place, slots: Slots) -> Tree:
    attribute, table = condition.attribute, place.table
    tests: list[Tree] = []
    low, column = condition.low, place.column
    if attribute.vr == "TM" or attribute.keyword in _ORDERED:
        column = _ORDERED.get(attribute.keyword, f"{column}_padded")
        low = low or "0"  # one lower end, so that the index is left there; no empty ones
    elif attribute.vr == "DA":
        tests.append(("date", table, column))
    else:
        raise _unfit(condition)
    for kind, end in (("from", low), ("upto", condition.high)):
        if end is not None:
            if not is_storable(end):
                return NEVER
            tests.append((kind, table, column, slots.value(end)))
    return all_of(*tests)


def _can_match(value: str) -> bool:
    return bool(value) and is_storable(value)


# --- wildcards ---------------------------------------------------------------------------------


def _checked(pattern: str) -> str:
    """The pattern with runs of `*` made one.

    Raises:
        InvalidQuery: it is longer than any value can be.
    """
    if len(pattern) > LONGEST_PATTERN:
        msg = f"a key with wildcards has {len(pattern)} characters, more than {LONGEST_PATTERN}"
        raise InvalidQuery(msg)
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    return pattern


def wildcard(table: str, column: str, pattern: str, slots: Slots) -> Tree:
    """Wild card matching of one column."""
    if pattern == "*":
        return present(table, column)
    if not _can_match(pattern):
        return NEVER
    prefix = literal_prefix(pattern)
    tests: list[Tree] = []
    if prefix:
        # Said as a range, which an index can walk whatever stands behind it.
        tests.append(("from", table, column, slots.value(prefix)))
        if end := after_all_with(prefix):
            tests.append(("below", table, column, slots.value(end)))
    if not prefix or pattern != prefix + "*":
        tests.append(("like", table, column, slots.pattern(pattern)))
    return all_of(*tests)


def present(table: str, column: str) -> Tree:
    """There is a value: what is absent or empty matches no key (C.2.2.2.7 finds it)."""
    return ("not", ("blank", table, column))


def literal_prefix(pattern: str) -> str:
    """What stands before the first wildcard."""
    ends = [place for place in (pattern.find("*"), pattern.find("?")) if place >= 0]
    return pattern[: min(ends)] if ends else pattern


def after_all_with(prefix: str) -> str | None:
    """The least text that sorts after every text with that prefix, by code points."""
    for place in range(len(prefix) - 1, -1, -1):
        following = chr(ord(prefix[place]) + 1) if prefix[place] < _LAST else ""
        if "\ud800" <= following <= "\udfff":  # surrogates are no characters
            following = "\ue000"
        if following:
            return prefix[:place] + following
    return None


# --- names -------------------------------------------------------------------------------------


def _name(condition: Condition, place: Place, slots: Slots) -> Tree:
    match condition:
        case Equals():
            return _equal_name(condition.value, place, slots)
        case OneOf():
            return any_of(*(_equal_name(value, place, slots) for value in condition.values))
        case Wildcard():
            return _name_like(_checked(condition.pattern), place, slots)
        case FuzzyName():
            words = [_word(word, place, slots) for word in condition.words]
            return all_of(present(place.table, place.column), *words)
        case _:
            raise _unfit(condition)


def _equal_name(value: str, place: Place, slots: Slots) -> Tree:
    if not is_storable(value):
        return NEVER
    groups = folded(value)
    if "=" in value:
        own: list[Tree] = [
            ("eq", place.table, place.groups[number], slots.value(text))
            for number, text in _given(groups)
        ]
        return all_of(present(place.table, place.column), *own)
    if not groups.alphabetic:
        return NEVER  # delimiters alone name nobody
    slot = slots.value(groups.alphabetic)
    return any_of(*(("eq", place.table, column, slot) for column in place.groups))


def _name_like(pattern: str, place: Place, slots: Slots) -> Tree:
    if not is_storable(pattern):
        return NEVER
    groups = folded(pattern)
    if "=" in pattern:
        own = [
            wildcard(place.table, place.groups[number], text, slots)
            for number, text in _given(groups)
            if text != "*"  # fits a name that lacks the group, too
        ]
        return all_of(present(place.table, place.column), *own)
    text = groups.alphabetic
    if not text:
        return NEVER
    return any_of(*(wildcard(place.table, column, text, slots) for column in place.groups))


def _given(groups: NameGroups) -> list[tuple[int, str]]:
    texts = (groups.alphabetic, groups.ideographic, groups.phonetic)
    return [(number, text) for number, text in enumerate(texts) if text]


def _word(word: str, place: Place, slots: Slots) -> Tree:
    if not is_storable(word) or "^" in word or "=" in word:
        return NEVER
    # A component may hold several words: `van der Berg` is one family name.
    begins = (slots.containing("^" + word), slots.containing(" " + word))
    return any_of(
        *(("component", place.table, column, slot) for column in place.groups for slot in begins)
    )


def _unfit(condition: Condition) -> InvalidQuery:
    attribute = condition.attribute
    kind = type(condition).__name__
    msg = f"{attribute.keyword} (VR {attribute.vr}) cannot be matched by {kind}. Change the key"
    return InvalidQuery(msg)
