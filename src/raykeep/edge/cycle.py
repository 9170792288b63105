"""One request and its answer on a connection; uvicorn's, without what we never want."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class ClientGone(OSError):
    """The client left before its answer was out; ASGI asks for an OSError."""


class Cycle(RequestResponseCycle):
    """A request being answered."""

    async def run_asgi(self, app: Any) -> None:  # noqa: ANN401 - uvicorn's signature
        """Run the application; an answer that it leaves unfinished is cut off.

        uvicorn would log what the application raised, and answer in plain text. The gate has
        done both already, with an id and without a stack.
        """
        try:
            await app(self.scope, self.receive, self.send)
        finally:
            self.on_response = _nothing
            if not self.response_complete and not self.disconnected:
                # Not closed but reset: a peer must not take half an answer for a whole one,
                # and one that reads nothing must not hold the rest in memory.
                self.transport.abort()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - uvicorn's signature
        """Send a part of the answer.

        Raises:
            ClientGone: nobody is there to read it. uvicorn would say nothing, and an
                application would go on reading for nobody.
        """
        await super().send(message)
        if self.disconnected:
            raise ClientGone


def _nothing() -> None:
    pass
