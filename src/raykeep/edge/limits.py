"""What a client of the web side may cost before it is known, and what it may cost at all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """Bounds of the HTTPS listener; the HTTP server itself has none of them."""

    connections: int = 1_024  # at a time, those in a TLS handshake included
    connections_per_address: int = 64  # IPv6 addresses count by their /64 network
    handshake_timeout: float = 5.0  # seconds from the accepted connection to the end of TLS
    header_timeout: float = 10.0  # seconds from the first byte of a request to its blank line
    header_bytes: int = 32_768  # all header lines of one request
    headers: int = 100  # of one request
    url_bytes: int = 8_192  # path and query
    trailer_bytes: int = 4_096  # after a chunked body; they are read and forgotten
    pipelined: int = 8  # requests that wait behind the one being answered
    body_rate: int = 1_024  # bytes a second, on average, while we wait for a body
    body_grace: float = 10.0  # seconds over which that average is taken
    drained_bytes: int = 1_048_576  # of a body that nobody wants, after its answer
    drain_timeout: float = 5.0  # seconds for the same
    stall_timeout: float = 30.0  # seconds in which a client takes nothing of an answer
    keep_alive_timeout: float = 75.0  # seconds between two requests
    closing_timeout: float = 10.0  # seconds to send what is left and take leave of TLS
    leaving_timeout: float = 15.0  # seconds for a client to take the rest of a last answer
    shutdown_timeout: float = 10.0  # seconds that answers may still take when the server ends


DEFAULT_LIMITS = EdgeLimits()
