"""The headers that every answer carries: the OWASP Secure Headers list, on errors too.

Answers of this side are data for programs, so that nothing in them may run,
load, frame or be framed. Pages that need more say so in headers of their own.
"""

from collections.abc import Iterable, Sequence

Header = tuple[bytes, bytes]

CLASSIC_PRESET = "classic"

_NO_FEATURES = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "camera",
        "clipboard-read",
        "clipboard-write",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "gamepad",
        "geolocation",
        "gyroscope",
        "hid",
        "idle-detection",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "picture-in-picture",
        "publickey-credentials-get",
        "screen-wake-lock",
        "serial",
        "sync-xhr",
        "usb",
        "web-share",
        "xr-spatial-tracking",
    )
)

_ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-store, max-age=0"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", _NO_FEATURES.encode("ascii")),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
    (b"x-frame-options", b"deny"),
    (b"x-permitted-cross-domain-policies", b"none"),
)


def security_headers(preset: str = CLASSIC_PRESET) -> tuple[Header, ...]:
    """The headers of every answer.

    Args:
        preset: Of the policy. `classic` promises X-XSS-Protection, which browsers no longer
            read; any other leaves it out, as OWASP advises today.
    """
    if preset == CLASSIC_PRESET:
        return (*_ALWAYS, (b"x-xss-protection", b"1; mode=block"))
    return _ALWAYS


def with_security(headers: Iterable[Header], always: Sequence[Header]) -> list[Header]:
    """`headers`, and those of `always` that are not among them by name."""
    own = list(headers)
    named = {name for name, _ in own}
    own.extend(header for header in always if header[0] not in named)
    return own
