"""All matching of PS3.4 C.2.2.2 by findscu: levels, wildcards, ranges, lists, sequences, cancel."""

from pathlib import Path

import pytest

from tests.interop.archive.matching import CASES, Case, LongSeries, series_uid, study_uid
from tests.interop.archive.peers import PATIENT_ROOT, Peer


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_search_finds_just_what_matches(studies: Peer, case: Case, tmp_path: Path) -> None:
    (found,) = studies.find_each([case.identifier()], tmp_path)

    assert sorted(one.StudyID for one in found) == list(case.found)


def test_the_series_of_a_study_are_found(studies: Peer, tmp_path: Path) -> None:
    found = studies.find(
        f"StudyInstanceUID={study_uid('A')}",
        "SeriesInstanceUID",
        "Modality",
        "NumberOfSeriesRelatedInstances",
        level="SERIES",
        folder=tmp_path,
    )

    assert {(one.SeriesInstanceUID, one.Modality) for one in found} == {
        (series_uid("A", 1), "CT"),
        (series_uid("A", 2), "MR"),
    }
    assert {one.NumberOfSeriesRelatedInstances for one in found} == {1}


def test_a_series_is_found_by_a_key_within_a_sequence(studies: Peer, tmp_path: Path) -> None:
    found = studies.find(
        f"StudyInstanceUID={study_uid('A')}",
        "SeriesInstanceUID",
        "RequestAttributesSequence[0].RequestedProcedureID=RP7",
        level="SERIES",
        folder=tmp_path,
    )

    assert [one.SeriesInstanceUID for one in found] == [series_uid("A", 1)]
    (item,) = found[0].RequestAttributesSequence
    assert item.RequestedProcedureID == "RP7"


def test_the_instances_of_a_series_are_found(studies: Peer, tmp_path: Path) -> None:
    (found,) = studies.find(
        f"StudyInstanceUID={study_uid('A')}",
        f"SeriesInstanceUID={series_uid('A', 2)}",
        "SOPInstanceUID",
        "SOPClassUID",
        "AvailableTransferSyntaxUID",
        level="IMAGE",
        folder=tmp_path,
    )

    assert found.SOPInstanceUID == f"{series_uid('A', 2)}.1"
    assert found.AvailableTransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_counts_and_modalities_of_a_study_are_told(studies: Peer, tmp_path: Path) -> None:
    (found,) = studies.find(
        f"StudyInstanceUID={study_uid('A')}",
        "ModalitiesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
        folder=tmp_path,
    )

    assert sorted(found.ModalitiesInStudy) == ["CT", "MR"]
    assert (found.NumberOfStudyRelatedSeries, found.NumberOfStudyRelatedInstances) == (2, 2)


def test_the_patient_root_model_goes_down_from_the_patient(studies: Peer, tmp_path: Path) -> None:
    patients = studies.find(
        "PatientID=MATCH-*",
        "PatientName",
        level="PATIENT",
        model=PATIENT_ROOT,
        folder=tmp_path,
    )
    (study,) = studies.find(
        "PatientID=MATCH-C",
        "StudyInstanceUID",
        model=PATIENT_ROOT,
        folder=tmp_path,
    )

    assert sorted(one.PatientID for one in patients) == [f"MATCH-{label}" for label in "ABCD"]
    assert study.StudyInstanceUID == study_uid("C")


def test_a_search_below_no_study_is_refused(studies: Peer) -> None:
    printed = studies.dcmtk(
        "findscu", "-v", "-S", "-k", "QueryRetrieveLevel=SERIES", "-k", "SeriesInstanceUID",
    )  # fmt: skip

    assert "Received Final Find Response (Error: DataSetDoesNotMatchSOPClass)" in printed


def test_a_cancelled_search_ends_before_its_matches_do(series_of_600: LongSeries) -> None:
    keys = [f"{keyword}={value}" for keyword, value in series_of_600.keys.items()]
    options = [part for key in keys for part in ("-k", key)]

    printed = series_of_600.peer.dcmtk("findscu", "-v", "-S", "--cancel", "3", *options)

    assert "Received Final Find Response (Cancel" in printed
    assert 3 <= printed.count("(Pending)") < LongSeries.length
