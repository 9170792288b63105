"""Identifiers of C-FIND requests become queries (PS3.4 section C.4.1)."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from raykeep.dicom.find_request import FindRequest, InformationModel, query_from_identifier
from raykeep.dicom.limits import DataSetLimits
from raykeep.domain.attributes import BY_KEYWORD, Level
from raykeep.domain.errors import InvalidQuery, LimitExceeded, MalformedDataSet
from raykeep.domain.query import Equals, FuzzyName, InSequence, OneOf, Range, Wildcard
from tests.builders import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    encode,
)

PATIENT_ROOT, STUDY_ROOT = InformationModel.PATIENT_ROOT, InformationModel.STUDY_ROOT
ENCODINGS = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN]


def identifier(level: str | None = "STUDY", **keys: object) -> Dataset:
    ds = Dataset()
    if level is not None:
        ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def asked(
    ds: Dataset,
    model: InformationModel = STUDY_ROOT,
    syntax: str = IMPLICIT_VR_LITTLE_ENDIAN,
    **options: object,
) -> FindRequest:
    return query_from_identifier(model, encode(ds, syntax), syntax, **options)


def tag(keyword: str) -> int:
    return BY_KEYWORD[keyword].tag


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_keys_become_conditions_and_columns(syntax: str) -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "", "*head*"
    request = asked(
        identifier(
            PatientName="Doe*",
            PatientID="",
            StudyDate="20260101-",
            StudyInstanceUID=["1.2", "1.3"],
            ModalitiesInStudy="CT",
            NumberOfStudyRelatedSeries="",
            ProcedureCodeSequence=Sequence([item]),
        ),
        syntax=syntax,
    )
    name, date, uid = (BY_KEYWORD[k] for k in ("PatientName", "StudyDate", "StudyInstanceUID"))
    code = BY_KEYWORD["ProcedureCodeSequence"]

    assert request.query.level is Level.STUDY
    assert set(request.query.conditions) == {
        Wildcard(name, "Doe*"),
        Range(date, "20260101", None),
        OneOf(uid, ("1.2", "1.3")),
        Equals(BY_KEYWORD["ModalitiesInStudy"], "CT"),
        InSequence(code, (Equals(code.items[0], "1"), Wildcard(code.items[2], "*head*"))),
    }
    assert request.query.returns == set(request.requested)
    assert list(request.requested) == sorted(request.requested)
    assert tag("PatientID") in request.requested
    assert request.unsupported == frozenset()


def test_keys_of_instances_may_be_numbers() -> None:
    above = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}
    rows = asked(identifier("IMAGE", Rows=512, **above)).query.conditions
    none = asked(identifier("IMAGE", Rows=None, **above)).query.conditions

    assert Equals(BY_KEYWORD["Rows"], "512") in rows
    assert len(none) == 2


@pytest.mark.parametrize(
    ("model", "level", "fits"),
    [
        (PATIENT_ROOT, "PATIENT", True),
        (STUDY_ROOT, "PATIENT", False),
        (STUDY_ROOT, "STUDY", True),
        (STUDY_ROOT, "study", False),
        (STUDY_ROOT, "", False),
        (STUDY_ROOT, None, False),
        (STUDY_ROOT, "INSTANCE", False),
    ],
)
def test_the_level_must_be_one_of_the_model(
    model: InformationModel, level: str | None, *, fits: bool
) -> None:
    if fits:
        assert asked(identifier(level), model).query.level is Level(level)
        return
    ds = identifier(None)
    if level is not None:
        ds.add_new(0x00080052, "LO", level)
    with pytest.raises(InvalidQuery, match="QueryRetrieveLevel"):
        asked(ds, model)


@pytest.mark.parametrize(
    ("model", "level", "keys", "missing"),
    [
        (STUDY_ROOT, "SERIES", {}, "StudyInstanceUID"),
        (STUDY_ROOT, "SERIES", {"StudyInstanceUID": ""}, "StudyInstanceUID"),
        (STUDY_ROOT, "SERIES", {"StudyInstanceUID": ["1.2", "1.3"]}, "StudyInstanceUID"),
        (STUDY_ROOT, "IMAGE", {"StudyInstanceUID": "1.2"}, "SeriesInstanceUID"),
        (PATIENT_ROOT, "STUDY", {}, "PatientID"),
        (PATIENT_ROOT, "SERIES", {"PatientID": "A"}, "StudyInstanceUID"),
    ],
)
def test_levels_above_are_fixed_by_one_value_of_their_key(
    model: InformationModel, level: str, keys: dict, missing: str
) -> None:
    with pytest.raises(InvalidQuery, match=missing):
        asked(identifier(level, **keys), model)

    assert asked(identifier(level, **keys), model, relational=True)


def test_what_is_no_key_here_is_told() -> None:
    request = asked(
        identifier(
            PatientName="",
            SliceThickness="1",
            SeriesNumber="1",
            NumberOfStudyRelatedSeries="3",
        )
    )

    assert request.unsupported == {0x00180050, 0x00200011, 0x00201206}
    assert request.query.conditions == ()
    assert request.requested == (tag("PatientName"), 0x00201206)


def test_unknown_keys_within_a_sequence_are_told_too() -> None:
    item = Dataset()
    item.CodingSchemeVersion = "1"
    item.CodingSchemeDesignator = "LN"
    request = asked(identifier(ProcedureCodeSequence=Sequence([item])))

    assert request.unsupported == {0x00080103}
    assert len(request.query.conditions) == 1


def test_a_sequence_without_items_is_asked_for_and_matches_all() -> None:
    for items in ([], [Dataset()]):
        request = asked(identifier(ProcedureCodeSequence=Sequence(items)))

        assert request.query.conditions == ()
        assert request.requested == (tag("ProcedureCodeSequence"),)


def test_what_is_about_the_request_is_no_key() -> None:
    request = asked(
        identifier(
            SpecificCharacterSet="ISO_IR 100",
            TimezoneOffsetFromUTC="+0100",
            RetrieveAETitle="",
            InstanceAvailability="",
            PatientID="",
        )
    )

    assert request.specific_character_set == ("ISO_IR 100",)
    assert request.query.conditions == ()
    assert request.unsupported == frozenset()
    assert request.query.returns == {tag("PatientID"), tag("TimezoneOffsetFromUTC")}
    assert set(request.requested) >= {0x00080054, 0x00080056}


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192"])
def test_names_are_read_in_the_character_set_of_the_request(charset: str) -> None:
    request = asked(identifier(SpecificCharacterSet=charset, PatientName="Müller"))

    assert request.query.conditions == (Equals(BY_KEYWORD["PatientName"], "Müller"),)


def test_names_are_matched_fuzzily_where_that_was_negotiated() -> None:
    request = asked(identifier(PatientName="müller jörg"), fuzzy=True)

    assert request.query.conditions == (FuzzyName(BY_KEYWORD["PatientName"], ("muller", "jorg")),)


def test_keys_that_are_not_what_they_should_be_are_refused() -> None:
    two = identifier(ProcedureCodeSequence=Sequence([Dataset(), Dataset()]))
    with pytest.raises(InvalidQuery, match="ProcedureCodeSequence has several items"):
        asked(two)
    odd = Dataset()
    odd.add_new(0x00100020, "SQ", Sequence([Dataset()]))
    odd.QueryRetrieveLevel = "STUDY"
    with pytest.raises(InvalidQuery, match=r"PatientID .* is no sequence"):
        asked(odd, syntax=EXPLICIT_VR_LITTLE_ENDIAN)
    year = struct.pack("<HHI", 0x0008, 0x0020, 4) + b"2026"
    with pytest.raises(InvalidQuery, match="StudyDate"):
        query_from_identifier(
            STUDY_ROOT,
            year + encode(identifier(), IMPLICIT_VR_LITTLE_ENDIAN),
            IMPLICIT_VR_LITTLE_ENDIAN,
        )


def test_identifiers_are_bounded() -> None:
    many = identifier(**dict.fromkeys(("PatientID", "PatientName", "StudyID", "StudyDate"), ""))
    for limits, what in (
        (DataSetLimits(identifier_bytes=10), "identifier"),
        (DataSetLimits(identifier_elements=3), "number of elements"),
        (DataSetLimits(query_keys=3), "keys of a query"),
    ):
        with pytest.raises(LimitExceeded, match=what):
            asked(many, limits=limits)


@given(st.binary(max_size=200), st.sampled_from(ENCODINGS))
def test_any_bytes_are_a_query_or_refused(noise: bytes, syntax: str) -> None:
    level = encode(identifier("STUDY"), syntax)
    for raw in (noise, level + noise):
        with suppress(InvalidQuery, MalformedDataSet, LimitExceeded):
            query_from_identifier(STUDY_ROOT, raw, syntax)


def test_deep_nesting_is_refused() -> None:
    begin = struct.pack("<HHI", 0x0008, 0x1032, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    with pytest.raises(MalformedDataSet, match="deep"):
        query_from_identifier(STUDY_ROOT, begin * 60_000, IMPLICIT_VR_LITTLE_ENDIAN)
