"""C-FIND requests: an identifier becomes a query (PS3.4 section C.4.1)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from raykeep.dicom.charsets import CharacterSet, character_set, terms_of
from raykeep.dicom.dictionary import shown_tag
from raykeep.dicom.elements import Element, Elements, read_elements
from raykeep.dicom.encodings import FIRST_TAG, Encoding, encoding_of
from raykeep.dicom.index_values import number
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.matching import condition_for, is_matchable, plain_condition
from raykeep.dicom.transfer_syntaxes import transfer_syntax
from raykeep.domain.attributes import BY_TAG, UNIQUE_KEY, Attribute, Level
from raykeep.domain.errors import InvalidQuery, LimitExceeded
from raykeep.domain.query import Condition, Equals, InSequence, Query

SPECIFIC_CHARACTER_SET: Final = 0x00080005
QUERY_RETRIEVE_LEVEL: Final = 0x00080052
RETRIEVE_AE_TITLE: Final = 0x00080054
INSTANCE_AVAILABILITY: Final = 0x00080056
_QUERY_RETRIEVE_VIEW: Final = 0x00080053
_TIMEZONE_OFFSET: Final = 0x00080201

# What every answer says whether it was asked for or not, and what is about the request itself.
_ALWAYS: Final = frozenset({RETRIEVE_AE_TITLE, INSTANCE_AVAILABILITY})
_ABOUT: Final = frozenset({SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL, _QUERY_RETRIEVE_VIEW})


class InformationModel(StrEnum):
    """A query/retrieve information model."""

    PATIENT_ROOT = "patient-root"
    STUDY_ROOT = "study-root"

    @property
    def levels(self) -> tuple[Level, ...]:
        """Its levels, from the top."""
        levels = tuple(Level)
        return levels if self is InformationModel.PATIENT_ROOT else levels[1:]


@dataclass(frozen=True, slots=True)
class FindRequest:
    """One C-FIND request.

    Attributes:
        query: What to search for; `query.returns` holds the requested tags that are supported.
        requested: Tags of the identifier that are supported, in its order.
        unsupported: Tags of keys that are neither matched nor returned: pending responses
            then have status FF01H instead of FF00H.
        specific_character_set: Defined terms of the request, for the answers.
    """

    query: Query
    requested: tuple[int, ...]
    unsupported: frozenset[int]
    specific_character_set: tuple[str, ...]


def query_from_identifier(
    model: InformationModel,
    identifier: bytes,
    transfer_syntax_uid: str,
    *,
    relational: bool = False,
    fuzzy: bool = False,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> FindRequest:
    """Read the identifier of a C-FIND request.

    Attributes of levels above that are no unique keys match and return, too: the
    standard leaves them to the SCP, and many peers send them.

    Args:
        model: Of the SOP class.
        identifier: The data set, as it came.
        transfer_syntax_uid: Of the presentation context.
        relational: Relational queries were negotiated (PS3.4 C.5.1.1): unique keys of the
            levels above are not required.
        fuzzy: Fuzzy semantic matching of names was negotiated.
        limits: Bounds on keys and values.

    Raises:
        InvalidQuery: level or keys do not fit the model; the message names the key (A900H).
        MalformedDataSet: the identifier is not a data set.
        LimitExceeded: it is larger than allowed.
    """
    if len(identifier) > limits.identifier_bytes:
        raise LimitExceeded("identifier", len(identifier), limits.identifier_bytes, "bytes")
    syntax = transfer_syntax(transfer_syntax_uid)
    encoding = encoding_of(explicit=syntax.explicit, little_endian=syntax.little_endian)
    elements = read_elements(
        identifier,
        encoding,
        first_tag=FIRST_TAG,
        limits=limits,
        most_elements=limits.identifier_elements,
    )
    terms = terms_of(_raw(elements, SPECIFIC_CHARACTER_SET))
    reader = _Keys(character_set(terms), encoding, _level(model, elements), fuzzy, limits)
    for tag, element in elements.items():
        reader.read(tag, element)
    if not relational:
        _check_hierarchy(model, reader)
    query = Query(reader.level, tuple(reader.conditions), frozenset(reader.requested) - _ALWAYS)
    return FindRequest(query, tuple(reader.requested), frozenset(reader.unsupported), terms)


def _raw(elements: Elements, tag: int) -> bytes:
    found = elements.get(tag)
    return found.value if found else b""


def _level(model: InformationModel, elements: Elements) -> Level:
    text = _raw(elements, QUERY_RETRIEVE_LEVEL).decode("ascii", "replace").strip(" \0")
    for level in model.levels:
        if level.value == text:
            return level
    levels = ", ".join(level.value for level in model.levels)
    msg = f"QueryRetrieveLevel (0008,0052) must be one of {levels} in this model. Correct it"
    raise InvalidQuery(msg)


@dataclass(slots=True)
class _Keys:
    """What was read of the keys so far."""

    characters: CharacterSet
    encoding: Encoding
    level: Level
    fuzzy: bool
    limits: DataSetLimits
    conditions: list[Condition] = field(default_factory=list)
    requested: list[int] = field(default_factory=list)
    unsupported: list[int] = field(default_factory=list)

    def read(self, tag: int, element: Element) -> None:
        """Take one key."""
        if tag in _ABOUT or not tag & 0xFFFF:
            return
        attribute = BY_TAG.get(tag)
        if tag in _ALWAYS:
            self.requested.append(tag)
        elif attribute is None or attribute.level.depth > self.level.depth:
            self.unsupported.append(tag)
        else:
            self.requested.append(tag)
            if len(self.requested) > self.limits.query_keys:
                raise LimitExceeded("keys of a query", len(self.requested), self.limits.query_keys)
            condition = self._condition(attribute, element)
            if condition is not None:
                self.conditions.append(condition)

    def _condition(self, attribute: Attribute, element: Element) -> Condition | None:
        if attribute.items:
            return self._in_sequence(attribute, element)
        text = self._text(attribute, element)
        if attribute.tag == _TIMEZONE_OFFSET:
            return None  # says in which zone the request's own times are (PS3.4 C.4.1.1.3.1)
        if text.strip() and not is_matchable(attribute):
            self.unsupported.append(attribute.tag)
            return None
        return condition_for(attribute, text, fuzzy=self.fuzzy, limits=self.limits)

    def _in_sequence(self, attribute: Attribute, element: Element) -> InSequence | None:
        if len(element.items) > 1:
            msg = f"{attribute.keyword} has several items; a key has one. Ask for each by itself"
            raise InvalidQuery(msg)
        known = {item.tag: item for item in attribute.items}
        conditions = []
        for tag, inner in (element.items[0] if element.items else {}).items():
            item = known.get(tag)
            if item is None:
                self.unsupported.append(tag)
                continue
            condition = plain_condition(item, self._text(item, inner), limits=self.limits)
            if condition is not None:
                conditions.append(condition)
        return InSequence(attribute, tuple(conditions)) if conditions else None

    def _text(self, attribute: Attribute, element: Element) -> str:
        if element.items:
            msg = f"{attribute.keyword} {shown_tag(attribute.tag)} is no sequence. Correct it"
            raise InvalidQuery(msg)
        if attribute.vr == "US":
            value = number(element.value, self.encoding.mark)
            return "" if value is None else str(value)
        return self.characters.decode(element.value, name=attribute.vr == "PN").strip(" \0")


def _check_hierarchy(model: InformationModel, keys: _Keys) -> None:
    """Each level above is fixed by one value of its unique key (PS3.4 section C.4.1.3.1.1)."""
    fixed = {one.attribute.tag for one in keys.conditions if isinstance(one, Equals)}
    for level in model.levels:
        if level.depth >= keys.level.depth:
            return
        unique = UNIQUE_KEY[level]
        if unique.tag not in fixed:
            msg = (
                f"a query at level {keys.level.value} needs one value of {unique.keyword} "
                f"{shown_tag(unique.tag)}. Add it, or negotiate relational queries"
            )
            raise InvalidQuery(msg)
