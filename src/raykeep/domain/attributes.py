"""The attributes that the index keeps in columns, and how each is matched.

One table for the scanner that reads them, the database that stores them, the
edges that parse queries and write answers, and the conformance statement.
Sources: PS3.4 section C.6.1 and C.6.2 (query keys), PS3.18 section 10.6
(what QIDO-RS must match and return).
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """A level of the query/retrieve hierarchy (PS3.4 C.6), with its DICOM value."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    INSTANCE = "IMAGE"

    @property
    def depth(self) -> int:
        """0 for patient down to 3 for instance."""
        return _DEPTH[self.value]


_DEPTH = {"PATIENT": 0, "STUDY": 1, "SERIES": 2, "IMAGE": 3}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One indexed attribute.

    Attributes:
        tag: Group and element as one number, 0xGGGGEEEE.
        keyword: DICOM keyword, PS3.6.
        vr: Value representation, two letters.
        level: The entity that it belongs to.
        multiple: More than one value may stand there, parted by backslashes.
        derived: Computed by the archive (counts, sets), not read from an instance.
        items: For a sequence, the attributes that are indexed within its items.
    """

    tag: int
    keyword: str
    vr: str
    level: Level
    multiple: bool = False
    derived: bool = False
    items: tuple["Attribute", ...] = ()

    @property
    def column(self) -> str:
        """Name of the database column: the keyword in snake_case."""
        return _snake(self.keyword)


def _snake(keyword: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", keyword)
    return text.lower().replace("i_ds", "ids")


def _at(
    level: Level, tag: int, keyword: str, vr: str, *, multiple: bool = False, derived: bool = False
) -> Attribute:
    return Attribute(tag, keyword, vr, level, multiple, derived)


_P, _S, _E, _I = Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE


def _code_sequence(level: Level, tag: int, keyword: str) -> Attribute:
    items = (
        _at(level, 0x00080100, "CodeValue", "SH"),
        _at(level, 0x00080102, "CodingSchemeDesignator", "SH"),
        _at(level, 0x00080104, "CodeMeaning", "LO"),
    )
    return Attribute(tag, keyword, "SQ", level, items=items)


ATTRIBUTES: tuple[Attribute, ...] = (
    # --- patient
    _at(_P, 0x00100010, "PatientName", "PN"),
    _at(_P, 0x00100020, "PatientID", "LO"),
    _at(_P, 0x00100021, "IssuerOfPatientID", "LO"),
    _at(_P, 0x00100030, "PatientBirthDate", "DA"),
    _at(_P, 0x00100032, "PatientBirthTime", "TM"),
    _at(_P, 0x00100040, "PatientSex", "CS"),
    _at(_P, 0x00101000, "OtherPatientIDs", "LO", multiple=True),
    _at(_P, 0x00101001, "OtherPatientNames", "PN", multiple=True),
    _at(_P, 0x00102160, "EthnicGroup", "SH"),
    _at(_P, 0x00104000, "PatientComments", "LT"),
    _at(_P, 0x00201200, "NumberOfPatientRelatedStudies", "IS", derived=True),
    _at(_P, 0x00201202, "NumberOfPatientRelatedSeries", "IS", derived=True),
    _at(_P, 0x00201204, "NumberOfPatientRelatedInstances", "IS", derived=True),
    # --- study
    _at(_S, 0x0020000D, "StudyInstanceUID", "UI"),
    _at(_S, 0x00080020, "StudyDate", "DA"),
    _at(_S, 0x00080030, "StudyTime", "TM"),
    _at(_S, 0x00080050, "AccessionNumber", "SH"),
    _at(_S, 0x00200010, "StudyID", "SH"),
    _at(_S, 0x00080090, "ReferringPhysicianName", "PN"),
    _at(_S, 0x00081030, "StudyDescription", "LO"),
    _at(_S, 0x00081060, "NameOfPhysiciansReadingStudy", "PN", multiple=True),
    _at(_S, 0x00081080, "AdmittingDiagnosesDescription", "LO", multiple=True),
    _at(_S, 0x00101010, "PatientAge", "AS"),
    _at(_S, 0x00101020, "PatientSize", "DS"),
    _at(_S, 0x00101030, "PatientWeight", "DS"),
    _at(_S, 0x00102180, "Occupation", "SH"),
    _at(_S, 0x001021B0, "AdditionalPatientHistory", "LT"),
    _at(_S, 0x00080201, "TimezoneOffsetFromUTC", "SH"),
    _code_sequence(_S, 0x00081032, "ProcedureCodeSequence"),
    _at(_S, 0x00080061, "ModalitiesInStudy", "CS", multiple=True, derived=True),
    _at(_S, 0x00080062, "SOPClassesInStudy", "UI", multiple=True, derived=True),
    _at(_S, 0x00201206, "NumberOfStudyRelatedSeries", "IS", derived=True),
    _at(_S, 0x00201208, "NumberOfStudyRelatedInstances", "IS", derived=True),
    # --- series
    _at(_E, 0x0020000E, "SeriesInstanceUID", "UI"),
    _at(_E, 0x00080060, "Modality", "CS"),
    _at(_E, 0x00200011, "SeriesNumber", "IS"),
    _at(_E, 0x0008103E, "SeriesDescription", "LO"),
    _at(_E, 0x00080021, "SeriesDate", "DA"),
    _at(_E, 0x00080031, "SeriesTime", "TM"),
    _at(_E, 0x00180015, "BodyPartExamined", "CS"),
    _at(_E, 0x00200060, "Laterality", "CS"),
    _at(_E, 0x00080070, "Manufacturer", "LO"),
    _at(_E, 0x00080080, "InstitutionName", "LO"),
    _at(_E, 0x00081010, "StationName", "SH"),
    _at(_E, 0x00081050, "PerformingPhysicianName", "PN", multiple=True),
    _at(_E, 0x00081070, "OperatorsName", "PN", multiple=True),
    _at(_E, 0x00181030, "ProtocolName", "LO"),
    _at(_E, 0x00400244, "PerformedProcedureStepStartDate", "DA"),
    _at(_E, 0x00400245, "PerformedProcedureStepStartTime", "TM"),
    _at(_E, 0x00400253, "PerformedProcedureStepID", "SH"),
    Attribute(
        0x00400275,
        "RequestAttributesSequence",
        "SQ",
        _E,
        items=(
            _at(_E, 0x00400009, "ScheduledProcedureStepID", "SH"),
            _at(_E, 0x00401001, "RequestedProcedureID", "SH"),
        ),
    ),
    _at(_E, 0x00201209, "NumberOfSeriesRelatedInstances", "IS", derived=True),
    # --- instance
    _at(_I, 0x00080018, "SOPInstanceUID", "UI"),
    _at(_I, 0x00080016, "SOPClassUID", "UI"),
    _at(_I, 0x00200013, "InstanceNumber", "IS"),
    _at(_I, 0x00080023, "ContentDate", "DA"),
    _at(_I, 0x00080033, "ContentTime", "TM"),
    _at(_I, 0x00080022, "AcquisitionDate", "DA"),
    _at(_I, 0x00080032, "AcquisitionTime", "TM"),
    _at(_I, 0x00200012, "AcquisitionNumber", "IS"),
    _at(_I, 0x00280010, "Rows", "US"),
    _at(_I, 0x00280011, "Columns", "US"),
    _at(_I, 0x00280100, "BitsAllocated", "US"),
    _at(_I, 0x00280008, "NumberOfFrames", "IS"),
    _at(_I, 0x00400512, "ContainerIdentifier", "LO"),
    _at(_I, 0x0040A491, "CompletionFlag", "CS"),
    _at(_I, 0x0040A493, "VerificationFlag", "CS"),
    _at(_I, 0x00700080, "ContentLabel", "CS"),
    _code_sequence(_I, 0x0040A043, "ConceptNameCodeSequence"),
    _at(_I, 0x00083002, "AvailableTransferSyntaxUID", "UI", multiple=True, derived=True),
)

BY_TAG: dict[int, Attribute] = {a.tag: a for a in ATTRIBUTES}
BY_KEYWORD: dict[str, Attribute] = {a.keyword: a for a in ATTRIBUTES}

UNIQUE_KEY: dict[Level, Attribute] = {
    Level.PATIENT: BY_KEYWORD["PatientID"],
    Level.STUDY: BY_KEYWORD["StudyInstanceUID"],
    Level.SERIES: BY_KEYWORD["SeriesInstanceUID"],
    Level.INSTANCE: BY_KEYWORD["SOPInstanceUID"],
}


def of_level(level: Level, *, stored: bool = False) -> tuple[Attribute, ...]:
    """Attributes of one level; with `stored`, only plain ones that are read from instances."""
    return tuple(
        a for a in ATTRIBUTES if a.level is level and not (stored and (a.derived or a.items))
    )
