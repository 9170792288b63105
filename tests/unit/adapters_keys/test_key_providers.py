"""Where the root key comes from, and when it is refused."""

import base64
import os
import stat
from pathlib import Path

import pytest

from raykeep.adapters.keys.providers import (
    KeyFileProvider,
    PassphraseProvider,
    default_key_path,
)
from raykeep.domain.errors import AlreadyExists, InvalidInput, KeyUnavailable, SettingsError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def made(tmp_path: Path, data: Path) -> KeyFileProvider:
    return KeyFileProvider.create(tmp_path / "safe" / "a1.key", data, "a1")


def fresh(made: KeyFileProvider, data: Path) -> KeyFileProvider:
    """The same file for a process that has not read it yet."""
    return KeyFileProvider(made.path, data)


# --- a file ------------------------------------------------------------------------------------


def test_a_key_file_gives_the_same_key_again(made: KeyFileProvider, data: Path) -> None:
    key = made.root_key()

    assert len(key) == 32
    assert fresh(made, data).root_key() == key
    assert made.provider == "file"


def test_a_key_is_read_once(made: KeyFileProvider) -> None:
    key = made.root_key()
    made.path.unlink()

    assert made.root_key() == key


def test_key_file_and_directory_are_made_for_their_owner_alone(made: KeyFileProvider) -> None:
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700


def test_a_key_file_says_what_it_is(made: KeyFileProvider) -> None:
    first, second = made.path.read_text().splitlines()

    assert first.startswith("# Raykeep root key of archive a1.")
    assert base64.b64decode(second) == made.root_key()


def test_an_existing_key_is_never_overwritten(made: KeyFileProvider, data: Path) -> None:
    before = made.path.read_bytes()

    with pytest.raises(AlreadyExists, match="exists already"):
        KeyFileProvider.create(made.path, data, "a1")

    assert made.path.read_bytes() == before


def test_a_key_is_not_made_in_the_data_directory(data: Path) -> None:
    with pytest.raises(KeyUnavailable, match="lies in the data directory"):
        KeyFileProvider.create(data / "keys" / "root.key", data, "a1")

    assert list(data.iterdir()) == []


def test_a_key_that_cannot_be_written_says_why(tmp_path: Path, data: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(KeyUnavailable, match="cannot write"):
        KeyFileProvider.create(tmp_path / "file" / "a1.key", data, "a1")


def test_a_key_in_the_data_directory_is_refused(made: KeyFileProvider, data: Path) -> None:
    inside = data / "root.key"
    made.path.rename(inside)

    with pytest.raises(KeyUnavailable, match="Move it out"):
        KeyFileProvider(inside, data).root_key()


def test_a_link_does_not_hide_that_the_key_is_in_the_data_directory(
    made: KeyFileProvider, data: Path
) -> None:
    (data / "root.key").write_bytes(made.path.read_bytes())
    made.path.unlink()
    made.path.symlink_to(data / "root.key")

    with pytest.raises(KeyUnavailable, match="Move it out"):
        made.root_key()


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o644, 0o666, 0o610])
def test_a_key_that_others_can_open_is_refused_with_the_mend(
    made: KeyFileProvider, mode: int
) -> None:
    made.path.chmod(mode)

    with pytest.raises(KeyUnavailable, match=f"chmod 600 {made.path}"):
        made.root_key()


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_for_its_owner_alone_is_taken(made: KeyFileProvider, mode: int) -> None:
    made.path.chmod(mode)

    assert len(made.root_key()) == 32


def test_a_key_in_a_directory_that_anybody_may_write_to_is_refused(made: KeyFileProvider) -> None:
    made.path.parent.chmod(0o1777)

    with pytest.raises(KeyUnavailable, match=f"chmod o-w {made.path.parent}"):
        made.root_key()


def test_a_key_of_another_user_is_refused(
    made: KeyFileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = made.path.stat().st_uid
    if owner == 0:  # only root can give files away, and everybody takes what is root's
        os.chown(made.path, 12345, -1)
        expected = 12345
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        expected = owner

    with pytest.raises(KeyUnavailable, match=f"belongs to user {expected}"):
        made.root_key()


def test_a_missing_key_is_named(made: KeyFileProvider) -> None:
    made.path.unlink()

    with pytest.raises(KeyUnavailable, match=f"root key {made.path} is not there.* your copy"):
        made.root_key()


def test_a_pipe_in_the_place_of_the_key_does_not_hold_the_start(made: KeyFileProvider) -> None:
    made.path.unlink()
    os.mkfifo(made.path, 0o600)

    with pytest.raises(KeyUnavailable, match="not a regular file"):
        made.root_key()


GOOD = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{GOOD}\n",
        f"# Raykeep root key\n{GOOD[:-8]}\n",
        f"# Raykeep root key\n{GOOD}\n{GOOD}\n",
        f"# Raykeep root key\n{GOOD}####\n",
        f"# another header\n{GOOD}\n",
        "# Raykeep root key\n",
        "\xff\xfe",
        "x" * 5000,
    ],
)
def test_what_is_no_key_file_is_refused(made: KeyFileProvider, text: str) -> None:
    made.path.write_text(text)

    with pytest.raises(KeyUnavailable, match=str(made.path)) as caught:
        made.root_key()

    assert GOOD not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "is_root", "expected"),
    [
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, False, "/x/raykeep/a1.key"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, False, "/h/.config/raykeep/a1.key"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/h"}, False, "/h/.config/raykeep/a1.key"),
        ({"XDG_CONFIG_HOME": "/x"}, True, "/etc/raykeep/a1.key"),
    ],
)
def test_the_key_lies_where_the_system_keeps_settings(
    environ: dict[str, str], is_root, expected: str
) -> None:
    assert default_key_path("a1", environ, is_root=is_root) == Path(expected)


def test_without_a_home_directory_the_operator_must_name_a_place() -> None:
    with pytest.raises(SettingsError, match=r"\[keys\] file"):
        default_key_path("a1", {}, is_root=False)


@pytest.mark.parametrize("archive_id", ["", "../x", "a/b", "-a", "a" * 65, "a\n"])
def test_an_archive_id_cannot_lead_elsewhere(archive_id: str) -> None:
    with pytest.raises(InvalidInput, match="not an archive id"):
        default_key_path(archive_id, {}, is_root=True)


# --- a passphrase ------------------------------------------------------------------------------


def test_the_passphrase_opens_what_it_was_chosen_for() -> None:
    chosen = PassphraseProvider.create(lambda: "correct horse battery")

    again = PassphraseProvider(chosen.parameters, lambda: "correct horse battery")

    assert again.root_key() == chosen.root_key()
    assert again.provider == "passphrase"


def test_the_passphrase_is_asked_for_once_and_only_when_it_is_needed() -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        return "correct horse battery"

    parameters = PassphraseProvider.create(ask).parameters
    provider = PassphraseProvider(parameters, ask)
    assert len(asked) == 1
    provider.root_key()
    provider.root_key()

    assert len(asked) == 2


def test_a_wrong_passphrase_can_be_typed_again() -> None:
    parameters = PassphraseProvider.create(lambda: "correct horse battery").parameters
    typed = iter(["wrong horse battery", "correct horse battery"])
    provider = PassphraseProvider(parameters, lambda: next(typed))

    with pytest.raises(KeyUnavailable, match="Type it again"):
        provider.root_key()

    assert len(provider.root_key()) == 32


def test_a_short_passphrase_is_not_accepted_for_a_new_archive() -> None:
    with pytest.raises(InvalidInput, match="5 characters"):
        PassphraseProvider.create(lambda: "short")
