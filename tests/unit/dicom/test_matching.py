"""Keys become conditions by the rules of PS3.4 section C.2.2.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.matching import condition_for, is_matchable
from raykeep.domain.attributes import ATTRIBUTES, BY_KEYWORD
from raykeep.domain.errors import InvalidQuery
from raykeep.domain.query import Equals, FuzzyName, IsEmpty, OneOf, Range, Wildcard

NAME = BY_KEYWORD["PatientName"]
PATIENT_ID = BY_KEYWORD["PatientID"]
DATE = BY_KEYWORD["StudyDate"]
TIME = BY_KEYWORD["StudyTime"]
STUDY = BY_KEYWORD["StudyInstanceUID"]
MODALITY = BY_KEYWORD["Modality"]
COMMENTS = BY_KEYWORD["PatientComments"]
NUMBER = BY_KEYWORD["SeriesNumber"]
ROWS = BY_KEYWORD["Rows"]

MATCHABLE = [a for a in ATTRIBUTES if not a.items and is_matchable(a)]


@pytest.mark.parametrize("attribute", MATCHABLE, ids=lambda a: a.keyword)
@pytest.mark.parametrize("value", ["", " ", "\0", "*", "**"])
def test_universal_matching_is_no_condition(attribute, value: str) -> None:
    if value == "**" and attribute.vr not in {"LO", "SH", "PN", "CS", "LT"}:
        return
    assert condition_for(attribute, value) is None


@pytest.mark.parametrize("attribute", MATCHABLE, ids=lambda a: a.keyword)
def test_two_quotation_marks_ask_for_no_value(attribute) -> None:
    assert condition_for(attribute, '""') == IsEmpty(attribute)


def test_one_value_is_matched_exactly() -> None:
    assert condition_for(PATIENT_ID, " A-1 ") == Equals(PATIENT_ID, "A-1")
    assert condition_for(NAME, "Doe^Jane") == Equals(NAME, "Doe^Jane")
    assert condition_for(DATE, "20260102") == Equals(DATE, "20260102")
    assert condition_for(DATE, "2026.01.02") == Equals(DATE, "20260102")
    assert condition_for(NUMBER, "7 ") == Equals(NUMBER, "7")
    assert condition_for(ROWS, "512") == Equals(ROWS, "512")
    assert condition_for(STUDY, "1.2.3\0") == Equals(STUDY, "1.2.3")


def test_wild_cards_match_where_the_vr_has_them() -> None:
    assert condition_for(NAME, "Do*^J?ne") == Wildcard(NAME, "Do*^J?ne")
    assert condition_for(NAME, "Do***") == Wildcard(NAME, "Do*")
    assert condition_for(COMMENTS, "*contrast*") == Wildcard(COMMENTS, "*contrast*")
    for attribute, value in ((STUDY, "1.2.*"), (DATE, "2026*"), (TIME, "1?"), (NUMBER, "1*")):
        with pytest.raises(InvalidQuery, match=attribute.keyword):
            condition_for(attribute, value)


def test_lists_match_any_of_their_values() -> None:
    assert condition_for(STUDY, "1.2\\1.3\\1.2") == OneOf(STUDY, ("1.2", "1.3"))
    assert condition_for(STUDY, "1.2\\1.2") == Equals(STUDY, "1.2")
    assert condition_for(MODALITY, "CT\\MR") == OneOf(MODALITY, ("CT", "MR"))
    assert condition_for(COMMENTS, "a\\b") == Equals(COMMENTS, "a\\b")


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("20260101-20260131", "20260101", "20260131"),
        ("20260101-", "20260101", None),
        ("-20260131", None, "20260131"),
        ("2026.01.01 - 2026.01.31", "20260101", "20260131"),
    ],
)
def test_ranges_of_dates_have_ends_or_none(value: str, low: str | None, high: str | None) -> None:
    assert condition_for(DATE, value) == Range(DATE, low, high)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("10-12", "100000.000000", "125959.999999"),
        ("1030-", "103000.000000", None),
        ("-103015", None, "103015.999999"),
        ("10:30-10:45:10", "103000.000000", "104510.999999"),
        ("1030", "103000.000000", "103059.999999"),
        ("103015.25", "103015.250000", "103015.250000"),
        ("235960", "235960.000000", "235960.999999"),
    ],
)
def test_times_stand_for_all_that_they_leave_open(
    value: str, low: str | None, high: str | None
) -> None:
    assert condition_for(TIME, value) == Range(TIME, low, high)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (DATE, "-"),
        (DATE, "2026"),
        (DATE, "2026-01-02"),
        (DATE, "20260101-20260102-20260103"),
        (DATE, "20260101-today"),
        (DATE, "20260101\\20260102"),
        (DATE, "٢٠٢٦٠١٠٢"),
        (TIME, "25"),
        (TIME, "1"),
        (TIME, "1065"),
        (TIME, "103015.1234567"),
        (TIME, "10\\11"),
        (STUDY, "1.2.3; DROP TABLE study"),
        (STUDY, "../1.2"),
        (STUDY, "1" * 65),
        (STUDY, "1.2\\"),
        (NUMBER, "1 OR 1=1"),
        (ROWS, "many"),
        (MODALITY, "CT\\M*"),
        (NAME, "A\\B*"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(attribute, value: str) -> None:
    with pytest.raises(InvalidQuery, match=attribute.keyword) as refusal:
        condition_for(attribute, value)
    if attribute is not STUDY:
        assert value not in str(refusal.value) or len(value) < 2


def test_counts_are_computed_and_not_matched() -> None:
    with pytest.raises(InvalidQuery, match="NumberOfStudyRelatedSeries"):
        condition_for(BY_KEYWORD["NumberOfStudyRelatedSeries"], "3")
    with pytest.raises(InvalidQuery, match="ProcedureCodeSequence"):
        condition_for(BY_KEYWORD["ProcedureCodeSequence"], "x")


def test_names_without_a_name_match_everything() -> None:
    assert condition_for(NAME, "^^") is None
    assert condition_for(NAME, "==") is None
    assert condition_for(NAME, "* *", fuzzy=True) is None


def test_fuzzy_matching_takes_folded_words() -> None:
    assert condition_for(NAME, "Müller, jörg", fuzzy=True) == FuzzyName(NAME, ("muller", "jorg"))
    assert condition_for(NAME, "Doe^Jane*", fuzzy=True) == FuzzyName(NAME, ("doe", "jane"))
    assert condition_for(NAME, '""', fuzzy=True) == IsEmpty(NAME)
    assert condition_for(PATIENT_ID, "A*", fuzzy=True) == Wildcard(PATIENT_ID, "A*")


def test_values_are_bounded() -> None:
    limits = DataSetLimits(value_characters=10, values_per_key=3, wildcards_per_value=2)
    for attribute, value in (
        (PATIENT_ID, "x" * 11),
        (NAME, "x" * 11),
        (STUDY, "1\\2\\3\\4"),
        (PATIENT_ID, "*a*b*"),
        (PATIENT_ID, "a???"),
    ):
        with pytest.raises(InvalidQuery, match="allowed"):
            condition_for(attribute, value, limits=limits)
    with pytest.raises(InvalidQuery, match="allowed"):
        condition_for(NAME, "x" * 11, fuzzy=True, limits=limits)
    assert condition_for(PATIENT_ID, "*a*", limits=limits) == Wildcard(PATIENT_ID, "*a*")


@given(attribute=st.sampled_from(ATTRIBUTES), value=st.text(max_size=80), fuzzy=st.booleans())
def test_any_value_is_a_condition_or_refused(attribute, value: str, *, fuzzy: bool) -> None:
    try:
        condition = condition_for(attribute, value, fuzzy=fuzzy)
    except InvalidQuery:
        return
    assert condition is None or condition.attribute is attribute
