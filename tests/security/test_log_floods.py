"""Strangers must not fill the log: of one address the first refusal is told, others are counted."""

import logging
import socket
from pathlib import Path

import pytest

from tests.fakes.dimse_server import running_server
from tests.fakes.waiting import until

GARBAGE = 40


def test_connections_without_a_handshake_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "test.dimse")
    with running_server(tmp_path) as server:
        for _ in range(GARBAGE):
            with socket.create_connection(server.address) as connection:
                connection.sendall(b"no TLS")
        metrics = server.server.metrics
        assert until(lambda: metrics.snapshot()["tls_handshakes_failed_total"] == GARBAGE)

    assert caplog.text.count("connection refused") == 1
