"""`init`, and commands on a data directory that no process has open: all of it is real."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from raykeep.cli.main import main


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An archive made by `raykeep init`, and what it said."""
    folder = tmp_path_factory.mktemp("made")
    environment = {**os.environ, "RAYKEEP_DATA": str(folder / "data"), "HOME": str(folder)}
    key = folder / "secret" / "root.key"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "raykeep", "--json", "init", "--facility", "east"),
            *("--policy", "nist", "--key-file", str(key)),
        ],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=True,
    )
    return folder, json.loads(done.stdout), done.stderr


@pytest.fixture
def raykeep(made, monkeypatch, capsys, tmp_path):
    folder, _, _ = made
    monkeypatch.setenv("RAYKEEP_DATA", str(folder / "data"))
    monkeypatch.chdir(tmp_path)
    before, mask = signal.getsignal(signal.SIGTERM), os.umask(0o077)

    def call(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    yield call
    signal.signal(signal.SIGTERM, before)
    os.umask(mask)


def test_init_says_where_everything_is(made) -> None:
    folder, told, err = made

    assert err == ""
    assert set(told) == {
        "archive", "data", "facility", "root_key", "ca", "ca_sha256", "audit_key",
    }  # fmt: skip
    assert told["data"] == str(folder / "data")
    assert told["facility"] == "east"
    key = folder / "secret" / "root.key"
    assert told["root_key"] == str(key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
    assert "BEGIN CERTIFICATE" in (folder / "data" / "tls" / "ca.crt").read_text()
    assert json.loads((folder / "data" / "archive.json").read_text())["policy"] == "nist"


def test_an_archive_is_not_made_over_another(raykeep) -> None:
    code, out, err = raykeep("init")

    assert (code, out) == (2, "")
    assert "holds an archive already. Name another directory" in err


def test_an_archive_is_not_made_among_other_things(raykeep, tmp_path) -> None:
    (tmp_path / "mine").touch()

    code, _, err = raykeep("--data", tmp_path, "init")

    assert code == 2
    assert "is not empty" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--facility", "East"), "'East' is not a facility name"),
        (("--key-provider", "passphrase", "--key-file", "/x"), "Leave one of them out"),
    ],
)
def test_a_wish_that_cannot_be_makes_nothing(raykeep, tmp_path, arguments, line) -> None:
    code, _, err = raykeep("--data", tmp_path / "new", "init", *arguments)

    assert code == 2
    assert line in err
    assert not (tmp_path / "new").exists()


def test_a_key_beside_the_data_is_refused(raykeep, tmp_path) -> None:
    data = tmp_path / "new"

    code, _, err = raykeep("--data", data, "init", "--key-file", data / "root.key")

    assert code == 5
    assert "a copy of the data would carry its key" in err


def test_commands_open_the_directory_when_no_archive_runs(raykeep) -> None:
    code, out, err = raykeep("--json", "facility", "list")

    assert (code, err) == (0, "")
    assert [f["name"] for f in json.loads(out)["facilities"]] == ["east"]


def test_what_is_done_stands_on_the_trail_and_it_holds(raykeep, tmp_path) -> None:
    assert raykeep("device", "enroll", "CT01", "--facility", "east", "--out", tmp_path)[0] == 0
    assert raykeep("device", "enroll", "CT01", "--facility", "east", "--out", tmp_path)[0] == 2

    code, out, _ = raykeep("--json", "audit", "search", "--action", "device:enroll")
    assert [record["outcome"] for record in json.loads(out)["records"]] == ["success"]
    assert code == 0
    note = raykeep("audit", "checkpoint")[1]
    (tmp_path / "kept").write_text(note)
    assert raykeep("audit", "verify", "--checkpoint", "kept")[0] == 0


def test_the_only_facility_is_the_one_that_is_meant(raykeep, tmp_path) -> None:
    (tmp_path / "in").mkdir()

    code, out, _ = raykeep("import", "in")

    assert code == 0
    assert out.startswith("east: nothing found")


def test_the_database_is_of_this_release(raykeep) -> None:
    assert raykeep("db", "upgrade")[1] == "nothing to do: the database is of this release\n"
    assert json.loads(raykeep("--json", "db", "upgrade")[1]) == {"applied": []}


def test_settings_that_do_not_do_stop_it_with_their_path(raykeep, tmp_path) -> None:
    config = tmp_path / "my.toml"
    config.write_text("[dimse]\nprot = 1\n")

    code, _, err = raykeep("--config", config, "facility", "list")

    assert code == 2
    assert "unknown setting dimse.prot" in err


def test_without_its_root_key_nothing_opens(raykeep, made) -> None:
    folder, _, _ = made
    key = folder / "secret" / "root.key"
    key.rename(key.with_suffix(".away"))
    try:
        code, out, err = raykeep("facility", "list")
    finally:
        key.with_suffix(".away").rename(key)

    assert (code, out) == (5, "")
    assert str(key) in err


def test_a_directory_without_an_archive_says_how_to_make_one(raykeep, tmp_path) -> None:
    code, _, err = raykeep("--data", tmp_path / "none", "facility", "list")

    assert code == 5
    assert "there is no archive in" in err


def test_two_do_not_open_it_at_once(raykeep, made) -> None:
    from raykeep.bootstrap.lock import locked
    from raykeep.config.layout import Layout

    with locked(Layout(made[0] / "data")):
        code, _, err = raykeep("facility", "list")

    assert code == 5
    assert "an archive runs in it already" in err
