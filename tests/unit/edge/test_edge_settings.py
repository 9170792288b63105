"""What can be set keeps the listener bounded."""

from dataclasses import fields

from raykeep.edge.limits import DEFAULT_LIMITS, EdgeLimits
from raykeep.edge.settings import HttpsSettings


def test_the_defaults_of_the_settings_are_those_of_the_limits() -> None:
    assert HttpsSettings().limits() == DEFAULT_LIMITS


def test_what_is_set_reaches_the_listener() -> None:
    limits = HttpsSettings(connections=9, connections_per_address=3, body_rate=5).limits()

    assert limits == EdgeLimits(connections=9, connections_per_address=3, body_rate=5)


def test_nothing_turns_tls_off() -> None:
    names = {field.name for field in fields(HttpsSettings)}

    assert not {name for name in names if "tls" in name or "plain" in name or "http" in name}


def test_handshake_and_headers_have_the_times_that_were_promised() -> None:
    assert DEFAULT_LIMITS.handshake_timeout == 5
    assert DEFAULT_LIMITS.header_timeout == 10
    assert DEFAULT_LIMITS.header_bytes == 32 * 1024
    assert DEFAULT_LIMITS.keep_alive_timeout == 75
    assert DEFAULT_LIMITS.connections_per_address == 64
    assert DEFAULT_LIMITS.shutdown_timeout == 10
