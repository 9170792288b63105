"""One archive for all tests of this folder that only add to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import corpus
from tests.interop.archive.peers import Peers
from tests.running import RunningArchive, running_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningArchive]:
    """A running archive, empty at first."""
    with running_archive(tmp_path_factory.mktemp("archive")) as found:
        yield found


@pytest.fixture(scope="session")
def peers(archive: RunningArchive) -> Peers:
    """A device and a token for each facility; one facility for each rank of the corpus."""
    ranks = max(file.rank for file in corpus()) + 1
    return Peers.enrolled(archive, ranks)


@pytest.fixture
def own_archive(tmp_path: Path) -> Iterator[RunningArchive]:
    """An archive of its own, for a test that harms it."""
    with running_archive(tmp_path) as found:
        yield found
