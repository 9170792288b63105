"""Which archive is meant."""

from pathlib import Path

import pytest

from raykeep.cli import place as module
from raykeep.cli.failures import CommandFailed
from raykeep.cli.place import Given, absolute, default_data


@pytest.mark.parametrize(
    ("environ", "is_root", "wanted"),
    [
        ({"RAYKEEP_DATA": "/srv/pacs", "HOME": "/h"}, True, "/srv/pacs"),
        ({"RAYKEEP_DATA": "/srv/pacs/../a", "HOME": "/h"}, False, "/srv/a"),
        ({"RAYKEEP_DATA": "", "HOME": "/h"}, True, "/var/lib/raykeep"),
        ({"HOME": "/h"}, True, "/var/lib/raykeep"),
        ({}, True, "/var/lib/raykeep"),
        ({"HOME": "/h"}, False, "/h/.local/share/raykeep"),
        ({"HOME": "/h", "XDG_DATA_HOME": "/x"}, False, "/h/.local/share/raykeep"),
    ],
)
def test_the_data_directory_where_none_is_named(environ, is_root, wanted) -> None:
    assert default_data(environ, is_root=is_root) == Path(wanted)


def test_without_a_home_the_data_directory_must_be_named() -> None:
    with pytest.raises(CommandFailed, match="--data or \\$RAYKEEP_DATA"):
        default_data({}, is_root=False)


def test_what_is_named_goes_before_the_environment(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RAYKEEP_DATA", "/srv/pacs")
    monkeypatch.chdir(tmp_path)

    assert Given(data=Path("here")).place().data == tmp_path / "here"
    assert Given().place().data == Path("/srv/pacs")


def test_settings_lie_in_the_data_directory_and_need_not_be_there(tmp_path) -> None:
    assert Given(data=tmp_path / "a").place().config == tmp_path / "a" / "raykeep.toml"


def test_settings_that_are_named_must_be_there(tmp_path) -> None:
    file = tmp_path / "my.toml"
    with pytest.raises(CommandFailed, match=r"no settings file .*my\.toml"):
        Given(config=file).place()
    file.touch()

    assert Given(config=file).place().config == file


def test_places_are_absolute_and_links_are_left_alone(tmp_path, monkeypatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert absolute(Path("link/../link")) == tmp_path / "link"
    assert absolute(Path("~/a")) == tmp_path / "a"


def test_messages_name_the_archive_that_is_meant(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RAYKEEP_DATA", str(tmp_path))

    assert Given().place().command == "raykeep"
    assert Given(data=tmp_path / "b").place().command == f"raykeep --data {tmp_path / 'b'}"


def test_the_system_directory_is_the_documented_one() -> None:
    assert Path("/var/lib/raykeep") == module.SYSTEM_DATA
