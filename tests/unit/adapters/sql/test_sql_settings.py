"""Nothing in `[database]` lets a password or an unverified connection slip in."""

from pathlib import Path

import msgspec
import pytest

from raykeep.adapters.sql.postgres_server import postgres_engine
from raykeep.adapters.sql.settings import DatabaseSettings, is_local, read_password
from raykeep.domain.errors import SettingsError

SERVER = "postgresql+psycopg://raykeep@db.example/raykeep"
KEYS = "postgresql+psycopg://keys@db.example/raykeep"


def test_the_default_is_the_encrypted_file() -> None:
    assert DatabaseSettings().url == ""


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://raykeep@db.example/raykeep",
        "sqlite:///index.db",
        "mysql://a@b/c",
        "postgresql+psycopg://raykeep:secret@db.example/raykeep",
        f"{SERVER}?sslmode=require",
        f"{SERVER}?sslmode=disable",
        f"{SERVER}?sslmode=verify-full&sslmode=prefer",
    ],
)
def test_an_address_that_is_unsafe_or_not_ours_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        DatabaseSettings(url=url, keys_url=KEYS)
    assert "secret" not in str(refused.value)
    with pytest.raises(SettingsError):
        DatabaseSettings(url=SERVER, keys_url=url)


def test_a_server_needs_a_place_for_the_study_keys() -> None:
    with pytest.raises(SettingsError, match="keys_url"):
        DatabaseSettings(url=SERVER)


@pytest.mark.parametrize("text", ['{"connections": 1}', '{"pool": 3}', '{"busy_timeout": 0}'])
def test_unknown_keys_and_wrong_numbers_are_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=DatabaseSettings)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        (SERVER, False),
        ("postgresql+psycopg://raykeep@/raykeep?host=/run/postgresql", True),
        ("postgresql+psycopg://raykeep@localhost/raykeep", True),
        ("postgresql+psycopg://raykeep@127.0.0.1:5433/raykeep", True),
        ("postgresql+psycopg://raykeep@/raykeep?host=db.example", False),
        ("postgresql+psycopg://raykeep@localhost/raykeep?host=db.example", False),
        ("postgresql+psycopg://raykeep@/raykeep?hostaddr=192.0.2.1", False),
    ],
)
def test_only_sockets_of_this_machine_are_local(url: str, local: bool) -> None:  # noqa: FBT001 - a table
    assert is_local(url) is local


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [(SERVER, "verify-full"), ("postgresql+psycopg://raykeep@localhost/raykeep", None)],
)
def test_what_leaves_the_machine_is_verified(
    monkeypatch: pytest.MonkeyPatch, url: str, sslmode: str | None
) -> None:
    seen: dict[str, object] = {}

    def create_engine(_: str, **arguments: object) -> None:
        seen.update(arguments["connect_args"])

    monkeypatch.setattr("raykeep.adapters.sql.postgres_server.sa.create_engine", create_engine)
    postgres_engine(DatabaseSettings(url=url, keys_url=KEYS), url, "")

    assert seen.get("sslmode") == sslmode
    assert seen.get("sslrootcert") == ("system" if sslmode else None)


def test_a_password_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("open sesame\n")
    assert read_password(str(file)) == "open sesame"
    assert read_password("") is None

    file.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_password(str(file))
    with pytest.raises(SettingsError, match="cannot be read"):
        read_password(str(tmp_path / "nowhere"))
