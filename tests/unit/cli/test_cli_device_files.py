"""A device's files: for the right eyes, never over what is there, never half."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.cli.device_files import DeviceFiles, file_name
from raykeep.cli.failures import CommandFailed
from raykeep.config.layout import Layout

GIVEN = {
    "aet": "CT01",
    "key_pem": "KEY\n",
    "certificate_pem": "CERTIFICATE\n",
    "ca_pem": "CA\n",
    "expires": "2030-01-01T00:00:00+00:00",
}


def filled(folder, result=GIVEN, *, key=True, certificate=True, replace=False) -> dict:
    with DeviceFiles(folder, "CT01", key=key, certificate=certificate, replace=replace) as files:
        return files.fill(result)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_files_are_written_each_for_the_right_eyes(tmp_path) -> None:
    out = tmp_path / "new" / "keys"

    where = filled(out)

    assert where == {
        "aet": "CT01",
        "key": str(out / "CT01.key"),
        "certificate": str(out / "CT01.crt"),
        "ca": str(out / "ca.crt"),
        "expires": GIVEN["expires"],
    }
    assert (out / "CT01.key").read_text() == "KEY\n"
    assert (out / "CT01.crt").read_text() == "CERTIFICATE\n"
    assert (out / "ca.crt").read_text() == "CA\n"
    assert mode(out / "CT01.key") == 0o600
    assert mode(out) == 0o700


def test_a_key_is_secret_whatever_the_umask(tmp_path) -> None:
    before = os.umask(0)
    try:
        filled(tmp_path)
    finally:
        os.umask(before)

    assert mode(tmp_path / "CT01.key") == 0o600


@pytest.mark.parametrize("name", ["CT01.key", "CT01.crt"])
def test_what_is_there_is_not_overwritten_and_nothing_is_begun(tmp_path, name) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(CommandFailed, match=f"{name} is there already") as refused:
        DeviceFiles(tmp_path, "CT01", key=True, certificate=True)

    assert refused.value.exit_code == 2
    assert (tmp_path / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_is_not_followed(tmp_path) -> None:
    (tmp_path / "CT01.key").symlink_to(tmp_path / "elsewhere")

    for replace in (False, True):
        with pytest.raises(CommandFailed):
            DeviceFiles(tmp_path, "CT01", key=True, certificate=True, replace=replace)

    assert not (tmp_path / "elsewhere").exists()


def test_when_the_archive_refuses_nothing_is_left_behind(tmp_path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        DeviceFiles(tmp_path / "keys", "CT01", key=True, certificate=True),
    ):
        raise ZeroDivisionError

    assert not (tmp_path / "keys").exists()


def test_empty_files_that_an_attempt_left_are_in_nobodys_way(tmp_path) -> None:
    (tmp_path / "CT01.key").touch(0o644)

    filled(tmp_path)

    assert (tmp_path / "CT01.key").read_text() == "KEY\n"
    assert mode(tmp_path / "CT01.key") == 0o600


def test_a_renewal_takes_the_place_of_the_files_before_when_it_is_told_to(tmp_path) -> None:
    filled(tmp_path, {**GIVEN, "key_pem": "OLD, AND LONGER\n"})
    with pytest.raises(CommandFailed):
        filled(tmp_path)

    filled(tmp_path, replace=True)

    assert (tmp_path / "CT01.key").read_text() == "KEY\n"


def test_a_renewal_that_is_refused_leaves_the_files_before(tmp_path) -> None:
    filled(tmp_path)

    with (
        pytest.raises(ZeroDivisionError),
        DeviceFiles(tmp_path, "CT01", key=True, certificate=True, replace=True),
    ):
        raise ZeroDivisionError

    assert (tmp_path / "CT01.key").read_text() == "KEY\n"


def test_a_request_brings_no_key_and_a_certificate_of_their_own_neither(tmp_path) -> None:
    where = filled(tmp_path / "csr", {**GIVEN, "key_pem": None}, key=False)
    assert where["key"] is None
    assert sorted(p.name for p in (tmp_path / "csr").iterdir()) == ["CT01.crt", "ca.crt"]

    where = filled(tmp_path / "own", GIVEN, key=False, certificate=False)
    assert (where["key"], where["certificate"]) == (None, None)
    assert [p.name for p in (tmp_path / "own").iterdir()] == ["ca.crt"]


def test_several_devices_share_one_ca(tmp_path) -> None:
    filled(tmp_path)
    (tmp_path / "CT01.key").rename(tmp_path / "a")
    (tmp_path / "CT01.crt").rename(tmp_path / "b")

    assert filled(tmp_path)["ca"] == str(tmp_path / "ca.crt")


def test_a_folder_with_the_ca_of_another_archive_is_refused_beforehand(tmp_path) -> None:
    layout = Layout(tmp_path / "data")
    layout.ca_bundle.parent.mkdir(parents=True)
    layout.ca_bundle.write_text("CA\n")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "ca.crt").write_text("ANOTHER CA\n")

    with (
        pytest.raises(CommandFailed, match="not of this archive"),
        DeviceFiles(keys, "CT01", key=True, certificate=True) as files,
    ):
        files.check_ca(layout)

    assert [p.name for p in keys.iterdir()] == ["ca.crt"]


def test_the_ca_of_this_archive_is_fine_and_one_that_cannot_be_compared_yet_is_told_later(
    tmp_path, capsys
) -> None:
    layout = Layout(tmp_path / "data")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "ca.crt").write_text("ANOTHER CA\n")

    with DeviceFiles(keys, "CT01", key=True, certificate=True) as files:
        files.check_ca(layout)
        files.fill(GIVEN)
    assert "is left as it is" in capsys.readouterr().err

    layout.ca_bundle.parent.mkdir(parents=True)
    layout.ca_bundle.write_text("ANOTHER CA\n")
    with DeviceFiles(keys, "MR01", key=True, certificate=True) as files:
        files.check_ca(layout)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CommandFailed, match="cannot be made"):
        DeviceFiles(tmp_path / "file" / "keys", "CT01", key=True, certificate=True)


def test_a_key_that_cannot_be_written_is_told_with_the_way_to_another(
    tmp_path, monkeypatch
) -> None:
    def full(_descriptor, _length) -> None:
        raise OSError(28, "No space left on device")

    with DeviceFiles(tmp_path, "CT01", key=True, certificate=True) as files:
        monkeypatch.setattr(os, "ftruncate", full)
        with pytest.raises(CommandFailed, match="raykeep device renew") as failed:
            files.fill(GIVEN)

    assert failed.value.exit_code == 5


@given(aet=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=16))
def test_a_file_name_stays_in_its_folder(aet) -> None:
    name = file_name(aet)

    assert "/" not in name
    assert not name.startswith(".")


@pytest.mark.parametrize(
    ("aet", "name"),
    [("CT01", "CT01"), ("MR-1.A_b", "MR-1.A_b"), ("../../etc/x", "_._.._etc_x"), ("A B", "A_B")],
)
def test_an_ordinary_title_names_its_files(aet, name) -> None:
    assert file_name(aet) == name
