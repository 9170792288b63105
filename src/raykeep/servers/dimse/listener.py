"""The DICOM server of one process: its listeners, its sentinel, its end."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from logging import Logger
from typing import Final

from raykeep.domain.errors import ArchiveError
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.servers.dimse.admission import Admission
from raykeep.servers.dimse.association import AssociationServer, Roll
from raykeep.servers.dimse.dispatch import log_unforeseen
from raykeep.servers.dimse.established import Surroundings
from raykeep.servers.dimse.metrics import DimseMetrics
from raykeep.servers.dimse.sentinel import Sentinel
from raykeep.servers.dimse.settings import DimseSettings
from raykeep.services.ingest_settings import IngestSettings
from raykeep.transport.acceptor import Acceptor, AcceptorLimits
from raykeep.transport.tls import CertificatePair, server_context

SHUTDOWN_TIMEOUT: Final = 10.0  # seconds until the last association has ended


@dataclass(frozen=True, slots=True)
class TLSMaterial:
    """What the TLS listener is made of; read anew each minute, so that renewal needs no restart.

    Attributes:
        pairs: Our certificates, one for each kind of key.
        client_ca_pem: Who signs devices' certificates.
    """

    pairs: tuple[CertificatePair, ...]
    client_ca_pem: str


class DimseServer:
    """Serves DICOM associations until it is stopped.

    Args:
        enforcer: The door.
        settings: Section `[dimse]`.
        ingest_settings: Section `[ingest]`.
        tls_source: Gives what the TLS listener is made of.
        listen_sockets: Bound and listening, for TLS.
        plain_sockets: The same for devices with a plain exemption; empty where that is off.
        clock: Tells the time.
        stop_event: Set it, and the server ends.
        logger: Gets no patient data.

    Raises:
        SettingsError: the certificates cannot be used.
    """

    def __init__(
        self,
        enforcer: Enforcer,
        settings: DimseSettings,
        ingest_settings: IngestSettings,
        *,
        tls_source: Callable[[], TLSMaterial],
        listen_sockets: Sequence[socket.socket],
        plain_sockets: Sequence[socket.socket],
        clock: Clock,
        stop_event: threading.Event,
        logger: Logger,
    ) -> None:
        self.metrics = DimseMetrics()
        self._enforcer = enforcer
        self._tls_source = tls_source
        self._stop = stop_event
        self._logger = logger
        self._drained = threading.Event()
        self._ended = threading.Event()
        self._crashed: BaseException | None = None
        self._material = (tls_source(), enforcer.identities.trusted_certificates())
        self._context = _context_of(*self._material)
        shared = Surroundings(enforcer, clock, settings, ingest_settings, self.metrics, logger)
        roll = Roll(settings.max_associations_per_device)
        admission = Admission(
            enforcer,
            clock,
            logger,
            our_title=settings.ae_title,
            private_storage=ingest_settings.private_sop_classes,
            stop=stop_event,
        )
        self._sentinel = Sentinel(enforcer, roll, clock, logger, refresh=self._refresh)
        limits = AcceptorLimits(
            max_established=settings.max_associations,
            max_established_per_address=settings.max_associations,
            first_byte_timeout=settings.handshake_timeout,
        )
        self._acceptors = [
            Acceptor(
                sockets,
                AssociationServer(shared, admission, roll, context).serve,
                limits,
                name=name,
                logger=logger,
            )
            for name, sockets, context in (
                ("dimse", listen_sockets, self._current_context),
                ("dimse-plain", plain_sockets, None),
            )
            if sockets
        ]

    def serve_forever(self) -> None:
        """Serve until `stop_event` is set; then end all associations within ten seconds.

        Raises:
            Exception: a listener failed; the process should be started anew.
        """
        works = [acceptor.run for acceptor in self._acceptors]
        threads = [
            threading.Thread(target=self._run, args=(work,), name=f"dimse-accept-{number}")
            for number, work in enumerate(works)
        ]
        watch = threading.Thread(
            target=self._run,
            # Until the last association has ended.
            args=(lambda: self._sentinel.watch(self._drained),),
            name="dimse-sentinel",
        )
        try:
            for thread in (*threads, watch):
                thread.start()
            self._stop.wait()
        finally:
            self._stop.set()
            self._end(threads)
            self._drained.set()
            watch.join()
            self._ended.set()
        if self._crashed is not None:
            raise self._crashed

    def shutdown(self, timeout: float = SHUTDOWN_TIMEOUT) -> bool:
        """Stop from another thread and wait; False when it did not end in time."""
        self._stop.set()
        return self._ended.wait(timeout)

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        for acceptor in self._acceptors:
            acceptor.stop()
        for thread in threads:
            thread.join()
        drains = [
            threading.Thread(target=acceptor.drain, args=(SHUTDOWN_TIMEOUT - 1.0,))
            for acceptor in self._acceptors
        ]
        for drain in drains:
            drain.start()
        for drain in drains:
            drain.join()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - `serve_forever` raises it
            log_unforeseen(self._logger, error)
            self._crashed = error
        finally:
            self._stop.set()

    def _current_context(self) -> ssl.SSLContext:
        return self._context

    def _refresh(self) -> None:
        """Make a new context for new connections, if anything that it is made of changed."""
        material = (self._tls_source(), self._enforcer.identities.trusted_certificates())
        if material == self._material:
            return
        try:
            self._context = _context_of(*material)
        except ArchiveError as error:
            # The one before goes on: a new device's bad certificate must not stop the others.
            self._logger.error("new certificates cannot be used: %s", error)  # noqa: TRY400 - says all
        self._material = material


def _context_of(material: TLSMaterial, extra_trusted: Sequence[str]) -> ssl.SSLContext:
    return server_context(
        material.pairs, client_ca_pem=material.client_ca_pem, extra_trusted=extra_trusted
    )
