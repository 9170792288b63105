"""The real HTTPS listener on loopback, with a certificate that clients verify."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from raykeep.domain.access import Role
from raykeep.edge.server import WebServer
from raykeep.transport.tls import server_context
from tests.fakes.pki import pki
from tests.fakes.web import Web, fake_web


@dataclass
class Https:
    """Where the archive listens, and whom its certificate is signed by."""

    web: Web
    url: str
    ca: Path
    port: int

    @property
    def token(self) -> str:
        return self.web.token(Role.TECHNOLOGIST)


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    folder = tmp_path_factory.mktemp("archive")
    ca = folder / "ca.pem"
    ca.write_text(pki().root_pem)
    with fake_web(folder, names=("127.0.0.1",)) as web:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = WebServer(
            web.app,
            server_context(pki().server_pairs, alpn=("http/1.1",)),
            [listener],
            clock=web.archive.clock,
            each_second=(web.archive.enforcer.identities.poll,),
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Https(web, f"https://127.0.0.1:{port}/dicom-web", ca, port)
        finally:
            server.shutdown()
            thread.join(15)
