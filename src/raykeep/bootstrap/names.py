"""Under which names and addresses peers know this server."""

import socket
from ipaddress import ip_address
from typing import TypedDict

from raykeep.config.settings import Settings
from raykeep.crypto.issuing import is_dns_name
from raykeep.domain.access import Address
from raykeep.domain.errors import SettingsError, shown


class ServerNames(TypedDict):
    """For the server's certificates."""

    dns_names: list[str]
    addresses: list[Address]


def server_names(settings: Settings) -> ServerNames:
    """Names and addresses that the server's certificates carry.

    The host's own name if it is one, those that `[https] names` lists, and the addresses
    listened on.

    Raises:
        SettingsError: what is given is neither a name nor an address.
    """
    host_name = socket.gethostname().lower()
    dns_names = {host_name} if is_dns_name(host_name) else set[str]()
    addresses: set[Address] = set()
    given = [*settings.https.names, settings.https.host, settings.dimse.host]
    for name in given:
        try:
            addresses.add(ip_address(name.strip("[]")))
        except ValueError:
            if not is_dns_name(name):
                msg = (
                    f"{shown(name)} is neither a host name nor an address. Correct it in "
                    "[https] names or host, or in [dimse] host"
                )
                raise SettingsError(msg) from None
            dns_names.add(name.lower())
    certain = [a for a in addresses if not a.is_unspecified]
    return {
        "dns_names": sorted(dns_names),
        "addresses": sorted(certain, key=lambda a: (a.version, int(a))),
    }
