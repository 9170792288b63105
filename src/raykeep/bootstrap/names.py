"""Under which names and addresses peers know this server."""

import socket
from ipaddress import ip_address
from typing import TypedDict

from raykeep.config.settings import Settings
from raykeep.domain.access import Address


class ServerNames(TypedDict):
    """For the server's certificates."""

    dns_names: list[str]
    addresses: list[Address]


def server_names(settings: Settings) -> ServerNames:
    """Names and addresses that the server's certificates carry.

    The host's own name, those that `[https] names` lists, and the addresses listened on.
    """
    dns_names = {socket.gethostname().lower()}
    addresses: set[Address] = set()
    given = [*settings.https.names, settings.https.host, settings.dimse.host]
    for name in given:
        try:
            addresses.add(ip_address(name.strip("[]")))
        except ValueError:
            dns_names.add(name.lower())
    certain = [a for a in addresses if not a.is_unspecified]
    return {
        "dns_names": sorted(name for name in dns_names if _usable(name)),
        "addresses": sorted(certain, key=lambda a: (a.version, int(a))),
    }


def _usable(name: str) -> bool:
    """A host name as certificates take it; the machine's own need not be one."""
    labels = name.split(".")
    return len(name) <= 253 and all(  # noqa: PLR2004 - RFC 1035 section 2.3.4
        label and label.isascii() and label.replace("-", "a").isalnum() and label[0] != "-"
        for label in labels
    )
