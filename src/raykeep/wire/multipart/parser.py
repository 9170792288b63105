"""A streaming, bounded reader of multipart bodies (RFC 2046 section 5.1, PS3.18 8.6.1.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias

from raykeep.domain.errors import LimitExceeded, ProtocolError
from raykeep.wire.buffers import BytesLike
from raykeep.wire.multipart.boundary import boundary_bytes
from raykeep.wire.multipart.headers import parse_headers

_CRLF: Final = b"\r\n"
_MAX_PADDING: Final = 64  # bytes of white space after a delimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartLimits:
    """Bounds of one multipart body."""

    max_parts: int = 10_000
    max_header_length: int = 16_384  # bytes of all headers of one part
    max_headers: int = 64  # of one part
    max_preamble_length: int = 4_096  # bytes; the epilogue's bound too


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins; `headers` by names in lower case."""

    headers: Mapping[str, str]


class PartData(NamedTuple):
    """Bytes of the part, a view into what was fed; never empty."""

    data: memoryview


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is whole."""


@dataclass(frozen=True, slots=True)
class End:
    """The closing delimiter came: the body is whole."""


MultipartEvent: TypeAlias = PartBegin | PartData | PartEnd | End


class _At(Enum):
    PREAMBLE = auto()
    DELIMITER = auto()  # after "--boundary", before the end of its line
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


class MultipartParser:
    """Reads a multipart body, whatever way the stream was cut.

    It keeps at most a boundary's length of a part's bytes, and takes time
    linear in what it is fed. After an error it is spent.
    """

    def __init__(self, boundary: str, limits: MultipartLimits | None = None) -> None:
        """Raises `InvalidInput` where `boundary` is none."""
        self._limits = limits or MultipartLimits()
        self._delimiter = _CRLF + b"--" + boundary_bytes(boundary)
        self._at = _At.PREAMBLE
        # What may be the start of a delimiter, and how much of it was never
        # sent: a delimiter at the very start of a body or a part needs no CRLF
        # of its own, so that one is taken as read.
        self._held = _CRLF
        self._assumed = len(_CRLF)
        self._line = bytearray()
        self._parts = 0
        self._outside = 0  # bytes of the preamble, then of the epilogue
        self._events: list[MultipartEvent] = []

    def feed(self, data: BytesLike) -> list[MultipartEvent]:
        """Take the next bytes of the body and give what they tell.

        Views in `PartData` stay valid as long as `data` is left alone. (A
        memoryview is copied first: it cannot be searched.)

        Raises:
            ProtocolError: the bytes are no multipart body.
            LimitExceeded: preamble, epilogue, headers or parts are too many.
        """
        found = bytes(data) if isinstance(data, memoryview) else data
        at, end = 0, len(found)
        while at < end:
            match self._at:
                case _At.PREAMBLE | _At.BODY:
                    at = self._in_body(found, at)
                case _At.DELIMITER:
                    at = self._after_delimiter(found, at)
                case _At.HEADERS:
                    at = self._in_headers(found, at)
                case _:  # the epilogue
                    self._count_outside(end - at, "epilogue")
                    at = end
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """The stream has ended.

        Raises:
            ProtocolError: the closing delimiter never came.
        """
        if self._at is not _At.EPILOGUE:
            raise ProtocolError("a multipart body was cut off before its closing delimiter")

    # --- bodies and preamble --------------------------------------------------------------------

    def _in_body(self, data: bytes | bytearray, at: int) -> int:
        """Pass bytes on as far as the next delimiter or the end of `data`."""
        delimiter = self._delimiter
        if self._held:
            window = self._held + data[at : at + len(delimiter) - 1]
            start = window.find(delimiter)
            if start >= 0:
                at += start + len(delimiter) - len(self._held)
                self._pass_on(window, self._assumed, start)
                return self._delimiter_found(at)
            if len(window) < len(self._held) + len(delimiter) - 1:  # all of `data` is in it
                return self._hold(window, self._assumed, len(data))
            self._pass_on(self._held, self._assumed, len(self._held))
            self._held, self._assumed = b"", 0
        start = data.find(delimiter, at)
        if start < 0:
            return self._hold(data, at, len(data))
        self._pass_on(data, at, start)
        return self._delimiter_found(start + len(delimiter))

    def _hold(self, data: bytes | bytearray, at: int, end: int) -> int:
        """Pass on all but a tail that may be the start of a delimiter; returns `end`."""
        # No boundary holds a CR, so that the last one alone can begin a delimiter.
        start = data.rfind(b"\r", max(0, len(data) - len(self._delimiter) + 1))
        if start < 0 or not self._delimiter.startswith(bytes(data[start:])):
            start = len(data)
        if start or not self._assumed:
            self._pass_on(data, at, start)
            self._assumed = 0
        self._held = bytes(data[start:])
        return end

    def _pass_on(self, data: bytes | bytearray, start: int, stop: int) -> None:
        if start >= stop:
            return
        if self._at is _At.PREAMBLE:
            self._count_outside(stop - start, "preamble")
        else:
            self._events.append(PartData(memoryview(data)[start:stop]))

    def _delimiter_found(self, at: int) -> int:
        if self._at is _At.BODY:
            self._events.append(PartEnd())
        self._at = _At.DELIMITER
        self._held, self._assumed = b"", 0
        self._line.clear()
        return at

    def _count_outside(self, length: int, which: str) -> None:
        self._outside += length
        allowed = self._limits.max_preamble_length
        if self._outside > allowed:
            raise LimitExceeded(f"length of a multipart {which}", self._outside, allowed, "bytes")

    # --- delimiters and headers -----------------------------------------------------------------

    def _after_delimiter(self, data: bytes | bytearray, at: int) -> int:
        line, before = self._line, len(self._line)
        line += data[at : at + _MAX_PADDING + len(_CRLF) - before]
        if line.startswith(b"--"):
            self._events.append(End())
            self._at, self._outside = _At.EPILOGUE, 0
            return at + 2 - before
        end = line.find(_CRLF)
        rest = line[:end] if end >= 0 else line.removesuffix(b"\r")
        is_open = end < 0 and len(line) < _MAX_PADDING + len(_CRLF)
        if rest.strip(b" \t") and not (is_open and rest == b"-"):
            raise ProtocolError("a multipart delimiter is followed by other text")
        if end < 0:
            if not is_open:
                raise ProtocolError("a multipart delimiter is followed by too much white space")
            return len(data)
        self._begin_part()
        return at + end + len(_CRLF) - before

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise LimitExceeded("number of body parts", self._parts, self._limits.max_parts)
        self._at = _At.HEADERS
        self._line[:] = _CRLF  # a part without headers begins with the blank line

    def _in_headers(self, data: bytes | bytearray, at: int) -> int:
        line, before = self._line, len(self._line)
        allowed = self._limits.max_header_length
        line += data[at : at + allowed + 4 - before]
        end = line.find(_CRLF + _CRLF, max(0, before - 3))
        if end < 0:
            if len(line) >= allowed + 4:
                raise LimitExceeded("length of a part's headers", len(line), allowed, "bytes")
            return len(data)
        headers = parse_headers(bytes(line[len(_CRLF) : end]), self._limits.max_headers)
        self._events.append(PartBegin(headers))
        self._at = _At.BODY
        self._held, self._assumed = _CRLF, len(_CRLF)
        return at + end + 4 - before
