"""The outermost application: host, mount, headers and errors are dealt with here, once."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raykeep.domain.errors import ArchiveError
from raykeep.edge.cycle import ClientGone
from raykeep.edge.errors import ErrorReplies, HttpRefusal
from raykeep.edge.hosts import HostNames
from raykeep.edge.replies import Reply
from raykeep.edge.security_headers import Header, with_security
from raykeep.ports.clock import Entropy


class Gate:
    """An ASGI application that passes requests on to the one mounted at their first segment.

    Args:
        mounts: Applications by first segment of the path.
        hosts: The archive's names.
        always: Headers of every answer.
        entropy: Makes error ids.
    """

    def __init__(
        self,
        mounts: Mapping[str, ASGIApp],
        *,
        hosts: HostNames,
        always: tuple[Header, ...],
        entropy: Entropy,
    ) -> None:
        self._mounts = {name.encode("ascii"): app for name, app in mounts.items()}
        self._hosts = hosts
        self._always = always
        self._errors = ErrorReplies(entropy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            msg = f"{scope['type']} is not spoken here"
            raise RuntimeError(msg)
        answer = _Answer(send, self._always)
        try:
            scope["raykeep.origin"] = self._origin(scope)
            app = self._mounts.get(scope["raw_path"].split(b"/", 2)[1], _nothing_here)
            await app(scope, receive, answer.send)
        except ClientGone:
            raise  # no fault of the archive's: nothing to tell anybody
        except ArchiveError as error:
            if answer.started:
                # The status is out already: the client must see that its answer is cut short.
                self._errors.reply_to_unforeseen(error)
                raise
            await answer.give(self._errors.reply_to(error))
        except Exception as error:
            reply = self._errors.reply_to_unforeseen(error)
            if not answer.started:
                await answer.give(reply)
            raise

    def _origin(self, scope: Scope) -> str:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            raise HttpRefusal(400, "bad-host", "a request needs one Host header")
        server = scope.get("server") or ("", 443)
        return self._hosts.origin_for(hosts[0], server[1] or 443)


class _Answer:
    """The way out: adds the headers that every answer carries."""

    __slots__ = ("_always", "_send", "started")

    def __init__(self, send: Send, always: tuple[Header, ...]) -> None:
        self._send = send
        self._always = always
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = with_security(message.get("headers", ()), self._always)
        await self._send(message)

    async def give(self, reply: Reply) -> None:
        await send_reply(self.send, reply)


async def send_reply(send: Send, reply: Reply) -> None:
    """Send an answer whose body is at hand."""
    headers = reply.headers
    if reply.status not in (204, 304):
        headers = [*headers, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _nothing_here(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise HttpRefusal(404, "not-found", "nothing of that name is here, or not for you")
