"""The process of the DICOM listeners."""

import threading

from raykeep.bootstrap.archive import open_archive
from raykeep.bootstrap.metrics import write_counters
from raykeep.bootstrap.process import (
    HOUSEKEEPING_INTERVAL,
    Process,
    log,
    server_pairs,
    stop_on_sigterm,
)
from raykeep.domain.errors import ArchiveError
from raykeep.servers.dimse.listener import DimseServer, TLSMaterial


def run_dimse(process: Process) -> int:
    """Serve associations until told to stop."""
    settings = process.settings
    archive = open_archive(
        process.layout, process.manifest, settings, process.keys, process=process.name
    )
    archive.enforcer.windows.recover()
    plain = process.sockets.get("dimse_plain")
    server = DimseServer(
        archive.enforcer,
        settings.dimse,
        settings.ingest,
        tls_source=lambda: TLSMaterial(server_pairs(process.keys), process.keys.client_ca_pem()),
        listen_sockets=[process.sockets["dimse"]],
        plain_sockets=[plain] if plain is not None else [],
        clock=archive.clock,
        stop_event=process.stop,
        logger=log,
    )

    def keep_house() -> None:
        while not process.stop.wait(HOUSEKEEPING_INTERVAL):
            write_counters(process.layout.metrics, process.name, server.metrics.snapshot())
            try:
                archive.enforcer.windows.close_idle()
            except ArchiveError as error:
                log.warning("windows cannot be closed: %s", type(error).__name__)

    stop_on_sigterm(process.stop)
    keeper = threading.Thread(target=keep_house, name="housekeeping")
    keeper.start()
    process.tell_ready()
    try:
        server.serve_forever()
    finally:
        process.stop.set()
        keeper.join()
        archive.close()
    return 0
