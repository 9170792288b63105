"""The DICOMweb application, and the web application that it is a part of."""

from starlette.types import Receive, Scope, Send

from raykeep.domain.access import Actor, Door
from raykeep.edge.bearer import Bearers
from raykeep.edge.errors import HttpRefusal
from raykeep.edge.gate import Gate, send_reply
from raykeep.edge.hosts import HostNames
from raykeep.edge.pool import WorkerPool
from raykeep.edge.replies import Reply, StreamReply
from raykeep.edge.requests import WebRequest
from raykeep.edge.router import Router
from raykeep.edge.security_headers import CLASSIC_PRESET, security_headers
from raykeep.edge.settings import HttpsSettings
from raykeep.edge.watch import Watch
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock, Entropy
from raykeep.servers.dicomweb.calls import Call, Handler, Services
from raykeep.servers.dicomweb.routes import ROUTES, Endpoint, Store
from raykeep.servers.dicomweb.settings import DicomwebSettings
from raykeep.servers.dicomweb.storing import Pools
from raykeep.servers.dicomweb.stow import store
from raykeep.services.authentication import still_good
from raykeep.services.ingest_settings import IngestSettings

MOUNT = "dicom-web"

THREADS_FOR_OTHERS = 2  # that one bearer cannot take, however slow its requests are

_BUSY = (b"retry-after", b"1")


class DicomwebApp:
    """An ASGI application: plain, since this is the hot path of the web side."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._services = services
        self._router: Router[Endpoint] = Router(ROUTES)
        self._bearers = Bearers(services.enforcer, services.clock, Door.DICOMWEB)
        self._watch = Watch(
            lambda actor: still_good(services.enforcer, actor, services.clock.now())
        )
        self._pools = Pools(
            WorkerPool(
                "web",
                threads=settings.threads,
                waiting=settings.waiting,
                share=max(1, settings.threads - THREADS_FOR_OTHERS),
            ),
            WorkerPool(
                "upload",
                threads=settings.upload_threads,
                waiting=0,
                per_holder=settings.uploads_per_actor,
            ),
        )
        self._downloads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request below `/dicom-web/`."""
        request = WebRequest(scope, receive, 1)
        route, values = self._router.find(request.method, request.segments)
        endpoint = route.action
        if isinstance(endpoint, Store):
            await send_reply(send, await self._store(request, values))
            return
        holder = _holder_of(scope)
        actor, reply = await self._pools.short.run(
            self._answer, endpoint, request, values, holder=holder
        )
        if isinstance(reply, Reply):
            await send_reply(send, reply)
        else:
            await self._stream(send, actor, reply, holder)

    def snapshot(self) -> dict[str, int]:
        """Numbers for operators."""
        return {
            "calls": self._pools.short.load,
            "uploads": self._pools.uploads.load,
            "downloads": self._downloads,
            "cut_off": self._watch.cut_off,
        }

    def close(self) -> None:
        """End the threads, when the last request is over."""
        self._pools.short.close()
        self._pools.uploads.close()
        self._watch.close()

    def _answer(
        self, handler: Handler, request: WebRequest, values: tuple[str, ...]
    ) -> tuple[Actor, Reply | StreamReply]:
        """All that blocks of a request, in one turn of a worker thread."""
        actor = self._bearers.actor(request)
        reply = handler(Call(self._services, request, actor, values))
        return actor, reply.begin() if isinstance(reply, StreamReply) else reply

    async def _store(self, request: WebRequest, values: tuple[str, ...]) -> Reply:
        actor = await self._pools.short.run(
            self._bearers.actor, request, holder=_holder_of(request.scope)
        )
        with self._watch.of(actor):
            return await store(self._services, self._pools, request, actor, values)

    async def _stream(self, send: Send, actor: Actor, reply: StreamReply, holder: str) -> None:
        headers = list(reply.headers)
        if reply.length is not None:
            headers.append((b"content-length", b"%d" % reply.length))
        start = {"type": "http.response.start", "status": reply.status, "headers": headers}
        if self._downloads >= self._services.settings.downloads and not reply.done:
            detail = "too many answers are on their way. Try again in a moment"
            raise HttpRefusal(503, "busy", detail, (_BUSY,))
        self._downloads += 1
        try:
            with self._watch.of(actor):
                await send(start)
                pieces = reply.ahead
                reply.ahead = []
                while pieces:
                    for piece in pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                    # The loop asks for more when the client has taken what there was, so that
                    # a slow one holds a few pieces and no thread.
                    pieces = (
                        []
                        if reply.done
                        else await self._pools.short.run(reply.pull, holder=holder, patient=True)
                    )
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._downloads -= 1


def _holder_of(scope: Scope) -> str:
    """Whose turn on the threads a request takes: the bearer's, as far as it is known by then."""
    told = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return told.decode("latin-1")


class WebApp(Gate):
    """Everything that the HTTPS listener serves."""

    def __init__(
        self, hosts: HostNames, dicomweb: DicomwebApp, preset: str, entropy: Entropy
    ) -> None:
        super().__init__(
            {MOUNT: dicomweb}, hosts=hosts, always=security_headers(preset), entropy=entropy
        )
        self.dicomweb = dicomweb

    def close(self) -> None:
        """End the threads, when the last request is over."""
        self.dicomweb.close()


def build_web_app(
    enforcer: Enforcer,
    *,
    clock: Clock,
    entropy: Entropy,
    names: tuple[str, ...],
    https: HttpsSettings | None = None,
    dicomweb: DicomwebSettings | None = None,
    ingest: IngestSettings | None = None,
    preset: str = CLASSIC_PRESET,
) -> WebApp:
    """Build what the HTTPS listener serves.

    Args:
        enforcer: The door.
        clock: Tells the time.
        entropy: Makes error ids.
        names: Host names and addresses of the listener and of its certificate; those of
            `https.names` are added.
        https: Section `[https]`.
        dicomweb: Section `[dicomweb]`.
        ingest: Section `[ingest]`.
        preset: Of the policy, `classic` or `nist`.
    """
    https = https or HttpsSettings()
    services = Services(enforcer, clock, dicomweb or DicomwebSettings(), ingest or IngestSettings())
    hosts = HostNames((*names, *https.names), https.origin or None)
    return WebApp(hosts, DicomwebApp(services), preset, entropy)
