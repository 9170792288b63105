"""Conditions that an index of their own can answer: tried first, with a bound.

When few rows fit such a condition, the search starts from them. When many do, walking the
studies from the newest finds a page of matches soon, and costs less.
"""

from dataclasses import dataclass

from raykeep.adapters.sql.conditions import literal_prefix
from raykeep.adapters.sql.trees import Slots, Tree
from raykeep.adapters.sql.values import folded, is_storable
from raykeep.domain.attributes import BY_KEYWORD
from raykeep.domain.query import Condition, Equals, FuzzyName, OneOf, Range, Wildcard

SHORTEST_RUN = 3  # letters of a trigram
_MOST_RUNS = 4  # of one condition; more would narrow little

# An exact value of these is at one place of an index: no probe is needed.
KEYS = frozenset(
    BY_KEYWORD[keyword].tag
    for keyword in (
        "PatientID",
        "StudyInstanceUID",
        "AccessionNumber",
        "SeriesInstanceUID",
        "SOPInstanceUID",
    )
)
_NAME = BY_KEYWORD["PatientName"].tag
_PREFIXES = {BY_KEYWORD["PatientID"].tag: "patient", BY_KEYWORD["AccessionNumber"].tag: "study"}
_OTHER_IDS = BY_KEYWORD["OtherPatientIDs"].tag
_BIRTH_DATE = BY_KEYWORD["PatientBirthDate"].tag
_MODALITIES = BY_KEYWORD["ModalitiesInStudy"].tag


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to one index.

    Attributes:
        finds: `patient` or `study`: whose rows it finds.
        table: Where it looks.
        number: The column there that holds the number of the row.
        level: In `multi_value`, the level.
        tag: In `multi_value`, the attribute.
        tree: What must hold there; with `trigrams`, nothing.
        trigrams: Slots of patterns for the trigram index of names; they find at least all
            that the condition wants.
        indexed: False when the table is looked through.
    """

    finds: str
    table: str
    tree: Tree = ()
    number: str = "id"
    level: int = 0
    tag: int = 0
    trigrams: tuple[int, ...] = ()
    indexed: bool = True


def is_key(condition: Condition) -> bool:
    """Whether the condition names rows by an exact key."""
    return condition.attribute.tag in KEYS and isinstance(condition, Equals | OneOf)


def probe_for(condition: Condition, tree: Tree, slots: Slots) -> Probe | None:
    """The probe for a condition, if an index can answer it."""
    tag = condition.attribute.tag
    if tag == _NAME:
        return _name_probe(condition, tree, slots)
    if tag in _PREFIXES and isinstance(condition, Wildcard) and literal_prefix(condition.pattern):
        return Probe(_PREFIXES[tag], _PREFIXES[tag], tree)
    if tag == _MODALITIES and isinstance(condition, Equals | OneOf):
        return Probe("study", "study_modality", tree[-1], "study_row")
    if tag == _OTHER_IDS and isinstance(condition, Equals | OneOf):
        return Probe("patient", "multi_value", tree[-1], "owner", 0, tag)
    if tag == _BIRTH_DATE and isinstance(condition, Equals | OneOf | Range):
        return Probe("patient", "patient", tree)
    return None


def _name_probe(condition: Condition, tree: Tree, slots: Slots) -> Probe | None:
    if isinstance(condition, Equals | OneOf):
        return Probe("patient", "patient", tree)
    if isinstance(condition, FuzzyName):
        words = sorted(condition.words, key=len, reverse=True)[:_MOST_RUNS]
        return _trigrams(words, slots) or Probe("patient", "patient", tree, indexed=False)
    if isinstance(condition, Wildcard) and is_storable(condition.pattern):
        groups = folded(condition.pattern)
        given = [g for g in (groups.alphabetic, groups.ideographic, groups.phonetic) if g]
        if any(literal_prefix(text) for text in given):
            return Probe("patient", "patient", tree)
        runs = [run for text in given for run in text.replace("?", "*").split("*")]
        # Without three letters the patients are looked through, who are fewer than studies.
        by_letters = _trigrams(sorted(runs, key=len, reverse=True)[:_MOST_RUNS], slots)
        return by_letters or Probe("patient", "patient", tree, indexed=False)
    return None


def _trigrams(runs: list[str], slots: Slots) -> Probe | None:
    long_enough = [run for run in runs if len(run) >= SHORTEST_RUN]
    if not long_enough:
        return None
    return Probe("patient", "patient", trigrams=tuple(slots.containing(run) for run in long_enough))
