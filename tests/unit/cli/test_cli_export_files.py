"""A folder that is filled piece by piece holds what was given, and nothing else is touched."""

import os
import stat

import pytest

from raykeep.cli.export_files import ExportFolder
from raykeep.cli.failures import CommandFailed
from raykeep.servers.control.steps import Output


def test_pieces_follow_one_another_in_their_files(tmp_path) -> None:
    out = tmp_path / "new" / "out"
    with ExportFolder(out, tmp_path / "data") as folder:
        folder.take(Output("trail.jsonl", "ä\n"))
        folder.take(Output("trail.jsonl", "b\n"))
        folder.take(Output("checkpoint-1.txt", "c\n"))

    assert (out / "trail.jsonl").read_bytes() == "ä\nb\n".encode()
    assert (out / "checkpoint-1.txt").read_text() == "c\n"
    assert {stat.S_IMODE(p.stat().st_mode) for p in out.iterdir()} == {0o600}
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_a_folder_with_something_in_it_is_refused(tmp_path) -> None:
    (tmp_path / "mine").touch()

    with pytest.raises(CommandFailed, match="is not empty"):
        ExportFolder(tmp_path, tmp_path / "data")


def test_an_empty_folder_will_do(tmp_path) -> None:
    with ExportFolder(tmp_path, tmp_path / "data") as folder:
        folder.take(Output("a", "b"))

    assert (tmp_path / "a").read_text() == "b"


@pytest.mark.parametrize("name", ["../a", "a/b", ".a", "", "a\n", "-a", "a" * 101])
def test_only_plain_names_are_written(tmp_path, name) -> None:
    out = tmp_path / "out"
    with (
        ExportFolder(out, tmp_path) as folder,
        pytest.raises(CommandFailed, match="cannot be written here"),
    ):
        folder.take(Output(name, "b"))

    assert list(out.iterdir()) == []


def test_a_file_is_not_begun_twice(tmp_path) -> None:
    with ExportFolder(tmp_path / "out", tmp_path) as folder:
        folder.take(Output("a", "1"))
        folder.take(Output("b", "2"))
        with pytest.raises(CommandFailed, match="a cannot be written: File exists"):
            folder.take(Output("a", "3"))


def test_a_place_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CommandFailed, match="cannot be made"):
        ExportFolder(tmp_path / "file" / "out", tmp_path)


def test_root_hands_the_folder_to_whom_it_will_be(tmp_path, monkeypatch) -> None:
    handed = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: handed.append((path, uid, gid)))

    ExportFolder(tmp_path / "out", tmp_path)

    owner = tmp_path.stat()
    assert handed == [(tmp_path / "out", owner.st_uid, owner.st_gid)]
