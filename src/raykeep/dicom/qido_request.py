"""QIDO-RS requests: parameters of a URL become a query (PS3.18 sections 8.3.4 and 10.6)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from raykeep.dicom.dictionary import TAGS, VRS
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.matching import EMPTY_VALUE, condition_for, plain_condition
from raykeep.domain.attributes import ATTRIBUTES, BY_KEYWORD, BY_TAG, Attribute, Level
from raykeep.domain.errors import InvalidQuery, shown
from raykeep.domain.query import Condition, Equals, InSequence, Query
from raykeep.domain.uids import UID

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_LISTS: Final = frozenset({"UI", "CS"})  # VRs whose values hold no comma
_REPEATED: Final = "includefield"
# Said about the answer, not about what is searched for; the server reads them (8.3.3.1).
_ABOUT_THE_ANSWER: Final = frozenset({"accept", "charset"})

# What comes back unasked (tables 10.6.3-3 to 10.6.3-5), as far as the index has it.
_ALWAYS: Final[dict[Level, tuple[str, ...]]] = {
    Level.STUDY: (
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "ModalitiesInStudy",
        "ReferringPhysicianName",
        "TimezoneOffsetFromUTC",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyID",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: (
        "Modality",
        "TimezoneOffsetFromUTC",
        "SeriesDescription",
        "SeriesInstanceUID",
        "SeriesNumber",
        "NumberOfSeriesRelatedInstances",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "RequestAttributesSequence",
    ),
    Level.INSTANCE: (
        "SOPClassUID",
        "SOPInstanceUID",
        "TimezoneOffsetFromUTC",
        "InstanceNumber",
        "Rows",
        "Columns",
        "BitsAllocated",
        "NumberOfFrames",
    ),
}
_ALWAYS_TAGS: Final = {
    level: frozenset(BY_KEYWORD[keyword].tag for keyword in keywords)
    for level, keywords in _ALWAYS.items()
}
_AT_HAND: Final = {
    level: frozenset(a.tag for a in ATTRIBUTES if a.level.depth <= level.depth) for level in Level
}


@dataclass(frozen=True, slots=True)
class QidoRequest:
    """One QIDO-RS request.

    Attributes:
        query: What to search for; `query.returns` holds the tags of the answer, and
            `query.limit` is as given, and never more than one answer may hold.
        fuzzy: Fuzzy matching of names was asked for.
    """

    query: Query
    fuzzy: bool


def query_from_parameters(
    level: Level,
    parameters: Iterable[tuple[str, str]],
    *,
    study_instance_uid: str | None = None,
    series_instance_uid: str | None = None,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> QidoRequest:
    """Read the parameters of a search.

    Attributes are named by keyword, by eight hexadecimal digits, or within a sequence by a
    path of these with a dot between them. Lists of UIDs and of codes are parted by commas or
    backslashes.

    Args:
        level: What the path asks for: studies, series or instances.
        parameters: Names and values, percent-decoded, in order; names may repeat.
        study_instance_uid: Of the path.
        series_instance_uid: Of the path.
        limits: Bounds on keys and values.

    Raises:
        InvalidQuery: a parameter is unknown or does not fit; the message names it (400).
        InvalidUID: a UID of the path is not one.
    """
    given = _Parameters(limits)
    for name, value in parameters:
        given.take(name, value)
    fixed = [
        Equals(BY_KEYWORD[keyword], UID(uid))
        for keyword, uid in (
            ("StudyInstanceUID", study_instance_uid),
            ("SeriesInstanceUID", series_instance_uid),
        )
        if uid is not None
    ]
    conditions = given.conditions()
    returns = _returned(level, conditions, given)
    returns |= _ALWAYS_TAGS[level]
    if study_instance_uid is None:
        returns |= _ALWAYS_TAGS[Level.STUDY]
    if level is Level.INSTANCE and series_instance_uid is None:
        returns |= _ALWAYS_TAGS[Level.SERIES]
    limit = given.number("limit")
    query = Query(
        level,
        (*fixed, *conditions),
        frozenset(returns),
        limit=None if limit is None else min(limit, limits.page),
        offset=given.number("offset") or 0,
    )
    return QidoRequest(query, given.flag("fuzzymatching"))


def _returned(level: Level, conditions: list[Condition], given: "_Parameters") -> set[int]:
    at_hand = _AT_HAND[level]
    asked = {condition.attribute.tag for condition in conditions} | given.included
    return set(at_hand) if given.includes_all else asked & at_hand


@dataclass(slots=True)
class _Parameters:
    """What was read of the parameters so far."""

    limits: DataSetLimits
    values: dict[tuple[Attribute, Attribute | None], str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    included: set[int] = field(default_factory=set)
    includes_all: bool = False

    def take(self, name: str, value: str) -> None:
        """Read one parameter."""
        if name == _REPEATED:
            self._include(value)
        elif name in _SETTINGS:
            if name in self.settings:
                raise InvalidQuery(f"{name} is given twice. Give it once")
            self.settings[name] = value
        elif name not in _ABOUT_THE_ANSWER:
            self._match(name, value)

    def conditions(self) -> list[Condition]:
        """The conditions of all matching parameters."""
        fuzzy, literal = self.flag("fuzzymatching"), self._empty_is_literal()
        found: list[Condition] = []
        within: dict[Attribute, list[Equals]] = {}
        for (attribute, item), value in self.values.items():
            if literal and value.strip() == EMPTY_VALUE:
                raise InvalidQuery(f"{attribute.keyword} is empty. Set emptyvaluematching=true")
            if item is None:
                condition = condition_for(attribute, value, fuzzy=fuzzy, limits=self.limits)
                if condition is not None:
                    found.append(condition)
            else:
                inner = plain_condition(item, value, limits=self.limits)
                if inner is not None:
                    within.setdefault(attribute, []).append(inner)  # type: ignore[arg-type]
        found += [InSequence(attribute, tuple(inner)) for attribute, inner in within.items()]
        return found

    def flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        value = self.settings.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise InvalidQuery(f"{name} is true or false, not {shown(value)}. Correct it")
        return value == "true"

    def number(self, name: str) -> int | None:
        """A parameter that is a number from 0, None when it is not given."""
        value = self.settings.get(name)
        if value is None:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise InvalidQuery(
                f"{name} is a whole number from 0 of up to nine digits, not {shown(value)}. "
                "Correct it"
            )
        return int(value)

    def _empty_is_literal(self) -> bool:
        return "emptyvaluematching" in self.settings and not self.flag("emptyvaluematching")

    def _include(self, value: str) -> None:
        for name in value.split(",", self.limits.query_keys):
            if name == "all":
                self.includes_all = True
            elif name:
                # Attributes that are not in the index cannot come back, which the standard
                # allows; what is no attribute at all is a mistake.
                self.included.add(_tag(name.split(".")[0], name))
        if len(self.included) > self.limits.query_keys:
            raise InvalidQuery(
                f"includefield names more than {self.limits.query_keys} attributes. Name fewer"
            )

    def _match(self, name: str, value: str) -> None:
        outer, _, inner = name.partition(".")
        attribute = BY_TAG.get(_tag(outer, name))
        item = None
        if attribute is not None and inner:
            tag = _tag(inner, name)
            item = next((one for one in attribute.items if one.tag == tag), None)
        if attribute is None or (bool(inner) != (item is not None)):
            raise InvalidQuery(f"{shown(name)} is no attribute that can be matched. Leave it out")
        key = attribute, item
        leaf = item or attribute
        if leaf.vr in _LISTS:
            value = value.replace(",", "\\")
        if key in self.values:
            if leaf.vr not in _LISTS:
                raise InvalidQuery(f"{leaf.keyword} is given twice. Give it once")
            value = f"{self.values[key]}\\{value}"
        self.values[key] = value
        if len(self.values) > self.limits.query_keys:
            raise InvalidQuery(
                f"the search has more than {self.limits.query_keys} keys. Ask for less at once"
            )


_SETTINGS: Final = frozenset(
    {"emptyvaluematching", "fuzzymatching", "limit", "multiplevaluematching", "offset"}
)


def _tag(name: str, whole: str) -> int:
    tag = int(name, 16) if _TAG.fullmatch(name) else TAGS.get(name)
    if tag is None or (tag not in VRS and tag not in BY_TAG):
        raise InvalidQuery(f"{shown(whole)} is no parameter of a search. Correct or remove it")
    return tag
