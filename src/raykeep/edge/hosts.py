"""Which names this archive answers to (RFC 9110 section 7.4): a Host header is a peer's word."""

import re
from collections.abc import Iterable

from raykeep.domain.errors import shown
from raykeep.edge.errors import HttpRefusal

HTTPS = 443  # the port that an address may leave out
MAX_REMEMBERED = 256  # spellings of a Host header that were judged

_FORM = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{1,5}))?")


class HostNames:
    """The names of the archive.

    Args:
        names: Host names and addresses, an IPv6 address with or without its brackets; one with
            a port is good with that port alone.
        origin: `https://NAME:PORT` that links begin with; None to take the host that the
            request named, which is one of `names`.
    """

    def __init__(self, names: Iterable[str], origin: str | None = None) -> None:
        self._names = frozenset(_bracketed(name.lower()) for name in names)
        self._origin = origin
        self._judged: dict[tuple[bytes, int], str] = {}

    @property
    def remembered(self) -> int:
        """How many spellings are remembered."""
        return len(self._judged)

    def origin_for(self, host: bytes, port: int) -> str:
        """What links in the answer begin with.

        Args:
            host: The Host header.
            port: That the request came in through.

        Raises:
            HttpRefusal: it is no host (400), or not this one (421).
        """
        known = self._judged.get((host, port))
        if known is None:
            known = self._judge(host, port)
            if len(self._judged) < MAX_REMEMBERED:
                self._judged[host, port] = known
        return known

    def _judge(self, host: bytes, port: int) -> str:
        text = host.decode("latin-1").lower()
        match = _FORM.fullmatch(text)
        if match is None:
            raise HttpRefusal(400, "bad-host", "the Host header is not a host")
        name, named_port = match.groups()
        if name not in self._names and text not in self._names:
            detail = f"{shown(text)} is not a name of this archive. Use one of its own"
            raise HttpRefusal(421, "misdirected", detail)
        # Clients that leave the port out mean the one that they are connected to.
        port = int(named_port or port)
        return self._origin or f"https://{name}{'' if port == HTTPS else f':{port}'}"


def _bracketed(name: str) -> str:
    return f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name
