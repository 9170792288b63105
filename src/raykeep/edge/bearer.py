"""Authorization: Bearer (RFC 6750): the header alone, never the query string or a body."""

import re

from raykeep.domain.access import Actor, Door
from raykeep.domain.errors import InvalidInput
from raykeep.edge.requests import WebRequest
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.services.authentication import authenticate_token

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,512}) *", re.IGNORECASE)
_IN_ADDRESS = frozenset({"access_token", "token", "authorization"})


class Bearers:
    """Knows who bears a token."""

    def __init__(self, enforcer: Enforcer, clock: Clock, door: Door) -> None:
        self._enforcer = enforcer
        self._clock = clock
        self._door = door

    def actor(self, request: WebRequest) -> Actor:
        """Who sends this request; blocks.

        Raises:
            NotAuthenticated: no token, or none that is good.
            InvalidInput: a token stands in the address, where logs and histories keep it.
        """
        if any(name.lower() in _IN_ADDRESS for name, _ in request.parameters):
            msg = "a token does not belong into an address. Send it in the Authorization header"
            raise InvalidInput(msg)
        match = _BEARER.fullmatch(request.header(b"authorization") or "")
        return authenticate_token(
            self._enforcer,
            match[1] if match else "",
            request.origin(self._door),
            self._clock,
        )
