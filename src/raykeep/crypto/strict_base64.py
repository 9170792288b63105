"""Base64 (RFC 4648 section 4) in its one right spelling: the last character may hold spare bits."""

import base64


def decoded(text: str) -> bytes | None:
    """The bytes, None when `text` is not just how `encoded` would write them."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if encoded(raw) == text else None


def encoded(raw: bytes) -> str:
    """The text."""
    return base64.b64encode(raw).decode()
