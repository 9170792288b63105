"""The settings file: what stands in it is taken, and a mistake is told in an operator's words."""

from pathlib import Path

import pytest

from raykeep.config.settings import Settings, read_settings
from raykeep.domain.errors import SettingsError


def read(folder: Path, text: str) -> Settings:
    path = folder / "raykeep.toml"
    path.write_text(text)
    return read_settings(path)


def test_an_absent_file_has_all_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none.toml") == Settings() == read(tmp_path, "")


def test_what_stands_in_the_file_is_taken(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        [dimse]
        ae_title = "ARCHIVE1"
        host = "0.0.0.0"
        [https]
        names = ["pacs.hospital.example"]
        [ingest]
        conflicts = "refuse"
        [ingest.limits]
        depth = 8
        [keys]
        file = "/srv/keys/root.key"
        """,
    )

    assert settings.dimse.ae_title.value == "ARCHIVE1"
    assert settings.https.names == ("pacs.hospital.example",)
    assert (settings.ingest.conflicts, settings.ingest.limits.depth) == ("refuse", 8)
    assert settings.keys.file == Path("/srv/keys/root.key")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[dimze]", "unknown setting dimze. Known here: blobs, "),
        ("[dimse]\nprot = 1", "unknown setting dimse.prot. Known here: ae_title, "),
        ("dimse = 3", "setting dimse: expected a section, got a whole number"),
        ('[dimse]\nport = "1"', "setting dimse.port: expected a whole number, got text in quotes"),
        ("[dimse]\nport = 99999", "setting dimse.port: expected a whole number <= 65535"),
        ('[dimse]\nae_title = "a title too long"\n', None),
        ('[dimse]\nae_title = "a title that is too long"', "setting dimse.ae_title: 'a title"),
        ('[https]\nnames = "one"', "setting https.names: expected a list, got text in quotes"),
        ("[https]\nconnections = -1", "setting https.connections: expected a whole number >= 1"),
        ("[health]\nenabled = 1", "setting health.enabled: expected true or false, got a whole"),
        ("[health]\nport = -1", "setting health.port: "),
        ('[ingest]\nconflicts = "overwrite"', "setting ingest.conflicts: "),
        ('[ingest]\nconflicts = "overwrite"', "Take one of: quarantine, refuse"),
        ("[ingest.limits]\ndepth = 0", "setting ingest.limits.depth: "),
        ("[dicomweb]\ndefault_limit = 20000", "setting dicomweb: default_limit 20000 is above"),
        ('[database]\nurl = "postgresql+psycopg://a:b@h/n"', "[database] url holds a password"),
        ("not toml", "is not TOML: "),
    ],
)
def test_a_mistake_is_told_with_its_key(tmp_path: Path, text: str, told: str | None) -> None:
    if told is None:
        assert read(tmp_path, text).dimse.ae_title.value == "a title too long"
        return
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)

    assert told in str(refused.value)
    assert "[]" not in str(refused.value)
