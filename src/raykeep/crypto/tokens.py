"""API tokens as text: `rk_<16 hexadecimal digits>_<43 characters base64url>`.

The first part is public and stands on the trail; the second is 32 random bytes, of which the
archive keeps the SHA-256 alone.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

from raykeep.domain.errors import InvalidInput

ID_LENGTH = 8  # bytes
SECRET_LENGTH = 32  # bytes

_FORM = re.compile(r"rk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made.

    Attributes:
        token_id: Public part.
        text: What its bearer shows; to be printed once and kept nowhere.
        secret_sha256: What is kept, hexadecimal.
    """

    token_id: str
    text: str = field(repr=False)
    secret_sha256: str


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A token as its bearer showed it: whose it says it is, and the hash of its secret."""

    token_id: str
    secret_sha256: str


def make_token() -> NewToken:
    """A fresh token."""
    token_id = secrets.token_hex(ID_LENGTH)
    secret = secrets.token_bytes(SECRET_LENGTH)
    encoded = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return NewToken(token_id, f"rk_{token_id}_{encoded}", sha256(secret).hexdigest())


def parse_token(text: str) -> ShownToken:
    """Read a token.

    Raises:
        InvalidInput: it is not one; the message does not repeat it.
    """
    match = _FORM.fullmatch(text)
    secret = base64.urlsafe_b64decode(match[2] + "=") if match else b""
    # 43 characters hold two bits more than the secret: only one spelling is the token.
    if match is None or not text.endswith(base64.urlsafe_b64encode(secret).decode().rstrip("=")):
        msg = "the bearer token is not of this archive: it has the form rk_…_…"
        raise InvalidInput(msg)
    return ShownToken(match[1], sha256(secret).hexdigest())


def is_secret_of(token: ShownToken, secret_sha256: str) -> bool:
    """Whether the secret is the one kept as `secret_sha256`; takes the same time either way."""
    return hmac.compare_digest(token.secret_sha256.encode(), secret_sha256.encode())
