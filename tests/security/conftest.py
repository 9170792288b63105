"""One archive for all attacks that leave it as it is; whoever breaks one makes its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import RunningArchive, running_archive
from tests.security.refusing import Ways


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningArchive]:
    """A running archive with the facility `main`."""
    with running_archive(tmp_path_factory.mktemp("archive")) as found:
        yield found


@pytest.fixture(scope="session")
def device(archive: RunningArchive) -> dict[str, Any]:
    """Files of an enrolled device that may echo, store and find."""
    return archive.enroll("ATTACKER")


@pytest.fixture(scope="session")
def token(archive: RunningArchive) -> str:
    """A token that may search, read and store in `main`."""
    return archive.token()


@pytest.fixture
def own_archive(tmp_path: Path) -> Iterator[RunningArchive]:
    """An archive of its own, for a test that harms it."""
    with running_archive(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def ways(archive: RunningArchive, device: dict[str, Any], token: str) -> Ways:
    """The three ways in, for data sets that must not come in."""
    return Ways(archive, device, token)
