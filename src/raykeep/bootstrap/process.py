"""What every process of a running archive was told and has at hand."""

import logging
import signal
import socket
import threading
from dataclasses import dataclass

from raykeep.adapters.keys.agent_client import AgentKeys
from raykeep.adapters.keys.names import TLS_P256, TLS_RSA, ProcessRole
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout, Manifest
from raykeep.config.settings import Settings
from raykeep.crypto.issuing import CertifiedKey
from raykeep.domain.access import Actor, ActorKind, Door, Origin, Role
from raykeep.transport.tls import CertificatePair

log = logging.getLogger(__name__)

HOUSEKEEPING_INTERVAL = 5.0  # seconds between looks at idle windows
METRICS_INTERVAL = 5.0  # seconds between writings of counters


@dataclass(frozen=True, slots=True)
class Process:
    """What a process was told and has at hand."""

    name: str
    role: ProcessRole
    layout: Layout
    manifest: Manifest
    settings: Settings
    keys: AgentKeys
    sockets: dict[str, socket.socket]
    ports: dict[str, int]
    clock: SystemClock
    stop: threading.Event

    def actor(self, door: Door) -> Actor:
        """The archive's own process as an actor."""
        return Actor(
            ActorKind.SERVICE,
            self.name,
            frozenset({Role.SERVICE}),
            frozenset(),
            Origin(door),
            all_facilities=True,
        )

    def tell_ready(self) -> None:
        """Tell the supervisor that the listeners answer."""
        with self.sockets["ready"] as ready:
            ready.sendall(b"ready")


def stop_on_sigterm(stop: threading.Event) -> None:
    """Have SIGTERM set `stop`.

    From a thread: the signal may have interrupted `stop.wait`, which holds its lock.
    """
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.set).start())


def server_pairs(keys: AgentKeys) -> tuple[CertificatePair, ...]:
    """The server's certificates with their keys, RSA and P-256."""
    certified = [CertifiedKey.parse(keys.secret(name).decode()) for name in (TLS_RSA, TLS_P256)]
    return tuple(CertificatePair(one.chain_pem, one.private_key_pem) for one in certified)
