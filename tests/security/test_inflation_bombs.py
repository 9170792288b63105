"""X11: what inflates without end is cut off, by ratio and by size."""

from pathlib import Path

import pytest

from tests.security.hostile import Hostile, bombs
from tests.security.refusing import (
    Ways,
    refused_by_c_store,
    refused_by_import,
    refused_by_stow,
)

every = pytest.mark.parametrize("hostile", bombs(), ids=[one.name for one in bombs()])


@every
def test_c_store_refuses_it(ways: Ways, hostile: Hostile) -> None:
    refused_by_c_store(ways, hostile)


@every
def test_stow_refuses_it(ways: Ways, hostile: Hostile) -> None:
    refused_by_stow(ways, hostile)


@every
def test_import_refuses_it(ways: Ways, hostile: Hostile, tmp_path: Path) -> None:
    refused_by_import(ways, hostile, tmp_path)
