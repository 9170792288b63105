"""What can be set about the HTTPS listener that all web servers share."""

from dataclasses import dataclass

from raykeep.edge.limits import EdgeLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsSettings:
    """Section `[https]`: the HTTPS listener. Nothing in it turns TLS off."""

    host: str = "127.0.0.1"  # address to listen on
    port: int = 8443
    names: tuple[str, ...] = ()  # host names that clients may use, beside the certificate's
    origin: str = ""  # what links begin with, behind a proxy; empty: the name that was asked for
    connections: int = 1_024  # at a time
    connections_per_address: int = 64  # raise it where many clients share one address
    header_timeout: float = 10.0  # seconds for the headers of a request
    keep_alive_timeout: float = 75.0  # seconds between two requests
    body_rate: int = 1_024  # bytes a second that an upload must reach

    def limits(self) -> EdgeLimits:
        """The listener's bounds."""
        return EdgeLimits(
            connections=self.connections,
            connections_per_address=self.connections_per_address,
            header_timeout=self.header_timeout,
            keep_alive_timeout=self.keep_alive_timeout,
            body_rate=self.body_rate,
        )
