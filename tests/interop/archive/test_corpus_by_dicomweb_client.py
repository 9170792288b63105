"""DICOMweb by a client of others: STOW, QIDO and WADO over the whole corpus."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.tag import BaseTag, Tag

from tests.corpus import CorpusFile, corpus
from tests.interop.archive.comparing import (
    assert_same_content,
    content_of,
    digest_of,
    read,
    recorded_digests,
)
from tests.interop.archive.matching import CASES, Case, series_uid, study_uid
from tests.interop.archive.peers import Peer, Peers
from tests.interop.archive.searches import UNIQUE, Search, searches
from tests.running import RunningArchive

# pydicom remarks on values of some files; what the archive makes of them is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

AS_STORED = (("application/dicom", "*"),)
BYTES = ("application/octet-stream",)

Stored = list[list[tuple[CorpusFile, Dataset]]]
Json = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def peers(archive: RunningArchive) -> Peers:
    return Peers.enrolled(archive, "WEB")


@pytest.fixture(scope="module")
def stored(peers: Peers) -> Stored:
    """The whole corpus by rank, each rank in one request of many parts."""
    found: Stored = []
    for rank, peer in enumerate(peers.by_rank):
        datasets = [(file, _consistent(file)) for file in corpus() if file.rank == rank]
        with peer.dicomweb() as client:
            answer = client.store_instances([dataset for _, dataset in datasets])
        assert "FailedSOPSequence" not in answer, answer
        assert len(answer.ReferencedSOPSequence) == len(datasets)
        found.append(datasets)
    return found


def _consistent(file: CorpusFile) -> Dataset:
    """The file; seven of them are refused as they are (`comparing.consistent`)."""
    dataset = file.read()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


@pytest.fixture(scope="module")
def rank_0(peers: Peers, stored: Stored) -> tuple[Peer, list[Dataset]]:
    return peers.by_rank[0], [dataset for _, dataset in stored[0]]


# --- WADO-RS ------------------------------------------------------------------------------------


def test_every_data_set_comes_back_unchanged(
    archive: RunningArchive, peers: Peers, stored: Stored
) -> None:
    """By digest of what was received, and of the same content as the file (pydicom encoded it)."""
    for peer, datasets in zip(peers.by_rank, stored, strict=True):
        digests = recorded_digests(archive, peer.token_id)
        with peer.dicomweb() as client, peer.http() as http:
            for file, sent in datasets:
                uids = (sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID)
                returned = client.retrieve_instance(*uids, media_types=AS_STORED)
                assert_same_content(file.name, sent, returned)
                raw = peer.retrieve(http, sent)
                assert digest_of(raw) == digests[str(sent.SOPInstanceUID)], file.name
                assert_same_content(file.name, sent, read(raw))


def test_studies_and_series_come_back_whole(rank_0: tuple[Peer, list[Dataset]]) -> None:
    peer, datasets = rank_0
    studies: dict[str, set[str]] = defaultdict(set)
    series: dict[tuple[str, str], set[str]] = defaultdict(set)
    for dataset in datasets:
        studies[dataset.StudyInstanceUID].add(dataset.SOPInstanceUID)
        series[dataset.StudyInstanceUID, dataset.SeriesInstanceUID].add(dataset.SOPInstanceUID)
    with peer.dicomweb() as client:
        for study, instances in studies.items():
            found = client.retrieve_study(study, media_types=AS_STORED)
            assert sorted(one.SOPInstanceUID for one in found) == sorted(instances)
        for path, instances in series.items():
            found = client.retrieve_series(*path, media_types=AS_STORED)
            assert sorted(one.SOPInstanceUID for one in found) == sorted(instances)


def test_metadata_with_its_bulk_data_is_the_data_set(
    rank_0: tuple[Peer, list[Dataset]],
) -> None:
    """Each instance's JSON, read by pydicom, bulk data fetched by reference: equal to the file."""
    peer, datasets = rank_0
    with peer.dicomweb() as client:
        for sent in datasets:
            uids = (sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID)
            returned = _from_json(client, client.retrieve_instance_metadata(*uids))
            for element in content_of(sent):
                assert element.tag in returned, (uids, element)
                assert _plain(sent, element.tag) == _plain(returned, element.tag), (uids, element)


def _plain(dataset: Dataset, tag: BaseTag) -> object:
    """A value, without what JSON may tell otherwise."""
    element = dataset[tag]
    if tag == Tag("SpecificCharacterSet"):
        return None  # JSON is UTF-8, whatever the file was written in
    if tag == Tag("PixelData"):
        # Frames of compressed pixels come each by itself, without the items around them.
        meta = getattr(dataset, "file_meta", None)
        compressed = meta is not None and meta.TransferSyntaxUID.is_compressed
        return b"".join(_frames(dataset)) if compressed else element.value
    if tag.is_private:
        return None  # of VR UN, unless the reader has a dictionary of its own, as pydicom has
    if element.VR == "CS":
        return str(element.value).replace(" '", "'")  # pydicom leaves the padding of some
    return element


def _from_json(client: DICOMwebClient, metadata: Json) -> Dataset:
    def fetch(_tag: str, _vr: str, uri: str) -> bytes:
        return b"".join(client.retrieve_bulkdata(uri))

    return Dataset.from_json(metadata, fetch)


def test_metadata_of_studies_and_series_is_that_of_their_instances(
    rank_0: tuple[Peer, list[Dataset]],
) -> None:
    peer, datasets = rank_0
    with peer.dicomweb() as client:
        for dataset in datasets[::10]:
            study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
            for found in (
                client.retrieve_study_metadata(study),
                client.retrieve_series_metadata(study, series),
            ):
                one = next(o for o in found if _uid(o, "SOPInstanceUID") == dataset.SOPInstanceUID)
                assert one == client.retrieve_instance_metadata(
                    study, series, dataset.SOPInstanceUID
                )


def test_frames_come_back_as_they_are_stored(rank_0: tuple[Peer, list[Dataset]]) -> None:
    peer, datasets = rank_0
    compared = 0
    with peer.dicomweb() as client:
        for sent in datasets:
            if "PixelData" not in sent:
                continue
            wanted = _frames(sent)
            uids = (sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID)
            numbers = range(1, min(len(wanted), 40) + 1)
            found = client.retrieve_instance_frames(*uids, list(numbers), media_types=BYTES)
            assert found == wanted[: len(numbers)], uids
            compared += 1
    assert compared > 90


def _frames(dataset: Dataset) -> list[bytes]:
    """The frames of a data set as they stand in it, by pydicom's reckoning."""
    count = int(dataset.get("NumberOfFrames") or 1)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        return list(generate_frames(dataset.PixelData, number_of_frames=count))
    if dataset.BitsAllocated == 1:
        length = (dataset.Rows * dataset.Columns + 7) // 8
    else:
        length = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
        length *= dataset.BitsAllocated // 8
    return [dataset.PixelData[n * length : (n + 1) * length] for n in range(count)]


# --- QIDO-RS ------------------------------------------------------------------------------------


def test_every_value_that_is_searched_for_is_found(peers: Peers, stored: Stored) -> None:
    for peer, datasets in zip(peers.by_rank, stored, strict=True):
        with peer.dicomweb() as client:
            for search in searches([dataset for _, dataset in datasets]):
                found = _answer(client, search)
                uids = {_uid(one, UNIQUE[search.level]) for one in found}
                assert search.expected in uids, search


def _answer(client: DICOMwebClient, search: Search) -> list[Json]:
    filters = {search.keyword: search.value}
    above = [uid for _, uid in search.above]
    if search.level == "STUDY":
        return client.search_for_studies(search_filters=filters)
    if search.level == "SERIES":
        return client.search_for_series(*above, search_filters=filters)
    return client.search_for_instances(*above, search_filters=filters)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_search_finds_just_what_matches(studies: Peer, case: Case) -> None:
    with studies.dicomweb() as client:
        found = client.search_for_studies(search_filters=dict(case.keys))

    assert sorted(_uid(one, "StudyID") for one in found) == list(case.found)


PATHS: dict[str, tuple[Callable[[DICOMwebClient], list[Json]], int]] = {
    "/studies": (lambda c: c.search_for_studies(), 4),
    "/series": (lambda c: c.search_for_series(), 5),
    "/instances": (lambda c: c.search_for_instances(), 5),
    "/studies/A/series": (lambda c: c.search_for_series(study_uid("A")), 2),
    "/studies/A/instances": (lambda c: c.search_for_instances(study_uid("A")), 2),
    "/studies/A/series/1/instances": (
        lambda c: c.search_for_instances(study_uid("A"), series_uid("A")), 1,
    ),
    "/studies of nobody": (
        lambda c: c.search_for_studies(search_filters={"PatientID": "NOBODY"}), 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_each_path_lists_what_lies_below_it(studies: Peer, path: str) -> None:
    ask, count = PATHS[path]
    with studies.dicomweb() as client:
        assert len(ask(client)) == count


def test_fuzzy_matching_finds_a_name_by_any_of_its_words(studies: Peer) -> None:
    with studies.dicomweb() as client:
        plain = client.search_for_studies(search_filters={"PatientName": "Anna"})
        fuzzy = client.search_for_studies(
            search_filters={"PatientName": "Anna"}, fuzzymatching=True
        )

    assert plain == []
    assert [_uid(one, "StudyID") for one in fuzzy] == ["B"]


def test_further_attributes_come_back_when_they_are_asked_for(studies: Peer) -> None:
    only_a = {"PatientID": "MATCH-A"}
    with studies.dicomweb() as client:
        (plain,) = client.search_for_studies(search_filters=only_a)
        (more,) = client.search_for_studies(search_filters=only_a, fields=["StudyDescription"])
        (all_,) = client.search_for_studies(search_filters=only_a, fields=["all"])

    assert "00081030" not in plain
    assert more["00081030"]["Value"] == ["Thorax mit KM"]
    assert all_["00081030"]["Value"] == ["Thorax mit KM"]
    assert plain.items() <= more.items() <= all_.items()


def test_lists_are_paged_by_limit_and_offset(studies: Peer) -> None:
    with studies.dicomweb() as client:
        everything = [_uid(one, "StudyInstanceUID") for one in client.search_for_studies()]
        pages = [
            _uid(one, "StudyInstanceUID")
            for offset in range(0, 6, 2)
            for one in client.search_for_studies(limit=2, offset=offset)
        ]
        first = client.search_for_studies(limit=3)

    assert pages == everything
    assert [_uid(one, "StudyInstanceUID") for one in first] == everything[:3]


def test_a_study_tells_its_counts_modalities_and_address(
    archive: RunningArchive, studies: Peer
) -> None:
    with studies.dicomweb() as client:
        (found,) = client.search_for_studies(search_filters={"PatientID": "MATCH-A"})

    study = Dataset.from_json(found)
    assert sorted(study.ModalitiesInStudy) == ["CT", "MR"]
    assert (study.NumberOfStudyRelatedSeries, study.NumberOfStudyRelatedInstances) == (2, 2)
    assert study.RetrieveURL == f"{archive.dicomweb}/studies/{study_uid('A')}"
    assert study.InstanceAvailability == "ONLINE"


def _uid(found: Json, keyword: str) -> str:
    return str(Dataset.from_json(found)[keyword].value)
