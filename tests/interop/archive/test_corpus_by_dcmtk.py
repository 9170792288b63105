"""The main job: real files, sent by DCMTK, are sealed, found, and come back unchanged."""

import hashlib
from pathlib import Path

import pytest
from pydicom import Dataset

from tests.corpus import CorpusFile, corpus
from tests.interop.archive.peers import Peers, by_syntax, data_set_of, read
from tests.running import RunningArchive

NAME_KEYS = ("PatientName",)
KEYS = ("PatientID", "StudyDate", "AccessionNumber", "StudyID", "StudyInstanceUID")


@pytest.fixture(scope="module")
def stored(archive: RunningArchive, peers: Peers) -> dict[Path, Dataset]:
    """The whole corpus, stored by storescu, each file in its own transfer syntax."""
    found = {}
    for rank, peer in enumerate(peers.by_rank):
        files = [file for file in corpus() if file.rank == rank]
        datasets = {file.path: file.read() for file in files}
        syntaxes = by_syntax(
            (path, str(ds.file_meta.TransferSyntaxUID)) for path, ds in datasets.items()
        )
        for syntax, paths in sorted(syntaxes.items()):
            peer.store(paths, syntax)
        found.update(datasets)
    return found


def test_every_data_set_comes_back_unchanged(
    archive: RunningArchive, peers: Peers, stored: dict[Path, Dataset]
) -> None:
    for rank, peer in enumerate(peers.by_rank):
        digests = _recorded_digests(archive, peer.aet)
        with peer.http() as client:
            for file in (f for f in corpus() if f.rank == rank):
                sent = stored[file.path]
                returned = peer.retrieve(client, sent)
                received = hashlib.sha256(data_set_of(returned)).hexdigest()
                assert received == digests[str(sent.SOPInstanceUID)], file.name
                assert returned[:128] == bytes(128), file.name
                _assert_equal(file, sent, read(returned))


def test_every_value_that_is_searched_for_is_found(
    peers: Peers, stored: dict[Path, Dataset], tmp_path: Path
) -> None:
    for rank, peer in enumerate(peers.by_rank):
        studies = {
            str(stored[f.path].StudyInstanceUID): stored[f.path]
            for f in corpus()
            if f.rank == rank
        }
        for uid, dataset in studies.items():
            keys = ["StudyInstanceUID", *(f"{k}={_value(dataset, k)}" for k in KEYS)]
            found = peer.find(*dict.fromkeys(keys), "PatientName", folder=tmp_path / "found")
            assert uid in {str(one.StudyInstanceUID) for one in found}, (uid, keys)


def test_what_was_stored_is_found_at_every_level(
    peers: Peers, stored: dict[Path, Dataset], tmp_path: Path
) -> None:
    peer = peers.by_rank[0]
    for file in [f for f in corpus() if f.rank == 0][::10]:
        dataset = stored[file.path]
        study = f"StudyInstanceUID={dataset.StudyInstanceUID}"
        series = f"SeriesInstanceUID={dataset.SeriesInstanceUID}"
        instance = f"SOPInstanceUID={dataset.SOPInstanceUID}"
        folder = tmp_path / "found"
        (found,) = peer.find(study, series, "Modality", level="SERIES", folder=folder)
        assert found.Modality == dataset.Modality
        (found,) = peer.find(study, series, instance, "SOPClassUID", level="IMAGE", folder=folder)
        assert found.SOPClassUID == dataset.SOPClassUID


def test_a_facility_finds_nothing_of_another(peers: Peers, stored: dict[Path, Dataset]) -> None:
    assert stored
    second = peers.by_rank[1]
    main = next(stored[f.path] for f in corpus() if f.rank == 0 and f.name == "CT_small.dcm")
    with second.http() as client:
        path = f"/studies/{main.StudyInstanceUID}"
        assert client.get(path).status_code == 404
        assert client.get("/studies", params={"PatientID": main.PatientID}).json() == []


def _recorded_digests(archive: RunningArchive, aet: str) -> dict[str, str]:
    """SHA-256 of each data set as it was received, from the trail."""
    records = archive.json(
        "audit", "search", "--actor", aet, "--action", "instance:store", "--limit", "1000"
    )["records"]
    return {r["details"]["sop_instance_uid"]: r["details"]["sha256"] for r in records}


def _value(dataset: Dataset, keyword: str) -> str:
    """A value as a key of findscu: what cannot be said in ASCII is left to match anything."""
    text = str(dataset.get(keyword) or "")
    return text if text.isascii() and text.isprintable() else ""


def _assert_equal(file: CorpusFile, sent: Dataset, returned: Dataset) -> None:
    """Equal data sets; what DCMTK itself changes on its way is the one thing set aside.

    storescu drops group lengths and trailing padding (0000,FFFC), and writes sequences with
    lengths of its own choice: neither is content.
    """
    assert returned.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID, file.name
    for dataset in (sent, returned):
        for element in list(dataset):
            if element.tag.element == 0 or element.tag == 0xFFFCFFFC:
                del dataset[element.tag]
    assert returned == sent, file.name
