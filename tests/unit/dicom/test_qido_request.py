"""Parameters of QIDO-RS become queries (PS3.18 sections 8.3.4 and 10.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.qido_request import QidoRequest, query_from_parameters
from raykeep.domain.attributes import ATTRIBUTES, BY_KEYWORD, Level
from raykeep.domain.errors import InvalidQuery, InvalidUID
from raykeep.domain.query import Equals, FuzzyName, InSequence, IsEmpty, OneOf, Range, Wildcard

STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE


def asked(*parameters: tuple[str, str], level: Level = STUDY, **path: object) -> QidoRequest:
    return query_from_parameters(level, parameters, **path)


def tags(*keywords: str) -> set[int]:
    return {BY_KEYWORD[keyword].tag for keyword in keywords}


@pytest.mark.parametrize("name", ["PatientID", "00100020"])
def test_attributes_are_named_by_keyword_or_tag(name: str) -> None:
    assert asked((name, "A1")).query.conditions == (Equals(BY_KEYWORD["PatientID"], "A1"),)


@pytest.mark.parametrize("name", ["0020000d", "0020000D", "StudyInstanceUID"])
@pytest.mark.parametrize("value", ["1.2,1.3", "1.2\\1.3", "1.2,1.3,1.2"])
def test_lists_of_uids_have_commas_or_backslashes(name: str, value: str) -> None:
    uid = BY_KEYWORD["StudyInstanceUID"]

    assert asked((name, value)).query.conditions == (OneOf(uid, ("1.2", "1.3")),)


def test_uids_and_codes_may_come_one_by_one() -> None:
    request = asked(("ModalitiesInStudy", "CT"), ("ModalitiesInStudy", "MR,PT"))

    assert request.query.conditions == (OneOf(BY_KEYWORD["ModalitiesInStudy"], ("CT", "MR", "PT")),)


def test_a_comma_in_a_name_is_a_comma() -> None:
    assert asked(("PatientName", "Doe, Jane")).query.conditions == (
        Equals(BY_KEYWORD["PatientName"], "Doe, Jane"),
    )


def test_values_match_as_in_c_find() -> None:
    request = asked(
        ("PatientName", "Doe*"),
        ("StudyDate", "20260101-20260131"),
        ("StudyTime", "10-12"),
        ("AccessionNumber", '""'),
        ("StudyDescription", ""),
        ("Modality", "CT"),
    )

    assert request.query.conditions == (
        Wildcard(BY_KEYWORD["PatientName"], "Doe*"),
        Range(BY_KEYWORD["StudyDate"], "20260101", "20260131"),
        Range(BY_KEYWORD["StudyTime"], "100000.000000", "125959.999999"),
        IsEmpty(BY_KEYWORD["AccessionNumber"]),
        Equals(BY_KEYWORD["Modality"], "CT"),
    )


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("ProcedureCodeSequence", "CodeValue"), ("00081032", "00080100")],
)
def test_paths_lead_into_sequences(outer: str, inner: str) -> None:
    sequence = BY_KEYWORD["ProcedureCodeSequence"]
    value, scheme, _ = sequence.items
    request = asked(
        (f"{outer}.{inner}", "1"), ("ProcedureCodeSequence.CodingSchemeDesignator", "LN")
    )

    assert request.query.conditions == (
        InSequence(sequence, (Equals(value, "1"), Equals(scheme, "LN"))),
    )
    assert sequence.tag in request.query.returns


def test_universal_keys_within_sequences_are_no_condition() -> None:
    assert asked(("ProcedureCodeSequence.CodeValue", "")).query.conditions == ()


def test_fuzzy_matching_is_for_names() -> None:
    request = asked(("PatientName", "doe jane"), ("PatientID", "A*"), ("fuzzymatching", "TRUE"))

    assert request.fuzzy
    assert request.query.conditions == (
        FuzzyName(BY_KEYWORD["PatientName"], ("doe", "jane")),
        Wildcard(BY_KEYWORD["PatientID"], "A*"),
    )
    assert not asked(("fuzzymatching", "false")).fuzzy


def test_pages_are_as_asked_and_not_larger_than_allowed() -> None:
    assert asked(("limit", "10"), ("offset", "20")).query.limit == 10
    assert asked(("limit", "10"), ("offset", "20")).query.offset == 20
    assert asked().query.limit is None
    assert asked().query.offset == 0
    assert asked(("limit", "999999999")).query.limit == DataSetLimits().page


def test_what_always_comes_back_depends_on_the_path() -> None:
    study = tags("StudyDate", "PatientID", "ModalitiesInStudy", "NumberOfStudyRelatedInstances")
    series = tags("Modality", "SeriesNumber", "RequestAttributesSequence")
    instance = tags("SOPClassUID", "InstanceNumber", "Rows", "NumberOfFrames")

    assert study <= asked().query.returns
    assert not series & asked().query.returns
    assert series | study <= asked(level=SERIES).query.returns
    within = asked(level=SERIES, study_instance_uid="1.2").query.returns
    assert series <= within
    assert not study & within
    assert instance | series | study <= asked(level=INSTANCE).query.returns
    inside = asked(level=INSTANCE, study_instance_uid="1.2", series_instance_uid="1.3").query
    assert instance <= inside.returns
    assert not (series | study) & inside.returns


def test_the_path_restricts_the_search() -> None:
    request = asked(level=INSTANCE, study_instance_uid="1.2", series_instance_uid="1.3")

    assert request.query.conditions == (
        Equals(BY_KEYWORD["StudyInstanceUID"], "1.2"),
        Equals(BY_KEYWORD["SeriesInstanceUID"], "1.3"),
    )


def test_fields_are_included_by_name_by_list_or_all() -> None:
    assert tags("StudyDescription") <= asked(("includefield", "StudyDescription")).query.returns
    both = asked(("includefield", "00081030,PatientAge"), ("includefield", "PatientSize"))
    assert tags("StudyDescription", "PatientAge", "PatientSize") <= both.query.returns
    everything = asked(("includefield", "all")).query.returns
    assert everything == {a.tag for a in ATTRIBUTES if a.level.depth <= STUDY.depth}
    nested = asked(("includefield", "ProcedureCodeSequence.CodeValue")).query.returns
    assert tags("ProcedureCodeSequence") <= nested


def test_known_fields_that_are_not_indexed_are_passed_over() -> None:
    plain = asked().query.returns

    assert asked(("includefield", "SliceThickness,00280030")).query.returns == plain
    assert asked(("includefield", "SeriesNumber")).query.returns == plain  # of a level below
    assert asked(("includefield", ",")).query.returns == plain


def test_matched_attributes_come_back() -> None:
    assert tags("StudyDescription") <= asked(("StudyDescription", "x")).query.returns


def test_what_is_said_about_the_answer_is_no_key() -> None:
    assert asked(("accept", "application/dicom+json"), ("charset", "utf-8")).query.conditions == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PatientNam", "x"),
        ("orderby", "PatientName"),
        ("includefield", "Nothing"),
        ("includefield", "00100020'"),
        ("99990001", "x"),
        ("SliceThickness", "1"),
        ("PatientID.CodeValue", "1"),
        ("ProcedureCodeSequence", "1"),
        ("ProcedureCodeSequence.PatientID", "1"),
        ("ProcedureCodeSequence.CodeValue.x", "1"),
        ("RequestAttributesSequence.CodeValue", "1"),
        ("fuzzymatching", "maybe"),
        ("emptyvaluematching", "1"),
        ("limit", "-1"),
        ("limit", "1e3"),
        ("limit", ""),
        ("limit", "9" * 10),
        ("limit", "٣"),
        ("offset", "1000000000000"),
        ("offset", "x"),
        ("NumberOfStudyRelatedSeries", "3"),
        ("StudyDate", "yesterday"),
        ("", "x"),
    ],
)
def test_a_parameter_that_is_unknown_or_does_not_fit_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidQuery) as refusal:
        asked((name, value))
    culprit = value.rstrip("'") if name == "includefield" else name.partition(".")[0]
    assert culprit in str(refusal.value) or "CodeValue" in str(refusal.value)


@pytest.mark.parametrize("name", ["PatientID", "limit", "offset", "fuzzymatching"])
def test_what_can_be_given_once_is_refused_twice(name: str) -> None:
    with pytest.raises(InvalidQuery, match=f"{name} is given twice"):
        asked((name, "1"), (name, "1"))


def test_empty_value_matching_can_be_switched_off() -> None:
    empty = ("PatientID", '""')

    assert asked(empty, ("emptyvaluematching", "true")).query.conditions
    with pytest.raises(InvalidQuery, match="emptyvaluematching"):
        asked(empty, ("emptyvaluematching", "false"))


@pytest.mark.parametrize("uid", ["", "1.02", "../x", "1.2/../3", "1" * 65])
def test_a_path_without_uid_is_refused(uid: str) -> None:
    with pytest.raises(InvalidUID):
        asked(level=SERIES, study_instance_uid=uid)


def test_searches_are_bounded() -> None:
    limits = DataSetLimits(query_keys=2, values_per_key=3, value_characters=8)
    for parameters in (
        [("PatientID", "1"), ("PatientName", "1"), ("StudyID", "1")],
        [("includefield", "PatientID,PatientName,StudyID")],
        [("StudyInstanceUID", "1,2,3,4")],
        [("PatientID", "x" * 9)],
    ):
        with pytest.raises(InvalidQuery):
            query_from_parameters(STUDY, parameters, limits=limits)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.text(max_size=12), st.sampled_from([a.keyword for a in ATTRIBUTES])),
            st.text(max_size=24),
        ),
        max_size=6,
    ),
    st.sampled_from([STUDY, SERIES, INSTANCE]),
)
def test_any_parameters_are_a_query_or_refused(
    parameters: list[tuple[str, str]], level: Level
) -> None:
    try:
        request = query_from_parameters(level, parameters)
    except InvalidQuery:
        return
    assert request.query.level is level
