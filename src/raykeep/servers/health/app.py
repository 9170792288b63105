"""Live, ready, and numbers: for orchestrators and Prometheus, on loopback alone.

No patient, no user, no version: whoever reads this learns that there is an
archive and how busy it is.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from raykeep.domain.errors import ArchiveError
from raykeep.edge.gate import Gate
from raykeep.edge.hosts import HostNames
from raykeep.edge.pool import WorkerPool
from raykeep.edge.security_headers import security_headers
from raykeep.ports.clock import Entropy
from raykeep.servers.health.metrics import Source, exposition

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Check = Callable[[], object]

_NO_CHECKS: Mapping[str, Check] = MappingProxyType({})


def build_health_app(
    *,
    entropy: Entropy,
    checks: Mapping[str, Check] = _NO_CHECKS,
    sources: tuple[Source, ...] = (),
) -> ASGIApp:
    """Build the application.

    Args:
        entropy: Makes error ids.
        checks: By name, what must work for the archive to be ready; a check raises an
            `ArchiveError` when it does not. Called for each look, on a thread.
        sources: Of the metrics.
    """
    pool = WorkerPool("health", threads=2, waiting=8)

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        failed = await pool.run(_failures, checks)
        if failed:
            return PlainTextResponse("".join(f"not ready: {one}\n" for one in failed), 503)
        return PlainTextResponse("ready\n")

    async def metrics(_request: Request) -> Response:
        return Response(await pool.run(exposition, sources), media_type=METRICS_TYPE)

    routes = [
        Route(path, endpoint, methods=["GET"])
        for path, endpoint in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics))
    ]
    app = Starlette(routes=routes)
    return Gate(
        {"healthz": app, "readyz": app, "metrics": app},
        hosts=HostNames(LOOPBACK_NAMES),
        always=security_headers(),
        entropy=entropy,
    )


def _failures(checks: Mapping[str, Check]) -> list[str]:
    failed: list[str] = []
    for name, check in checks.items():
        try:
            check()
        except ArchiveError:
            failed.append(name)
    return failed
