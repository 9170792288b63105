"""The process of the worker: commands, jobs, health."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from raykeep.bootstrap.archive import Archive, open_archive
from raykeep.bootstrap.command import command_context
from raykeep.bootstrap.metrics import counters_of
from raykeep.bootstrap.process import Process, log
from raykeep.bootstrap.system import SystemEntropy
from raykeep.domain.access import Action, Door
from raykeep.domain.errors import StorageFull, StorageUnavailable
from raykeep.edge.server import WebServer
from raykeep.enforcement.door import Enforcer
from raykeep.servers.control.server import ControlServer
from raykeep.servers.control.tables import ALL_COMMANDS
from raykeep.servers.health.app import build_health_app
from raykeep.servers.health.metrics import Source
from raykeep.worker.housekeeping import Worker

RESERVED_BYTES = 64 * 1024 * 1024  # room below which the archive says that it is not ready


def run_worker(process: Process) -> int:
    """Work, answer commands and tell of health until told to stop."""
    archive = open_archive(
        process.layout,
        process.manifest,
        process.settings,
        process.keys,
        process=process.name,
    )
    # Before anything can have arrived: what the sweeper adopts is newer than this.
    known_until = archive.stores.index.newest_arrival() or datetime.min.replace(tzinfo=UTC)
    actor = process.actor(Door.WORKER)
    _record(archive.enforcer, process, Action.ARCHIVE_START)
    facts = {"running": True, "pid": os.getppid(), **process.ports}
    context = replace(
        command_context(process.layout, process.settings, archive, facts), known_until=known_until
    )
    owner = Path(process.layout.data).stat().st_uid
    control = ControlServer(
        context, ALL_COMMANDS, process.sockets["control"], allowed_uids=frozenset({0, owner})
    )
    health = _health(process, archive) if "health" in process.sockets else None
    worker = Worker(archive.enforcer, archive.stores.jobs, actor, archive.clock, known_until)

    def stop() -> None:
        process.stop.set()
        if health is not None:
            health.shutdown()

    def must_run(work: Callable[[], None]) -> None:
        # Without one of its parts the process ends, and the supervisor starts it again.
        try:
            work()
        finally:
            stop()

    parts = {"control": control.serve_forever, "worker": lambda: worker.run_until(process.stop)}
    threads = [
        threading.Thread(target=must_run, args=(work,), name=name) for name, work in parts.items()
    ]
    # From a thread: the signal may have interrupted a wait for the very same event.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop).start())
    for thread in threads:
        thread.start()
    process.tell_ready()
    try:
        if health is not None:
            health.serve_forever()
        process.stop.wait()
    finally:
        process.stop.set()
        control.shutdown()
        for thread in threads:
            thread.join()
        _record(archive.enforcer, process, Action.ARCHIVE_STOP)
        archive.close()
    return 0


def _health(process: Process, archive: Archive) -> WebServer:
    vault, index = archive.stores.vault, archive.stores.index

    def disk() -> None:
        free = vault.free_bytes()
        if free is not None and free < RESERVED_BYTES:
            msg = "there is no room left"
            raise StorageFull(msg)

    def listeners() -> None:
        if not process.layout.ready.exists():
            msg = "not every listener answers yet"
            raise StorageUnavailable(msg)

    metrics = process.layout.metrics
    app = build_health_app(
        entropy=SystemEntropy(),
        checks={
            "database": archive.stores.registry.generation,
            "keys": process.keys.provider,
            "disk": disk,
            "listeners": listeners,
        },
        sources=(
            Source("raykeep_dimse", counters_of(metrics, "dimse"), about="DICOM:"),
            Source("raykeep_web", counters_of(metrics, "web"), about="HTTPS:"),
            Source("raykeep_archive", index.totals, about="Stored:"),
        ),
    )
    return WebServer(app, None, [process.sockets["health"]], clock=archive.clock)


def _record(enforcer: Enforcer, process: Process, action: Action) -> None:
    with enforcer.operation(process.actor(Door.SUPERVISOR), action) as op:
        op.note(details={"process": process.name})
    log.info("%s", action.value)
