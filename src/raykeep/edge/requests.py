"""A request, read once: what the servers behind the gate look at."""

from collections.abc import AsyncIterator, Iterable
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.types import Receive, Scope

from raykeep.domain.access import Address, Door, Origin
from raykeep.domain.errors import (
    InvalidInput,
    LimitExceeded,
    ProtocolError,
    UnsupportedMedia,
    shown,
)

MAX_PARAMETERS = 256  # of one query string

# A list of these is one value in several lines (RFC 9110 section 5.2); of any other header
# two lines could each be believed by another reader.
_LISTS = frozenset({b"accept", b"accept-language", b"accept-encoding", b"cache-control",
                    b"connection", b"if-none-match", b"if-match", b"via", b"warning",
                    b"cookie", b"x-forwarded-for", b"forwarded"})  # fmt: skip
_ALONE = frozenset({b"authorization", b"content-type", b"content-length", b"content-encoding",
                    b"host", b"range", b"transfer-encoding", b"expect"})  # fmt: skip


class WebRequest:
    """One request below a mount.

    Attributes:
        method: As it came.
        segments: The path below the mount, parted at its slashes, each decoded.
        base_url: Address of the mount, without a slash at its end.
        scope: The ASGI scope; nothing decides access from its URL.
    """

    __slots__ = ("_headers", "_parameters", "_receive", "base_url", "method", "scope", "segments")

    def __init__(self, scope: Scope, receive: Receive, depth: int) -> None:
        """Read what stands before the body.

        Args:
            scope: From the gate.
            receive: ASGI's.
            depth: How many segments of the path are the mount's.
        """
        self.scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        parts = scope["raw_path"].split(b"/")[1:]
        self.segments = tuple(_decoded(part) for part in parts[depth:])
        mount = b"/".join(parts[:depth]).decode("ascii")
        self.base_url = f"{scope['raykeep.origin']}/{mount}"
        self._headers: dict[bytes, bytes] | None = None
        self._parameters: list[tuple[str, str]] | None = None

    @property
    def headers(self) -> dict[bytes, bytes]:
        """Headers by name in lower case.

        Raises:
            InvalidInput: one that must stand alone stands twice.
        """
        if self._headers is None:
            self._headers = joined_headers(self.scope["headers"])
        return self._headers

    def header(self, name: bytes) -> str | None:
        """One header as text; None without it."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query string's names and values, decoded, in order.

        Raises:
            InvalidInput: it is not UTF-8 or not made of names and values.
            LimitExceeded: more than `MAX_PARAMETERS`.
        """
        if self._parameters is None:
            self._parameters = _parsed(self.scope["query_string"])
        return self._parameters

    def origin(self, door: Door) -> Origin:
        """Where the request came from."""
        client = self.scope.get("client")
        return Origin(door, None if client is None else _address(client[0]))

    async def body(self, limit: int) -> AsyncIterator[bytes]:
        """The body's pieces as they come.

        Args:
            limit: Bytes that are taken.

        Raises:
            UnsupportedMedia: it is compressed.
            LimitExceeded: it is longer than `limit`.
            ProtocolError: the client went away before its end.
        """
        encoding = self.headers.get(b"content-encoding", b"identity")
        if encoding.strip().lower() != b"identity":
            msg = (
                f"content encoding {shown(encoding.decode('latin-1'))} is not taken: "
                "a body may not be compressed. Send it plain"
            )
            raise UnsupportedMedia(msg)
        told = self.headers.get(b"content-length", b"0")
        length = int(told) if told.isdigit() else 0
        if length > limit:
            raise LimitExceeded("length of the body", length, limit, "bytes")
        taken = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                msg = "the client went away before the end of its body"
                raise ProtocolError(msg)
            piece = message.get("body", b"")
            taken += len(piece)
            if taken > limit:
                raise LimitExceeded("length of the body", taken, limit, "bytes")
            if piece:
                yield piece
            more = message.get("more_body", False)


def joined_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; lines of a list joined.

    Raises:
        InvalidInput: a header that must stand alone stands twice.
    """
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in joined:
            joined[name] = value
        elif name in _LISTS:
            joined[name] += b", " + value
        elif name in _ALONE:
            msg = f"the header {shown(name.decode('latin-1'))} stands twice. Send it once"
            raise InvalidInput(msg)
    return joined


def _parsed(raw: bytes) -> list[tuple[str, str]]:
    if not raw:
        return []
    if raw.count(b"&") >= MAX_PARAMETERS:
        raise LimitExceeded("query parameters", raw.count(b"&") + 1, MAX_PARAMETERS)
    try:
        return parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", separator="&"
        )
    except ValueError as error:
        msg = "the query string is not UTF-8 text, percent-encoded. Encode it so"
        raise InvalidInput(msg) from error


def _decoded(part: bytes) -> str:
    # UTF-8 that is none becomes U+FFFD, which no path here holds: not found.
    return (unquote_to_bytes(part) if b"%" in part else part).decode("utf-8", "replace")


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped
