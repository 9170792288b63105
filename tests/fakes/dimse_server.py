"""A DICOM server in this process, over a throw-away archive."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from raykeep.crypto.issuing import CertifiedKey
from raykeep.domain.device import DeviceRight
from raykeep.servers.dimse.listener import DimseServer, TLSMaterial
from raykeep.servers.dimse.settings import DimseSettings
from raykeep.services.ingest_settings import IngestSettings
from raykeep.transport.tls import client_context
from tests.fakes.archive import FakeArchive, fake_archive
from tests.fakes.pki import pair_of, pki
from tests.fakes.scu import Scu, associate_rq

SETTINGS = DimseSettings(
    port=0, handshake_timeout=2.0, artim_timeout=2.0, pdu_timeout=3.0, idle_timeout=20.0
)
Address = tuple[str, int]


def tls_for(certified: CertifiedKey | None) -> ssl.SSLContext:
    """A client's context; without a certificate for None."""
    return client_context(pki().root_pem, None if certified is None else pair_of(certified))


class RunningServer:
    """The server, its archive, and a way to call it."""

    def __init__(
        self, archive: FakeArchive, settings: DimseSettings, ingest: IngestSettings
    ) -> None:
        self.archive = archive
        self.stop = threading.Event()
        tls, plain = self._listen(), self._listen()
        self.address: Address = tls.getsockname()
        self.plain_address: Address = plain.getsockname()
        self.material = TLSMaterial(pki().server_pairs, pki().client_ca_pem)
        self.server = DimseServer(
            archive.enforcer,
            settings,
            ingest,
            tls_source=lambda: self.material,
            listen_sockets=[tls],
            plain_sockets=[plain],
            clock=archive.clock,
            stop_event=self.stop,
            logger=logging.getLogger("test.dimse"),
        )
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()
        self.keys: dict[str, CertifiedKey] = {}
        self._scus: list[Scu] = []

    @staticmethod
    def _listen() -> socket.socket:
        return socket.create_server(("127.0.0.1", 0), backlog=1024)

    def enroll(self, title: str, *rights: DeviceRight, **more: object) -> CertifiedKey:
        """Enrol a device; `call` knows its key from then on."""
        _, key = self.archive.enroll(title, *rights, **more)  # type: ignore[arg-type]  # handed on
        self.keys[title] = key
        return key

    def call(
        self,
        title: str,
        *,
        key: CertifiedKey | None = None,
        context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        **request: object,
    ) -> Scu:
        """Ask for an association over TLS."""
        tls = context or tls_for(key or self.keys[title])
        asked = associate_rq(title, **request)  # type: ignore[arg-type]  # handed on
        return self._remembered(Scu(self.address, asked, tls, timeout))

    def call_plain(self, title: str, **request: object) -> Scu:
        """The same without TLS."""
        asked = associate_rq(title, **request)  # type: ignore[arg-type]  # handed on
        return self._remembered(Scu(self.plain_address, asked))

    def _remembered(self, scu: Scu) -> Scu:
        # So that a test which fails leaves no socket to the one after it.
        self._scus.append(scu)
        return scu

    def counted(self, name: str) -> int:
        """A counter."""
        return self.server.metrics.snapshot()[name]

    def close(self) -> bool:
        """Stop; False when something did not end in time."""
        ended = self.server.shutdown(15)
        self._thread.join(5)
        for scu in self._scus:
            scu.close()
        return ended


@contextmanager
def running_server(
    folder: Path, *, ingest: IngestSettings | None = None, **settings: object
) -> Iterator[RunningServer]:
    """A server with settings that differ from `SETTINGS`."""
    with fake_archive(folder) as archive:
        changed = msgspec.structs.replace(SETTINGS, **settings)
        server = RunningServer(archive, changed, ingest or IngestSettings())
        try:
            yield server
        finally:
            assert server.close()


StartServer = Callable[..., RunningServer]
