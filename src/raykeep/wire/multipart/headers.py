"""The header fields of a body part (RFC 2046 section 5.1, RFC 5322 section 2.2)."""

import re

from raykeep.domain.errors import LimitExceeded, ProtocolError

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FOLD = re.compile(r"\r\n[ \t]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def parse_headers(raw: bytes, max_headers: int) -> dict[str, str]:
    """Parse the header lines of a part.

    Args:
        raw: The lines, joined by CRLF, without the blank line after them.
        max_headers: How many fields are taken.

    Returns:
        Values by name in lower case; folded lines are unfolded.

    Raises:
        ProtocolError: a line is no header field, or a name stands twice.
        LimitExceeded: there are more than `max_headers`.
    """
    text = _FOLD.sub(" ", raw.decode("latin-1"))
    headers: dict[str, str] = {}
    for line in text.split("\r\n") if text else ():
        name, colon, value = line.partition(":")
        if not colon or _NAME.fullmatch(name) is None or _CONTROL.search(value):
            raise ProtocolError("a body part has a line among its headers that is none")
        if len(headers) == max_headers:
            raise LimitExceeded("number of headers of a body part", max_headers + 1, max_headers)
        key = name.lower()
        # Two readers could each believe another one of them.
        if key in headers:
            raise ProtocolError("a body part has the same header twice")
        headers[key] = value.strip(" \t")
    return headers
