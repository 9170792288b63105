"""What must be found of a set of stored instances: each value that the index promises to match."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue

# Keys by level: all that PS3.4 C.6.2.1 requires or names for Study Root, and what PS3.18 table
# 10.6.1-5 adds, with those of each level that people search by besides.
STUDY_KEYS = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "StudyID", "PatientName",
    "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip
SERIES_KEYS = (
    "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "SeriesDate",
    "BodyPartExamined", "PerformedProcedureStepStartDate",
)  # fmt: skip
INSTANCE_KEYS = ("SOPInstanceUID", "SOPClassUID", "InstanceNumber", "ContentDate")

UNIQUE = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
_ABOVE = {
    "STUDY": (),
    "SERIES": ("StudyInstanceUID",),
    "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID"),
}
_KEYS = {"STUDY": STUDY_KEYS, "SERIES": SERIES_KEYS, "IMAGE": INSTANCE_KEYS}

# Values of other forms are stored and returned, but are no keys: a date of ACR-NEMA, say.
_FORMS = {"DA": re.compile(r"\d{8}"), "TM": re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")}
_WILDCARDS = frozenset("*?\\")


@dataclass(frozen=True)
class Search:
    """One key with one value, and which entity has to be among the matches.

    Attributes:
        level: STUDY, SERIES or IMAGE.
        keyword: The key.
        value: What is searched for.
        above: Unique keys of the levels above.
        charset: Specific Character Set in which the value was written.
        expected: UID of the entity.
    """

    level: str
    keyword: str
    value: str
    above: tuple[tuple[str, str], ...]
    charset: str | list[str] | None
    expected: str

    def identifier(self) -> Dataset:
        """The identifier of a C-FIND request."""
        query = Dataset()
        if self.charset is not None:
            query.SpecificCharacterSet = self.charset
        query.QueryRetrieveLevel = self.level
        add(query, UNIQUE[self.level], "")
        for keyword, uid in self.above:
            add(query, keyword, uid)
        add(query, self.keyword, self.value)
        return query


def add(query: Dataset, keyword: str, value: str) -> None:
    """Set a key to what a file holds, also where pydicom would write it otherwise."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    query[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE)


def searches(datasets: Iterable[Dataset]) -> list[Search]:
    """Each value of each key at each level, where all instances of the entity agree on it."""
    entities: dict[tuple[str, tuple[str, ...]], list[Dataset]] = defaultdict(list)
    for dataset in datasets:
        for level, above in _ABOVE.items():
            path = tuple(str(dataset[keyword].value) for keyword in (*above, UNIQUE[level]))
            entities[level, path].append(dataset)
    found = []
    for (level, path), members in entities.items():
        above = tuple(zip(_ABOVE[level], path, strict=False))
        for keyword, value in _agreed(_KEYS[level], members):
            charset = members[0].get("SpecificCharacterSet")
            terms = list(charset) if isinstance(charset, MultiValue) else charset
            found.append(Search(level, keyword, value, above, terms or None, path[-1]))
    return found


def _agreed(keywords: Iterable[str], members: list[Dataset]) -> Iterator[tuple[str, str]]:
    for keyword in keywords:
        values = {_text(member, keyword) for member in members}
        if len(values) == 1 and (value := values.pop()):
            yield keyword, value


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as a key; empty when it cannot be one."""
    element = dataset.get(keyword) if keyword not in dataset else dataset[keyword]
    if element is None or isinstance(element.value, MultiValue) or element.value is None:
        return ""
    text = str(element.value).strip()
    form = _FORMS.get(element.VR)
    if (form and not form.fullmatch(text)) or not _WILDCARDS.isdisjoint(text):
        return ""
    return text
