"""The real queue and trail, in a folder that is thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.archive import FakeArchive, fake_archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[FakeArchive]:
    with fake_archive(tmp_path) as found:
        yield found
