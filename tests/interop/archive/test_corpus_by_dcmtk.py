"""The main job: real files, sent by DCMTK, are sealed, found, and come back unchanged."""

from pathlib import Path

import pytest
from pydicom import Dataset

from tests.corpus import CorpusFile, corpus
from tests.interop.archive.comparing import (
    assert_same_content,
    digest_of,
    read,
    recorded_digests,
)
from tests.interop.archive.peers import PATIENT_ROOT, Peers, by_syntax
from tests.interop.archive.searches import UNIQUE, add, searches
from tests.running import RunningArchive

# pydicom remarks on values of some files; what the archive makes of them is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

# Every element of these has VR UN, the UIDs too, and storescu does not look into UN for the SOP
# class that it has to name. pynetdicom sends them (`test_corpus_by_pynetdicom.py`).
NOT_BY_DCMTK = frozenset({"explicit_VR-UN.dcm", "rtdose_rle.dcm", "rtdose_rle_1frame.dcm"})

Stored = list[list[tuple[CorpusFile, Dataset]]]


@pytest.fixture(scope="module")
def peers(archive: RunningArchive) -> Peers:
    return Peers.enrolled(archive, "TK")


@pytest.fixture(scope="module")
def stored(peers: Peers) -> Stored:
    """The whole corpus by rank, stored by storescu, each file in its own transfer syntax."""
    found: Stored = []
    for rank, peer in enumerate(peers.by_rank):
        files = [f for f in corpus() if f.rank == rank and f.name not in NOT_BY_DCMTK]
        datasets = [(file, file.read()) for file in files]
        syntaxes = by_syntax(
            (file.path, str(dataset.file_meta.TransferSyntaxUID)) for file, dataset in datasets
        )
        for syntax, paths in sorted(syntaxes.items()):
            peer.store(paths, syntax)
        found.append(datasets)
    return found


def test_every_data_set_comes_back_unchanged(
    archive: RunningArchive, peers: Peers, stored: Stored
) -> None:
    """Byte for byte what was received, and of the same content as the file.

    storescu encodes anew what it reads: lengths of sequences and group lengths are its own
    choice. So the bytes are compared with what the archive says it received, by digest, and
    the content with the file. Where a peer sends a file's own bytes (`test_corpus_by_pynetdicom`),
    those are compared with the file.
    """
    compared = 0
    for peer, datasets in zip(peers.by_rank, stored, strict=True):
        digests = recorded_digests(archive, peer.aet)
        with peer.http() as client:
            for file, sent in datasets:
                returned = peer.retrieve(client, sent)
                assert digest_of(returned) == digests[str(sent.SOPInstanceUID)], file.name
                assert returned[:128] == bytes(128), file.name
                assert_same_content(file.name, sent, read(returned))
                compared += 1
    assert compared == len(corpus()) - len(NOT_BY_DCMTK)


def test_every_value_that_is_searched_for_is_found(
    peers: Peers, stored: Stored, tmp_path: Path
) -> None:
    asked = 0
    for peer, datasets in zip(peers.by_rank, stored, strict=True):
        wanted = searches([dataset for _, dataset in datasets])
        answers = peer.find_each([search.identifier() for search in wanted], tmp_path)
        for search, found in zip(wanted, answers, strict=True):
            uids = {str(one[UNIQUE[search.level]].value) for one in found}
            assert search.expected in uids, search
            assert {str(one.RetrieveAETitle) for one in found} == {"RAYKEEP"}
        asked += len(wanted)
    assert asked > 1000


def test_patients_are_found_by_the_patient_root_model(
    peers: Peers, stored: Stored, tmp_path: Path
) -> None:
    peer, datasets = peers.by_rank[0], [dataset for _, dataset in stored[0]]
    known = {str(d.PatientID) for d in datasets if d.get("PatientID") and "*" not in d.PatientID}
    queries = []
    for patient in sorted(known):
        query = Dataset()
        query.QueryRetrieveLevel = "PATIENT"
        add(query, "PatientID", patient)
        add(query, "PatientName", "")
        queries.append(query)

    answers = peer.find_each(queries, tmp_path, PATIENT_ROOT)

    assert [{str(one.PatientID) for one in found} for found in answers] == [
        {patient} for patient in sorted(known)
    ]


def test_a_facility_finds_nothing_of_another(peers: Peers, stored: Stored, tmp_path: Path) -> None:
    second = peers.by_rank[-1]
    of_main = next(dataset for file, dataset in stored[0] if file.name == "CT_small.dcm")

    assert second.find(f"PatientID={of_main.PatientID}", folder=tmp_path / "found") == []
    with second.http() as client:
        assert client.get(f"/studies/{of_main.StudyInstanceUID}").status_code == 404
        parameters = {"PatientID": of_main.PatientID}
        assert client.get("/studies", params=parameters).json() == []
