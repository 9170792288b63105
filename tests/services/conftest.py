"""The real door over real stores, in a folder that is thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.archive import FakeArchive, fake_archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[FakeArchive]:
    with fake_archive(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeArchive]:
    """One archive for all tests of a file: for those that only add, under names of their own."""
    with fake_archive(tmp_path_factory.mktemp("shared")) as found:
        yield found
