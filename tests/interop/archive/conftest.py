"""One archive for all tests of this folder: each adds to it, in facilities of its own."""

from collections.abc import Iterator

import pytest

from tests.builders import instance, part10
from tests.interop.archive.matching import CT, LongSeries, instances
from tests.interop.archive.peers import Peer
from tests.running import RunningArchive, running_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningArchive]:
    """A running archive, empty at first."""
    with running_archive(tmp_path_factory.mktemp("archive")) as found:
        yield found


@pytest.fixture(scope="session")
def studies(archive: RunningArchive, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """A peer of a facility that holds the studies of `matching.py` alone."""
    archive.ask("facility", "add", "matching")
    files = archive.enroll("MATCHER", facility="matching")
    peer = Peer(archive, "MATCHER", "matching", files, archive.token(facility="matching"))
    folder = tmp_path_factory.mktemp("matching")
    paths = []
    for number, built in enumerate(instances()):
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(built.part10)
    peer.store(paths, "1.2.840.10008.1.2.1")
    return peer


@pytest.fixture(scope="session")
def series_of_600(archive: RunningArchive, tmp_path_factory: pytest.TempPathFactory) -> LongSeries:
    """A series whose answers, of 20 kB each, fit into no socket's buffers together."""
    archive.ask("facility", "add", "cancelling")
    files = archive.enroll("CANCELLER", facility="cancelling")
    peer = Peer(archive, "CANCELLER", "cancelling", files, "")
    told = {"PatientComments": "long story " * 900, "AdditionalPatientHistory": "x " * 5000}
    folder = tmp_path_factory.mktemp("cancelling")
    template = instance(CT, "CT", **told)
    paths = []
    for number in range(LongSeries.length):
        template.dataset.SOPInstanceUID = f"{template.series_instance_uid}.{number}"
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(part10(template.dataset))
    peer.store(paths, "1.2.840.10008.1.2.1")
    return LongSeries(peer, template.study_instance_uid, template.series_instance_uid)
