"""Sections `[dimse]` and `[dimse_plain]`: safe when left out, strict when given."""

import msgspec
import pytest

from raykeep.config.toml import into
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import SettingsError
from raykeep.servers.dimse.settings import DimsePlainSettings, DimseSettings


def test_the_defaults_listen_on_loopback_and_on_the_registered_port():
    settings = DimseSettings()

    assert (settings.host, settings.port) == ("127.0.0.1", 2762)
    assert settings.ae_title == AETitle("RAYKEEP")


def test_speaking_without_tls_is_off():
    assert not DimsePlainSettings().enabled


def test_nothing_in_the_settings_turns_tls_off():
    names = set(DimseSettings.__struct_fields__)

    assert not {name for name in names if "tls" in name or "verify" in name or "plain" in name}


def test_settings_are_read_from_what_toml_gives():
    settings = into(DimseSettings, {"ae_title": "PACS", "port": 0, "artim_timeout": 5}, "dimse")

    assert settings.ae_title == AETitle("PACS")
    assert settings.upper_layer_limits().artim_timeout == 5


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", 70_000),
        ("max_associations", 0),
        ("max_pdu_length", 100),
        ("idle_timeout", -1),
        ("ae_title", "BACK\\SLASH"),
        ("tls", False),
    ],
)
def test_an_unusable_setting_stops_the_start(key: str, value: object):
    with pytest.raises(SettingsError, match="dimse"):
        into(DimseSettings, {key: value}, "dimse")


def test_settings_do_not_change():
    with pytest.raises(AttributeError):
        DimseSettings().port = 1  # type: ignore[misc]  # what the test is about
    assert msgspec.structs.asdict(DimseSettings())["port"] == 2762
