"""What a search asks: one form for C-FIND, QIDO-RS and the web list.

Matching as in PS3.4 section C.2.2.2. A key with universal matching is no
condition and does not appear among `Query.conditions`.
"""

from dataclasses import dataclass, field

from raykeep.domain.attributes import Attribute, Level


@dataclass(frozen=True, slots=True)
class Equals:
    """Single value matching (C.2.2.2.1), exact; names are compared folded (`domain.names`)."""

    attribute: Attribute
    value: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """List of UID matching (C.2.2.2.2), and QIDO-RS lists of values."""

    attribute: Attribute
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Wild card matching (C.2.2.2.4): `*` any text, also none; `?` one character."""

    attribute: Attribute
    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """Range matching (C.2.2.2.5) on dates and times, both ends included.

    `low` and `high` are in the form of the stored value: `YYYYMMDD` for DA,
    `HHMMSS.FFFFFF` padded to full length for TM; None is an open end.
    """

    attribute: Attribute
    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True)
class IsEmpty:
    """Empty value matching (C.2.2.2.7): the attribute has no value."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class FuzzyName:
    """Fuzzy semantic matching of a name (PS3.18 8.3.4.2): every word begins a word of a name.

    `words` are folded; order and component do not matter.
    """

    attribute: Attribute
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InSequence:
    """Sequence matching (C.2.2.2.6): one item satisfies all `conditions`."""

    attribute: Attribute
    conditions: tuple["Equals | OneOf | Wildcard | Range | IsEmpty", ...]


Condition = Equals | OneOf | Wildcard | Range | IsEmpty | FuzzyName | InSequence


@dataclass(frozen=True, slots=True)
class Query:
    """One search.

    Attributes:
        level: The entities that are wanted.
        conditions: All must hold. Those of higher levels restrict, too; those of lower
            levels hold when one entity below satisfies them (relational query).
        returns: Tags that the answer shall carry, of `level` and of the levels above;
            the unique keys of these levels are always there.
        limit: At most so many matches; None for all.
        offset: So many matches are passed over first.
        newest_first: Order of studies by date and time, then by key; series and
            instances come by number. False only where no order is wanted.
    """

    level: Level
    conditions: tuple[Condition, ...] = ()
    returns: frozenset[int] = field(default_factory=frozenset)
    limit: int | None = None
    offset: int = 0
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Count:
    """How many match: exact up to a cap, and beyond it only 'more than'."""

    value: int
    exact: bool
