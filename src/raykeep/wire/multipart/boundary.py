"""The boundary of a multipart body (RFC 2046 section 5.1.1)."""

import re

from raykeep.domain.errors import InvalidInput, shown

_FORM = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")


def boundary_bytes(boundary: str) -> bytes:
    """Check a boundary and give its bytes, without the hyphens before it.

    Raises:
        InvalidInput: it has not 1 to 70 of the characters that RFC 2046
            allows, or ends with a space.
    """
    if _FORM.fullmatch(boundary) is None:
        raise InvalidInput(
            f"{shown(boundary)} is not a multipart boundary: 1 to 70 letters, digits and "
            "'()+_,-./:=? are. Send another"
        )
    return boundary.encode("ascii")
