"""Strangers must not fill the log: of one address the first refusal is told, others are counted."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from raykeep.bootstrap.system import SystemEntropy
from raykeep.edge.cycle import ClientGone
from raykeep.edge.gate import Gate
from raykeep.edge.hosts import HostNames
from raykeep.edge.security_headers import security_headers
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


def test_a_client_that_leaves_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def gone(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ClientGone

    async def nothing(*_: object) -> None:
        pass

    names = HostNames(["pacs.example.org"])
    gate = Gate({"x": gone}, hosts=names, always=security_headers(), entropy=SystemEntropy())
    headers = [(b"host", b"pacs.example.org")]
    scope = {"type": "http", "method": "GET", "raw_path": b"/x", "headers": headers}

    with pytest.raises(ClientGone):
        asyncio.run(gate(scope, nothing, nothing))

    assert not caplog.records
