"""X41: settings that are unknown, wrong or unsafe, and data of a newer release, stop the start."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import RunningArchive
from tests.security.opened import copied, opened_database

WRONG_USAGE, UNAVAILABLE = 2, 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunningArchive:
    archive = RunningArchive(tmp_path_factory.mktemp("starts"))
    archive.init()
    return archive


@pytest.fixture
def archive(made: RunningArchive) -> Iterator[RunningArchive]:
    """An archive at rest, with default settings; put back afterwards."""
    before = (made.data / "archive.json").read_bytes()
    yield made
    (made.data / "archive.json").write_bytes(before)
    (made.data / "raykeep.toml").unlink(missing_ok=True)


def serve(archive: RunningArchive, *more: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "raykeep", "serve", "--dimse-port", "0", "--https-port", "0", *more],
        env=archive.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


KEYS_URL = 'keys_url = "postgresql+psycopg://a@db.example/keys"\n'
SETTINGS = {
    "an unknown section": ("[dimsy]\n", "dimsy"),
    "an unknown key": ("[dimse]\nprot = 2762\n", "dimse.prot"),
    "a key of no section": ("port = 2762\n", "port"),
    "an unknown key within": ("[ingest.limits]\ndeepness = 3\n", "ingest.limits.deepness"),
    "a wrong type": ('[dimse]\nport = "2762"\n', "dimse.port"),
    "a port that is none": ("[https]\nport = 70000\n", "https.port"),
    "a title that is none": ('[dimse]\nae_title = "RAY\\\\KEEP"\n', "dimse.ae_title"),
    "a limit of nothing": ("[dimse]\nmax_associations = 0\n", "dimse.max_associations"),
    "endless patience": ("[dimse]\nhandshake_timeout = 1e9\n", "dimse.handshake_timeout"),
    "TLS switched off": ("[dimse]\ntls = false\n", "dimse.tls"),
    "HTTPS switched off": ("[https]\ntls = false\n", "https.tls"),
    "no authentication": ('[dicomweb]\nauth = "none"\n', "dicomweb.auth"),
    "another choice": ('[ingest]\nconflicts = "replace"\n', "ingest.conflicts"),
    "a secret in a value": ('[database]\npassword = "geheim"\n', "database.password"),
    "a secret in an address": (
        '[database]\nurl = "postgresql+psycopg://a:geheim@db.example/raykeep"\n' + KEYS_URL,
        "url",
    ),
    "a database without TLS": (
        '[database]\nurl = "postgresql+psycopg://a@db.example/raykeep?sslmode=disable"\n'
        + KEYS_URL,
        "sslmode",
    ),
    "no TOML": ("[dimse\n", "raykeep.toml"),
    "no text": ("\x00\x01", "raykeep.toml"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_settings_that_do_not_do_stop_the_start_and_are_named(
    archive: RunningArchive, what: str
) -> None:
    text, named = SETTINGS[what]
    (archive.data / "raykeep.toml").write_text(text)

    code, said = serve(archive)

    assert code == WRONG_USAGE, (code, said)
    assert named in said
    assert "geheim" not in said
    assert "Traceback" not in said
    assert not (archive.data / "run" / "ready.json").exists()


def test_a_settings_file_that_is_named_and_missing_stops_the_start(
    archive: RunningArchive, tmp_path: Path
) -> None:
    code, said = serve(archive, "--config", str(tmp_path / "missing.toml"))

    assert code == WRONG_USAGE
    assert "missing.toml" in said


def test_a_data_directory_of_a_newer_release_is_left_alone(archive: RunningArchive) -> None:
    manifest = archive.data / "archive.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "format": 2, "what_is_new": "?"}))

    code, said = serve(archive)

    assert code == WRONG_USAGE, said
    assert "format 2" in said
    assert "newer release" in said


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "new"}'])
def test_a_damaged_manifest_stops_the_start(archive: RunningArchive, content: str) -> None:
    (archive.data / "archive.json").write_text(content)

    code, said = serve(archive)

    assert code == WRONG_USAGE, said
    assert "archive.json" in said
    assert "Traceback" not in said


def test_a_database_of_a_newer_release_is_left_alone(
    archive: RunningArchive, tmp_path: Path
) -> None:
    copy = copied(archive, tmp_path)
    with opened_database(copy) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    code, said = serve(copy)

    assert code == UNAVAILABLE, said
    assert "newer" in said


def test_a_database_in_the_clear_is_not_taken_for_ours(
    archive: RunningArchive, tmp_path: Path
) -> None:
    copy = copied(archive, tmp_path)
    for path in (copy.data / "db").iterdir():
        path.unlink()
    with sqlite3.connect(copy.data / "db" / "index.db") as plain:
        plain.execute("CREATE TABLE study (id INTEGER)")
    plain.close()

    code, said = serve(copy)

    assert code == UNAVAILABLE, said
    assert "unencrypted" in said


def test_two_archives_do_not_open_the_same_data(archive: RunningArchive) -> None:
    archive.start()
    try:
        code, said = serve(archive)
        assert code == UNAVAILABLE
        assert "in use" in said
    finally:
        archive.stop()
