"""A second, independent peer: pynetdicom sends each file's own bytes, and they come back."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pynetdicom
import pytest
from pydicom import Dataset
from pynetdicom.association import Association

from tests.corpus import CorpusFile, corpus
from tests.interop.archive.comparing import (
    assert_same_content,
    consistent,
    data_set_of,
    digest_of,
    read,
    recorded_digests,
)
from tests.interop.archive.matching import CASES, Case, LongSeries
from tests.interop.archive.peers import MODELS, PATIENT_ROOT, STUDY_ROOT, Peer, Peers
from tests.interop.archive.searches import UNIQUE, add, searches
from tests.running import RunningArchive

# pydicom remarks on values of some files; what the archive makes of them is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

MOST_CONTEXTS = 128  # of one association, PS3.8 section 9.3.2.2
PENDING = {0xFF00, 0xFF01}

Stored = list[list[tuple[CorpusFile, Dataset]]]


@pytest.fixture(scope="module")
def peers(archive: RunningArchive) -> Peers:
    return Peers.enrolled(archive, "PN")


@pytest.fixture(scope="module")
def stored(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """The whole corpus by rank, each data set's bytes as they are."""
    found: Stored = []
    folder = tmp_path_factory.mktemp("consistent")
    with pytest.MonkeyPatch.context() as patch:
        # pynetdicom's way to send a file's bytes instead of encoding anew what it reads.
        patch.setattr(pynetdicom._config, "STORE_SEND_CHUNKED_DATASET", True)
        for rank, peer in enumerate(peers.by_rank):
            datasets = [(file, file.read()) for file in corpus() if file.rank == rank]
            _store(peer, datasets, folder)
            found.append(datasets)
    return found


def _store(peer: Peer, datasets: list[tuple[CorpusFile, Dataset]], folder: Path) -> None:
    syntaxes: dict[str, set[str]] = defaultdict(set)
    for _, dataset in datasets:
        syntaxes[str(dataset.SOPClassUID)].add(str(dataset.file_meta.TransferSyntaxUID))
    # One context a syntax: the acceptor chooses one of each, and here each is wanted.
    contexts = [(uid, [syntax]) for uid, each in syntaxes.items() for syntax in sorted(each)]
    assert len(contexts) <= MOST_CONTEXTS
    with peer.association(contexts) as association:
        for file, _ in datasets:
            status = association.send_c_store(consistent(file, folder))
            assert status.Status == 0x0000, (file.name, status)


def test_every_data_set_comes_back_byte_for_byte(
    archive: RunningArchive, peers: Peers, stored: Stored
) -> None:
    for peer, datasets in zip(peers.by_rank, stored, strict=True):
        digests = recorded_digests(archive, peer.aet)
        with peer.http() as client:
            for file, sent in datasets:
                returned = peer.retrieve(client, sent)
                assert digest_of(returned) == digests[str(sent.SOPInstanceUID)], file.name
                assert file.path.read_bytes().endswith(data_set_of(returned)), file.name
                assert_same_content(file.name, sent, read(returned))


def test_every_value_that_is_searched_for_is_found(peers: Peers, stored: Stored) -> None:
    for peer, datasets in zip(peers.by_rank, stored, strict=True):
        with peer.association([(MODELS[STUDY_ROOT], ["1.2.840.10008.1.2"])]) as association:
            for search in searches([dataset for _, dataset in datasets]):
                found = list(_matches(association, search.identifier()))
                assert search.expected in {str(one[UNIQUE[search.level]].value) for one in found}


def test_patients_are_found_by_the_patient_root_model(peers: Peers, stored: Stored) -> None:
    known = {str(dataset.PatientID) for _, dataset in stored[0] if dataset.get("PatientID")}
    query = Dataset()
    query.QueryRetrieveLevel = "PATIENT"
    add(query, "PatientID", "")
    with peers.by_rank[0].association([(MODELS[PATIENT_ROOT], ["1.2.840.10008.1.2.1"])]) as asked:
        found = {str(one.PatientID) for one in _matches(asked, query, PATIENT_ROOT)}

    assert found >= known


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_search_finds_just_what_matches(studies: Peer, case: Case) -> None:
    with studies.association([(MODELS[STUDY_ROOT], ["1.2.840.10008.1.2"])]) as association:
        found = [one.StudyID for one in _matches(association, case.identifier())]

    assert sorted(found) == list(case.found)


def test_an_association_is_verified_by_an_echo(studies: Peer) -> None:
    with studies.association([("1.2.840.10008.1.1", ["1.2.840.10008.1.2"])]) as association:
        assert association.send_c_echo().Status == 0x0000


def test_a_cancelled_search_ends_before_its_matches_do(series_of_600: LongSeries) -> None:
    query, model = Dataset(), MODELS[STUDY_ROOT]
    for keyword, value in series_of_600.keys.items():
        add(query, keyword, value)
    statuses = []
    with series_of_600.peer.association([(model, ["1.2.840.10008.1.2"])]) as association:
        for status, _ in association.send_c_find(query, model, msg_id=7):
            statuses.append(status.Status)
            if len(statuses) == 3:
                association.send_c_cancel(7, query_model=model)

    assert statuses[-1] == 0xFE00
    assert 3 < len(statuses) < LongSeries.length
    assert set(statuses[:-1]) <= PENDING


def _matches(
    association: Association, query: Dataset, model: str = STUDY_ROOT
) -> Iterator[Dataset]:
    responses: Iterable[tuple[Dataset, Dataset | None]] = association.send_c_find(
        query, MODELS[model]
    )
    last = None
    for status, identifier in responses:
        last = status.Status
        if last in PENDING:
            assert identifier is not None
            yield identifier
    assert last == 0x0000
