"""What can be set about the HTTPS listener that all web servers share."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from raykeep.edge.limits import EdgeLimits

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Count = Annotated[int, msgspec.Meta(ge=1, le=65_536)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Rate = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsSettings:
    """Section `[https]`: the HTTPS listener. Nothing in it turns TLS off."""

    host: str = "127.0.0.1"  # address to listen on
    port: Port = 8443  # 0 takes a free one
    names: tuple[str, ...] = ()  # host names that clients use; the certificates carry them
    origin: str = ""  # what links begin with, behind a proxy; empty: the name that was asked for
    connections: Count = 1_024  # at a time
    connections_per_address: Count = 64  # raise it where many clients share one address
    header_timeout: Seconds = 10.0  # seconds for the headers of a request
    keep_alive_timeout: Seconds = 75.0  # seconds between two requests
    body_rate: Rate = 1_024  # bytes a second that an upload must reach

    def limits(self) -> EdgeLimits:
        """The listener's bounds."""
        return EdgeLimits(
            connections=self.connections,
            connections_per_address=self.connections_per_address,
            header_timeout=self.header_timeout,
            keep_alive_timeout=self.keep_alive_timeout,
            body_rate=self.body_rate,
        )
