"""Matches become the DICOM JSON of QIDO-RS (PS3.18 section 10.6.3 and annex F)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from raykeep.dicom.json import MatchJson
from raykeep.domain.attributes import ATTRIBUTES, BY_KEYWORD, Level
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Match

BASE = "https://archive/dicom-web"
UIDS = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3", "SOPInstanceUID": "1.4"}


def told(
    *keywords: str, level: Level = Level.STUDY, sequences: dict | None = None, **values: str
) -> dict:
    returns = [BY_KEYWORD[keyword].tag for keyword in keywords or values]
    found = {BY_KEYWORD[keyword].tag: text for keyword, text in {**UIDS, **values}.items()}
    text = MatchJson(level, returns, base_url=BASE).encode(
        Match(FacilityName("main"), found, sequences or {})
    )
    parsed = json.loads(text)
    assert list(parsed) == sorted(parsed)  # F.2.2
    return parsed


def test_an_answer_has_what_was_asked_and_what_is_always_there() -> None:
    found = told(PatientID="A1", StudyDescription="Head")

    assert found == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00081030": {"vr": "LO", "Value": ["Head"]},
        "00081190": {"vr": "UR", "Value": [f"{BASE}/studies/1.2"]},
        "00100020": {"vr": "LO", "Value": ["A1"]},
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
    }


@pytest.mark.parametrize(
    ("level", "url"),
    [
        (Level.STUDY, "/studies/1.2"),
        (Level.SERIES, "/studies/1.2/series/1.3"),
        (Level.INSTANCE, "/studies/1.2/series/1.3/instances/1.4"),
    ],
)
def test_the_retrieve_url_is_that_of_the_level(level: Level, url: str) -> None:
    assert told("Modality", level=level)["00081190"]["Value"] == [BASE + url]


def test_numbers_are_numbers() -> None:
    found = told(
        level=Level.INSTANCE, Rows="512", SeriesNumber="7", PatientSize="1.80", InstanceNumber="1A"
    )

    assert found["00280010"]["Value"] == [512]
    assert found["00200011"]["Value"] == [7]
    assert found["00101020"]["Value"] == [1.8]
    assert found["00200013"]["Value"] == ["1A"]


def test_names_have_groups_and_lists_have_several() -> None:
    found = told(PatientName="A^B=王", ModalitiesInStudy="CT\\SR", OtherPatientNames="A\\\\B=C")

    assert found["00100010"]["Value"] == [{"Alphabetic": "A^B", "Ideographic": "王"}]
    assert found["00080061"]["Value"] == ["CT", "SR"]
    assert found["00101001"]["Value"] == [
        {"Alphabetic": "A"},
        None,
        {"Alphabetic": "B", "Ideographic": "C"},
    ]


def test_empty_attributes_have_no_value_and_unknown_ones_are_not_there() -> None:
    found = told("PatientID", "StudyID", "ProcedureCodeSequence", PatientID="")

    assert found["00100020"] == {"vr": "LO"}
    assert "00200010" not in found
    assert "00081032" not in found


def test_sequences_have_their_items() -> None:
    code = BY_KEYWORD["ProcedureCodeSequence"]
    value, _, meaning = code.items
    rows = ({value.tag: "1", meaning.tag: 'He"ad'}, {value.tag: ""})
    found = told("ProcedureCodeSequence", sequences={code.tag: rows})

    assert found["00081032"]["Value"] == [
        {
            "00080100": {"vr": "SH", "Value": ["1"]},
            "00080104": {"vr": "LO", "Value": ['He"ad']},
        },
        {"00080100": {"vr": "SH"}},
    ]
    assert told("ProcedureCodeSequence", sequences={code.tag: ()})["00081032"] == {"vr": "SQ"}


def test_tags_that_are_not_in_the_index_are_passed_over() -> None:
    encoder = MatchJson(Level.STUDY, [0x00180050], base_url=BASE)

    assert b"00180050" not in encoder.encode(Match(FacilityName("main"), {}, {}))


@given(st.data())
def test_any_text_is_told_exactly_and_read_back_by_pydicom(data: st.DataObject) -> None:
    plain = [a for a in ATTRIBUTES if not a.items and a.vr in {"LO", "SH", "CS", "DA", "LT"}]
    attribute = data.draw(st.sampled_from(plain))
    text = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
    found = told(attribute.keyword, level=Level.INSTANCE, **{attribute.keyword: text})
    value = found[f"{attribute.tag:08X}"].get("Value", [""])

    if attribute.vr == "LT":
        assert value == [text]
    else:
        assert [one or "" for one in value] == text.split("\\")
    if text.isascii() and text.isprintable() and attribute.vr in {"LO", "LT"}:
        assert Dataset.from_json(json.dumps(found))


@given(st.sampled_from([a for a in ATTRIBUTES if a.vr in {"IS", "DS", "US"}]), st.text(max_size=20))
def test_what_is_no_number_is_told_as_text(attribute, text: str) -> None:
    def fail(constant: str) -> None:
        raise AssertionError(constant)

    found = {attribute.tag: text}
    encoder = MatchJson(Level.INSTANCE, [attribute.tag], base_url=BASE)
    try:
        raw = encoder.encode(Match(FacilityName("main"), found, {}))
    except UnicodeEncodeError:
        return  # half a surrogate pair: nothing that the scanner or the database gives
    json.loads(raw, parse_constant=fail)
