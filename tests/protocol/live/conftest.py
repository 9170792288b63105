"""Servers for the live tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.dimse_server import RunningServer, StartServer, running_server


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server with given settings; it ends with the test."""
    with ExitStack() as stack:

        def start(**settings: object) -> RunningServer:
            return stack.enter_context(running_server(tmp_path, **settings))

        yield start


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    """A server that knows CT01, which may do everything."""
    running = start_server()
    running.enroll("CT01")
    return running
