"""An archive for each file: tests bring studies of their own."""

from collections.abc import Iterator

import pytest

from tests.fakes.web import Web, fake_web


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with fake_web(tmp_path_factory.mktemp("archive")) as made:
        yield made
