"""Matches become the identifiers of C-FIND responses (PS3.4 section C.4.1.1.3.2)."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from raykeep.dicom.find_request import FindRequest, InformationModel, query_from_identifier
from raykeep.dicom.identifier import MatchEncoder
from raykeep.domain.ae_title import AETitle
from raykeep.domain.attributes import ATTRIBUTES, BY_KEYWORD, Level
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Match
from raykeep.domain.query import Query
from tests.builders import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    encode,
)

ENCODINGS = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN]


def request(
    *keywords: str, charset: tuple[str, ...] = (), level: Level = Level.STUDY
) -> FindRequest:
    tags = tuple(BY_KEYWORD[keyword].tag for keyword in keywords)
    return FindRequest(Query(level, returns=frozenset(tags)), tags, frozenset(), charset)


def match(sequences: dict | None = None, **values: str) -> Match:
    tags = {BY_KEYWORD[keyword].tag: text for keyword, text in values.items()}
    return Match(FacilityName("main"), tags, sequences or {})


def answered(asked: FindRequest, found: Match, syntax: str = IMPLICIT_VR_LITTLE_ENDIAN) -> Dataset:
    encoder = MatchEncoder(asked, retrieve_ae_title=AETitle("RAYKEEP"), transfer_syntax_uid=syntax)
    form = uid.UID(syntax)
    return read_dataset(BytesIO(encoder.encode(found)), form.is_implicit_VR, form.is_little_endian)


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_an_answer_has_what_was_asked_and_nothing_else(syntax: str) -> None:
    code = BY_KEYWORD["ProcedureCodeSequence"]
    asked = request(
        "PatientName", "PatientID", "StudyInstanceUID", "StudyDescription",
        "ModalitiesInStudy", "ProcedureCodeSequence", "NumberOfStudyRelatedSeries",
    )  # fmt: skip
    found = match(
        {code.tag: ({code.items[0].tag: "1", code.items[1].tag: "LN"},)},
        PatientName="Doe^Jane",
        PatientID="A1",
        StudyInstanceUID="1.2.3",
        ModalitiesInStudy="CT\\SR",
        NumberOfStudyRelatedSeries="3",
        AccessionNumber="not asked for",
    )
    ds = answered(asked, found, syntax)

    assert ds.PatientName == "Doe^Jane"
    assert ds.StudyInstanceUID == "1.2.3"
    assert ds.StudyDescription is None or ds.StudyDescription == ""
    assert list(ds.ModalitiesInStudy) == ["CT", "SR"]
    assert ds.NumberOfStudyRelatedSeries == 3
    assert ds.ProcedureCodeSequence[0].CodeValue == "1"
    assert ds.ProcedureCodeSequence[0].CodingSchemeDesignator == "LN"
    assert ds.QueryRetrieveLevel == "STUDY"
    assert ds.RetrieveAETitle == "RAYKEEP"
    assert ds.InstanceAvailability == "ONLINE"
    assert "AccessionNumber" not in ds
    assert "SpecificCharacterSet" not in ds
    assert len(ds) == 10
    assert [element.tag for element in ds] == sorted(element.tag for element in ds)


def test_numbers_are_binary_and_wrong_ones_are_empty() -> None:
    asked = request("Rows", "Columns", level=Level.INSTANCE)
    ds = answered(asked, match(Rows="512", Columns="70000"))

    assert ds.Rows == 512
    assert ds.Columns is None
    assert ds.QueryRetrieveLevel == "IMAGE"


@pytest.mark.parametrize(
    ("charset", "name", "answer"),
    [
        ((), "Doe^Jane", None),
        (("ISO_IR 100",), "Doe^Jane", "ISO_IR 100"),
        (("ISO_IR 100",), "Müller^Jörg", "ISO_IR 100"),
        (("ISO_IR 100",), "王^小東", "ISO_IR 192"),
        ((), "Müller", "ISO_IR 192"),
        (("", "ISO 2022 IR 87"), "Yamada^Tarou=山田^太郎", ["", "ISO 2022 IR 87"]),
    ],
)
def test_text_comes_in_the_requestors_character_set_if_it_fits(
    charset: tuple[str, ...], name: str, answer: object
) -> None:
    asked = request("PatientName", charset=charset)
    for syntax in ENCODINGS:
        ds = answered(asked, match(PatientName=name), syntax)

        assert str(ds.PatientName) == name
        assert ds.get("SpecificCharacterSet") == answer


def test_text_within_sequences_decides_too() -> None:
    code = BY_KEYWORD["ProcedureCodeSequence"]
    asked = request("ProcedureCodeSequence")
    ds = answered(asked, match({code.tag: ({code.items[2].tag: "Schädel"},)}))

    assert ds.SpecificCharacterSet == "ISO_IR 192"
    assert ds.ProcedureCodeSequence[0].CodeMeaning == "Schädel"


def test_an_empty_sequence_has_no_items() -> None:
    ds = answered(request("ProcedureCodeSequence"), match())

    assert len(ds.ProcedureCodeSequence) == 0


def test_an_answer_to_a_request_that_was_read() -> None:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.RetrieveAETitle = ""
    ds.PatientName = "D*"
    raw = encode(ds, EXPLICIT_VR_LITTLE_ENDIAN)
    asked = query_from_identifier(InformationModel.STUDY_ROOT, raw, EXPLICIT_VR_LITTLE_ENDIAN)
    found = answered(asked, match(PatientName="Doe"), EXPLICIT_VR_LITTLE_ENDIAN)

    assert (found.PatientName, found.RetrieveAETitle) == ("Doe", "RAYKEEP")


@given(st.data(), st.sampled_from(ENCODINGS))
def test_any_text_can_be_answered(data: st.DataObject, syntax: str) -> None:
    plain = [a for a in ATTRIBUTES if not a.items]
    attribute = data.draw(st.sampled_from(plain))
    text = data.draw(st.text(max_size=40))
    asked = request(attribute.keyword, level=Level.INSTANCE, charset=("ISO_IR 100",))

    ds = answered(asked, match(**{attribute.keyword: text}), syntax)

    assert attribute.tag in ds
