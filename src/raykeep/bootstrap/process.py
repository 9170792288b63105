"""One process of a running archive: what the supervisor starts."""

import ctypes
import json
import logging
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raykeep.adapters.keys.agent_client import AgentKeys
from raykeep.adapters.keys.names import AUDIT_SIGNING, DATABASE, TLS_P256, TLS_RSA, ProcessRole
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout, Manifest, read_manifest
from raykeep.config.settings import Settings, read_settings
from raykeep.crypto.issuing import CertifiedKey
from raykeep.domain.access import Actor, ActorKind, Door, Origin, Role
from raykeep.transport.tls import CertificatePair

log = logging.getLogger(__name__)

HOUSEKEEPING_INTERVAL = 5.0  # seconds between looks at idle windows
METRICS_INTERVAL = 5.0  # seconds between writings of counters

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


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


def run_process(role: str, told: str) -> int:
    """Be one of the archive's processes until the supervisor says stop, or is gone."""
    content: dict[str, Any] = json.loads(told)
    _be_a_child(int(content["supervisor"]))
    name = str(content["process"])
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s {name} %(name)s: %(message)s",
    )
    stop = threading.Event()
    layout = Layout(Path(content["data"]))
    sockets = {n: socket.socket(fileno=fd) for n, fd in content["sockets"].items()}
    process = Process(
        name=name,
        role=ProcessRole(role),
        layout=layout,
        manifest=read_manifest(layout),
        settings=read_settings(Path(content["config"])),
        keys=AgentKeys(sockets["keys"]),
        sockets=sockets,
        ports=content["ports"],
        clock=SystemClock(),
        stop=stop,
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Each role imports its own rooms alone: the sealer has no business with pixels.
    if process.role is ProcessRole.DIMSE:
        from raykeep.bootstrap.dimse import run_dimse  # noqa: PLC0415

        return run_dimse(process)
    if process.role is ProcessRole.WEB:
        from raykeep.bootstrap.web import run_web  # noqa: PLC0415

        return run_web(process)
    if process.role is ProcessRole.WORKER:
        from raykeep.bootstrap.work import run_worker  # noqa: PLC0415

        return run_worker(process)
    return run_sealer(process)


def run_sealer(process: Process) -> int:
    """Seal the trail: the one process with the signing key, and without any other."""
    from raykeep.adapters.sql.audit import SqlAuditTrail  # noqa: PLC0415
    from raykeep.adapters.sql.engine import open_database  # noqa: PLC0415
    from raykeep.crypto.signing import NoteSigner  # noqa: PLC0415
    from raykeep.ledger import Ledger  # noqa: PLC0415
    from raykeep.worker.sealer import seal_until  # noqa: PLC0415

    stop_on_sigterm(process.stop)
    database = open_database(
        process.settings.database,
        folder=process.layout.database.parent,
        key=process.keys.secret(DATABASE),
    )
    origin = f"raykeep-{process.manifest.archive_id}"
    signer = NoteSigner(origin, process.keys.secret(AUDIT_SIGNING))
    ledger = Ledger(SqlAuditTrail(database), signer, origin, process.clock)
    process.tell_ready()
    try:
        seal_until(process.stop, ledger)
    finally:
        database.close()
    return 0


def stop_on_sigterm(stop: threading.Event) -> None:
    """Have SIGTERM set `stop`."""
    signal.signal(signal.SIGTERM, lambda *_: stop.set())


def server_pairs(keys: AgentKeys) -> tuple[CertificatePair, ...]:
    """The server's certificates with their keys, RSA and P-256."""
    certified = [CertifiedKey.parse(keys.secret(name).decode()) for name in (TLS_RSA, TLS_P256)]
    return tuple(CertificatePair(one.chain_pem, one.private_key_pem) for one in certified)


def _be_a_child(supervisor: int) -> None:
    """End when the supervisor ends, leave no core file, gain no privileges (prctl(2))."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    prctl(_PR_SET_DUMPABLE, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != supervisor:
        raise SystemExit(0)
