"""The process of the HTTPS listener."""

import signal

from raykeep.bootstrap.archive import open_archive
from raykeep.bootstrap.metrics import write_counters
from raykeep.bootstrap.names import server_names
from raykeep.bootstrap.process import Process, server_pairs
from raykeep.bootstrap.system import SystemEntropy
from raykeep.edge.server import WebServer
from raykeep.servers.dicomweb.app import build_web_app
from raykeep.transport.tls import server_context


def run_web(process: Process) -> int:
    """Serve HTTPS until told to stop."""
    settings = process.settings
    archive = open_archive(
        process.layout, process.manifest, settings, process.keys, process=process.name
    )
    windows = archive.enforcer.windows
    windows.recover()
    names = server_names(settings)
    app = build_web_app(
        archive.enforcer,
        clock=archive.clock,
        entropy=SystemEntropy(),
        names=("localhost", "127.0.0.1", "::1", *names["dns_names"], *map(str, names["addresses"])),
        https=settings.https,
        dicomweb=settings.dicomweb,
        ingest=settings.ingest,
        preset=process.manifest.policy,
    )
    server = WebServer(
        app,
        server_context(server_pairs(process.keys), alpn=("http/1.1",)),
        [process.sockets["https"]],
        clock=archive.clock,
        limits=settings.https.limits(),
        preset=process.manifest.policy,
        each_second=(
            archive.enforcer.identities.poll,
            windows.close_idle,
            lambda: write_counters(
                process.layout.metrics,
                process.name,
                {**server.snapshot(), **app.dicomweb.snapshot()},
            ),
        ),
    )
    signal.signal(signal.SIGTERM, lambda *_: server.shutdown())
    process.tell_ready()
    try:
        server.serve_forever()
    finally:
        app.close()
        archive.close()
    return 0
