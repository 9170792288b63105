"""Without its keys an archive does not start, serves nothing and opens nothing; it says which."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders import ct_instance
from tests.running import RunningArchive
from tests.security.callers import web
from tests.security.opened import copied

UNAVAILABLE = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningArchive]:
    """An archive with an instance in it, at rest."""
    archive = RunningArchive(tmp_path_factory.mktemp("keys"))
    archive.init()
    archive.start()
    headers = {"Content-Type": "application/dicom"}
    with web(archive, archive.token()) as client:
        reply = client.post("/studies", content=ct_instance().part10, headers=headers)
        assert reply.status_code == 200
    archive.stop()
    yield archive
    assert archive.process is None


@pytest.fixture
def archive(made: RunningArchive, tmp_path: Path) -> RunningArchive:
    """A copy, to be robbed; its root key lies beside it."""
    return copied(made, tmp_path)


def refusal(archive: RunningArchive, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "raykeep", *command],
        env=archive.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def key_gone(archive: RunningArchive) -> str:
    archive.root_key.rename(archive.folder / "elsewhere.key")
    return str(archive.root_key)


def key_open_to_the_group(archive: RunningArchive) -> str:
    archive.root_key.chmod(0o640)
    return "is open to other users"


def key_open_to_all(archive: RunningArchive) -> str:
    archive.root_key.chmod(0o604)
    return "is open to other users"


def key_in_the_data_directory(archive: RunningArchive) -> str:
    inside = archive.data / "root.key"
    archive.root_key.rename(inside)
    archive.root_key.symlink_to(inside)
    return "lies in the data directory"


def key_of_another_archive(archive: RunningArchive) -> str:
    other = RunningArchive(archive.folder / "other")
    other.folder.mkdir()
    other.init()
    shutil.copyfile(other.root_key, archive.root_key)
    return "root key"


def key_changed(archive: RunningArchive) -> str:
    text = archive.root_key.read_text()
    line = text.splitlines()[1]
    archive.root_key.write_text(text.replace(line, line[::-1].strip("=") + "="))
    return "root key"


def key_emptied(archive: RunningArchive) -> str:
    archive.root_key.write_text("")
    return str(archive.root_key)


def key_a_folder(archive: RunningArchive) -> str:
    archive.root_key.unlink()
    archive.root_key.mkdir(mode=0o700)
    return str(archive.root_key)


def keyring_gone(archive: RunningArchive) -> str:
    (archive.data / "keys" / "keyring.json").unlink()
    return "keyring.json"


def keyring_changed(archive: RunningArchive) -> str:
    path = archive.data / "keys" / "keyring.json"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return "keyring"


ROBBERIES = (
    key_gone, key_open_to_the_group, key_open_to_all, key_in_the_data_directory,
    key_of_another_archive, key_changed, key_emptied, key_a_folder, keyring_gone,
    keyring_changed,
)  # fmt: skip
Robbery = Callable[[RunningArchive], str]

every = pytest.mark.parametrize("robbery", ROBBERIES, ids=[one.__name__ for one in ROBBERIES])


@every
def test_the_archive_does_not_start_and_says_what_is_missing(
    archive: RunningArchive, robbery: Robbery
) -> None:
    named = robbery(archive)

    done = refusal(archive, "serve", "--dimse-port", "0", "--https-port", "0")

    assert done.returncode == UNAVAILABLE, (done.returncode, done.stderr)
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (archive.data / "run" / "ready.json").exists()


@every
def test_no_command_opens_it_either(archive: RunningArchive, robbery: Robbery) -> None:
    named = robbery(archive)

    done = refusal(archive, "blobs", "verify")

    assert done.returncode == UNAVAILABLE, (done.returncode, done.stderr)
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_with_its_key_back_it_starts_again(archive: RunningArchive) -> None:
    key_gone(archive)
    assert refusal(archive, "serve").returncode == UNAVAILABLE
    (archive.folder / "elsewhere.key").rename(archive.root_key)

    archive.start()
    try:
        verified = archive.ask("blobs", "verify")
        assert (verified["checked"], verified["damaged"]) == (1, [])
    finally:
        archive.stop()


def test_without_the_study_keys_it_does_not_start(
    archive: RunningArchive,
) -> None:
    for path in (archive.data / "keys").glob("keys.db*"):
        path.unlink()

    done = refusal(archive, "serve", "--dimse-port", "0", "--https-port", "0")

    assert done.returncode == UNAVAILABLE, done.stderr
    assert "keys.db" in done.stderr


def test_a_passphrase_that_is_wrong_or_missing_opens_nothing(tmp_path: Path) -> None:
    archive, credentials = RunningArchive(tmp_path / "archive"), tmp_path / "credentials"
    archive.folder.mkdir()
    credentials.mkdir()
    given = {**archive.environment, "CREDENTIALS_DIRECTORY": str(credentials)}
    passphrase = credentials / "raykeep-passphrase"

    def run(*command: str, environment: dict[str, str] = given) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "raykeep", *command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode, done.stderr

    passphrase.write_text("correct horse battery staple")
    assert run("init", "--key-provider", "passphrase")[0] == 0
    assert run("blobs", "verify")[0] == 0

    code, said = run("blobs", "verify", environment=archive.environment)
    assert code == UNAVAILABLE
    assert "passphrase" in said

    passphrase.write_text("correct horse battery stable")
    code, said = run("blobs", "verify")
    assert code == UNAVAILABLE
    assert "passphrase" in said
    assert "horse" not in said
