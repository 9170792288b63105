"""The control socket is for its owner alone, wherever the data directory lies."""

import stat

import pytest

from raykeep.domain.errors import AccessDenied, ArchiveDown
from raykeep.servers.control import sockets
from raykeep.servers.control.sockets import bind_control_socket, connect


def test_the_socket_is_for_its_owner_alone(tmp_path) -> None:
    path = tmp_path / "run" / "control.sock"

    with bind_control_socket(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_an_archive_that_died_left_is_replaced(tmp_path) -> None:
    path = tmp_path / "control.sock"
    bind_control_socket(path).close()

    with bind_control_socket(path):
        connection = connect(path)

        assert connection is not None
        connection.close()


@pytest.mark.parametrize("name", ["nothing", "folder/nothing", "file/control.sock", "stale"])
def test_where_nobody_listens_there_is_no_connection(tmp_path, name) -> None:
    (tmp_path / "file").touch()
    bind_control_socket(tmp_path / "stale").close()

    assert connect(tmp_path / name) is None


def test_a_path_too_long_for_a_socket_address_works_all_the_same(tmp_path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    path = folder / "control.sock"

    with bind_control_socket(path):
        connection = connect(path)

        assert connection is not None
        connection.close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert connect(folder / "other.sock") is None


def test_a_folder_that_lets_nobody_in_says_whose_it_is(tmp_path, monkeypatch) -> None:
    def refuse(_path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sockets, "_short", refuse)

    with pytest.raises(AccessDenied, match="owner of the data directory, or root"):
        connect(tmp_path / "control.sock")


def test_a_socket_that_does_not_answer_is_no_closed_archive(tmp_path, monkeypatch) -> None:
    def fail(_path) -> None:
        raise TimeoutError

    monkeypatch.setattr(sockets, "_short", fail)

    with pytest.raises(ArchiveDown, match="does not answer: time is up"):
        connect(tmp_path / "control.sock")


def test_a_socket_that_cannot_be_made_says_so(tmp_path) -> None:
    path = tmp_path / "control.sock"
    path.mkdir()

    with pytest.raises(ArchiveDown, match="cannot be made"):
        bind_control_socket(path)
