"""The matching rules of PS3.4 C.2.2.2 once more: plain, slow, and without a word of SQL."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from raykeep.domain.access import Scope, StudyRef
from raykeep.domain.attributes import BY_KEYWORD, BY_TAG, UNIQUE_KEY, Attribute, Level
from raykeep.domain.instance import Instance, InstanceState, Match, Values
from raykeep.domain.names import name_groups
from raykeep.domain.query import (
    Condition,
    Equals,
    FuzzyName,
    InSequence,
    IsEmpty,
    OneOf,
    Query,
    Range,
    Wildcard,
)

LEVELS = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE)
IDENTITY = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")


@dataclass(eq=False)
class Entity:
    """A patient, study, series or instance."""

    level: Level
    number: int
    facility: str
    values: dict[int, str]
    sequences: dict[int, tuple[Values, ...]]
    above: "Entity | None" = None
    below: list["Entity"] = field(default_factory=list)

    def value(self, keyword: str) -> str | None:
        return self.values.get(BY_KEYWORD[keyword].tag)


class Model:
    """The archive as objects."""

    def __init__(self, instances: Iterable[Instance]) -> None:
        self.entities: dict[Level, list[Entity]] = {level: [] for level in LEVELS}
        known: dict[tuple[object, ...], Entity] = {}
        for one in instances:
            if one.state is InstanceState.QUARANTINED:
                continue
            values = one.attributes.values
            identity = tuple(values.get(BY_KEYWORD[k].tag, "") for k in IDENTITY)
            study = known.get((one.facility, one.study_instance_uid))
            if study is None:
                patient = self._make(known, ("p", one.facility, identity), Level.PATIENT, one, None)
                study = self._make(
                    known, (one.facility, one.study_instance_uid), Level.STUDY, one, patient
                )
            series_key = (one.facility, one.study_instance_uid, one.series_instance_uid)
            series = self._make(known, series_key, Level.SERIES, one, study)
            self._make(
                known, ("i", one.facility, one.sop_instance_uid), Level.INSTANCE, one, series
            )

    def _make(
        self,
        known: dict[tuple[object, ...], Entity],
        key: tuple[object, ...],
        level: Level,
        one: Instance,
        above: Entity | None,
    ) -> Entity:
        if key in known:
            return known[key]
        here = {tag for tag, a in BY_TAG.items() if a.level is level and not a.derived}
        entity = Entity(
            level,
            len(self.entities[level]),
            one.facility,
            {
                tag: plain(value) if BY_TAG[tag].vr == "DA" else value
                for tag, value in one.attributes.values.items()
                if tag in here
            },
            {tag: items for tag, items in one.attributes.sequences.items() if tag in here},
            above,
        )
        if level is Level.INSTANCE:
            entity.values[BY_KEYWORD["AvailableTransferSyntaxUID"].tag] = one.transfer_syntax_uid
        known[key] = entity
        self.entities[level].append(entity)
        if above is not None:
            above.below.append(entity)
        return entity

    # --- the law -----------------------------------------------------------------------------

    def search(self, query: Query, scope: Scope) -> list[Match]:
        """All matches within limit and offset, in order."""
        found = self.matching(query, scope)
        found.sort(key=_order if query.newest_first else lambda e: e.number)
        end = None if query.limit is None else query.offset + max(query.limit, 0)
        return [self._shown(entity, query, scope) for entity in found[query.offset : end]]

    def matching(self, query: Query, scope: Scope) -> list[Entity]:
        """All matches, in no order."""
        return [e for e in self.entities[query.level] if self._fits(e, query, scope)]

    def _fits(self, entity: Entity, query: Query, scope: Scope) -> bool:
        at: Entity | None = entity
        while at is not None:
            if not self._fits_here(at, query, scope):
                return False
            at = at.above
        lowest = max((c.attribute.level.depth for c in query.conditions), default=0)
        return self._fits_below(entity, query, scope, max(lowest, Level.STUDY.depth))

    def _fits_here(self, entity: Entity, query: Query, scope: Scope) -> bool:
        if entity.level is Level.STUDY and not scope.contains(study_ref(entity)):
            return False
        values = self.all_values(entity, scope)
        return all(
            matches(c, values, entity.sequences)
            for c in query.conditions
            if c.attribute.level is entity.level
        )

    def _fits_below(self, entity: Entity, query: Query, scope: Scope, lowest: int) -> bool:
        if entity.level.depth >= lowest:
            return True
        return any(
            self._fits_here(child, query, scope) and self._fits_below(child, query, scope, lowest)
            for child in entity.below
        )

    def all_values(self, entity: Entity, scope: Scope) -> dict[int, str]:
        """Read and derived values of an entity."""
        derived: dict[str, object] = {}
        if entity.level is Level.PATIENT:
            studies = [s for s in entity.below if scope.contains(study_ref(s))]
            series = [e for s in studies for e in s.below]
            derived = {
                "NumberOfPatientRelatedStudies": len(studies),
                "NumberOfPatientRelatedSeries": len(series),
                "NumberOfPatientRelatedInstances": sum(len(e.below) for e in series),
            }
        elif entity.level is Level.STUDY:
            classes = {i.value("SOPClassUID") for e in entity.below for i in e.below}
            derived = {
                "ModalitiesInStudy": "\\".join(sorted(modalities(entity))),
                "SOPClassesInStudy": "\\".join(sorted(classes)),
                "NumberOfStudyRelatedSeries": len(entity.below),
                "NumberOfStudyRelatedInstances": sum(len(e.below) for e in entity.below),
            }
        elif entity.level is Level.SERIES:
            derived = {"NumberOfSeriesRelatedInstances": len(entity.below)}
        return entity.values | {BY_KEYWORD[k].tag: str(v) for k, v in derived.items()}

    def _shown(self, entity: Entity, query: Query, scope: Scope) -> Match:
        values: dict[int, str] = {}
        sequences: dict[int, tuple[Values, ...]] = {}
        asked = set(query.returns) | {
            UNIQUE_KEY[level].tag for level in LEVELS[: query.level.depth + 1]
        }
        at: Entity | None = entity
        while at is not None:
            own = self.all_values(at, scope)
            values |= {tag: value for tag, value in own.items() if tag in asked}
            sequences |= {tag: items for tag, items in at.sequences.items() if tag in asked}
            at = at.above
        return Match(entity.facility, values, sequences)


def study_ref(study: Entity) -> StudyRef:
    """What a scope asks about a study."""
    date = study.value("StudyDate") or ""
    year = int(date[:4]) if re.match("[0-9]{4}", date) else 0
    return StudyRef(study.facility, study.value("StudyInstanceUID"), modalities(study), year)


def modalities(study: Entity) -> frozenset[str]:
    """Modalities of all its series."""
    found = (series.value("Modality") or "" for series in study.below)
    return frozenset(one for text in found for one in text.split("\\") if one)


def _order(entity: Entity) -> tuple[object, ...]:
    if entity.level is Level.PATIENT:
        return (-entity.number,)
    if entity.level is Level.STUDY:
        date = entity.value("StudyDate") or ""
        date = date if re.fullmatch("[0-9]{8}", date) else ""
        time = padded(entity.value("StudyTime") or "") or ""
        return (_backwards(date), _backwards(time), -entity.number)
    keyword = "SeriesNumber" if entity.level is Level.SERIES else "InstanceNumber"
    text = (entity.value(keyword) or "").strip()
    number = int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else 2**31
    return (*_order(entity.above), number, entity.number)


def _backwards(text: str) -> tuple[int, ...]:
    """Sorts the other way round; the shorter of two that begin alike comes last."""
    return (*(-ord(c) for c in text), 1)


# --- one condition -----------------------------------------------------------------------------


def matches(condition: Condition, values: Values, sequences: dict[int, tuple[Values, ...]]) -> bool:
    """Whether an entity's own values satisfy a condition on it."""
    attribute = condition.attribute
    if isinstance(condition, InSequence):
        return any(
            all(matches(inner, item, {}) for inner in condition.conditions)
            for item in sequences.get(attribute.tag, ())
        )
    if attribute.items:
        assert isinstance(condition, IsEmpty)
        return not sequences.get(attribute.tag)
    text = values.get(attribute.tag) or ""
    if isinstance(condition, IsEmpty):
        return text == ""
    test = _test(condition)
    return any(value != "" and test(value) for value in split(attribute, text))


def split(attribute: Attribute, text: str) -> list[str]:
    return text.split("\\") if attribute.multiple else [text]


def _test(condition: Condition) -> Callable[[str], bool]:
    name = condition.attribute.vr == "PN"
    match condition:
        case Equals():
            return lambda value: _same(condition.value, value, name=name)
        case OneOf():
            return lambda value: any(_same(one, value, name=name) for one in condition.values)
        case Wildcard() if name:
            return lambda value: _name_fits(condition.pattern, value, like)
        case Wildcard():
            return lambda value: like(condition.pattern, value)
        case Range():
            return lambda value: _in_range(condition, value)
        case FuzzyName():
            return lambda value: _fuzzy(condition.words, value)
    raise AssertionError(condition)


def _same(wanted: str, value: str, *, name: bool) -> bool:
    if not name:
        return wanted == value
    return _name_fits(wanted, value, lambda key, group: key == group)


def groups_of(name: str) -> tuple[str, str, str]:
    groups = name_groups(name)
    return (groups.alphabetic, groups.ideographic, groups.phonetic)


def _name_fits(key: str, value: str, test: Callable[[str, str], bool]) -> bool:
    asked, there = groups_of(key), groups_of(value)
    if "=" not in key:
        return any(group != "" and test(asked[0], group) for group in there)
    return all(
        set(mine) == {"*"} or (bool(theirs) and test(mine, theirs))
        for mine, theirs in zip(asked, there, strict=True)
        if mine
    )


def like(pattern: str, value: str) -> bool:
    """`*` any text, `?` one character, all else itself."""
    parts = [".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern]
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def padded(text: str) -> str | None:
    """A time with all its digits."""
    form = r"([01][0-9]|2[0-3])(:?[0-5][0-9](:?([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?"
    if not re.fullmatch(form, text):
        return None
    whole, _, fraction = text.replace(":", "").partition(".")
    return f"{whole:0<6}.{fraction:0<6}"


def plain(date: str) -> str:
    """A date without the dots of ACR-NEMA."""
    return date.replace(".", "") if re.fullmatch(r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}", date) else date


def _in_range(condition: Range, value: str) -> bool:
    if condition.attribute.vr == "TM":
        time = padded(value)
        if time is None:
            return False
        value = time
    elif not re.fullmatch("[0-9]{8}", value):
        return False
    return (condition.low is None or condition.low <= value) and (
        condition.high is None or value <= condition.high
    )


def _fuzzy(words: tuple[str, ...], value: str) -> bool:
    components = [part for group in groups_of(value) for part in group.split("^")]
    # A word may begin within a component, behind a space.
    begins = [part for component in components for part in (component, *_after_spaces(component))]
    return all(any(part.startswith(word) for part in begins) for word in words)


def _after_spaces(text: str) -> list[str]:
    return [text[place + 1 :] for place, char in enumerate(text) if char == " "]
