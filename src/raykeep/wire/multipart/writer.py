"""The bytes between the parts of a multipart body (RFC 2046 section 5.1, RFC 2387)."""

import re
from collections.abc import Mapping

from raykeep.domain.errors import InvalidInput
from raykeep.wire.multipart.boundary import boundary_bytes

_UNSAFE = re.compile(r"[^\t\x20-\x7e]")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def content_type(boundary: str, media_type: str) -> str:
    """The Content-Type of a `multipart/related` body whose parts are of `media_type`."""
    boundary_bytes(boundary)
    return f'multipart/related; type="{media_type}"; boundary="{boundary}"'


def part_head(boundary: str, headers: Mapping[str, str], *, is_first: bool = False) -> bytes:
    """What stands before the bytes of a part: delimiter, headers, blank line.

    Raises:
        InvalidInput: `boundary` is none, or a header would break its line.
    """
    lines = [b"" if is_first else b"\r\n", b"--", boundary_bytes(boundary), b"\r\n"]
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None or _UNSAFE.search(value):
            raise InvalidInput("a header of a body part is not one line of printable ASCII")
        lines.append(f"{name}: {value}\r\n".encode("ascii"))
    lines.append(b"\r\n")
    return b"".join(lines)


def closing(boundary: str, *, is_first: bool = False) -> bytes:
    """The closing delimiter; `is_first` where there was no part at all."""
    return (b"" if is_first else b"\r\n") + b"--" + boundary_bytes(boundary) + b"--\r\n"
