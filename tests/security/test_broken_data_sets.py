"""What is no data set, or breaks off, is refused and leaves nothing."""

from pathlib import Path

import pytest

from tests.security.hostile import Hostile, broken
from tests.security.refusing import (
    Ways,
    refused_by_c_store,
    refused_by_import,
    refused_by_stow,
)

every = pytest.mark.parametrize("hostile", broken(), ids=[one.name for one in broken()])


@every
def test_c_store_refuses_it(ways: Ways, hostile: Hostile) -> None:
    refused_by_c_store(ways, hostile)


@every
def test_stow_refuses_it(ways: Ways, hostile: Hostile) -> None:
    refused_by_stow(ways, hostile)


@every
def test_import_refuses_it(ways: Ways, hostile: Hostile, tmp_path: Path) -> None:
    refused_by_import(ways, hostile, tmp_path)
