"""Nobody but the owner opens a data directory: root becomes the owner first."""

import os
import pwd
from types import SimpleNamespace

import pytest

from raykeep.cli import owner
from raykeep.cli.failures import CommandFailed

ANN = SimpleNamespace(pw_name="ann", pw_uid=4711, pw_gid=4712, pw_dir="/users/ann")


@pytest.fixture
def system(monkeypatch):
    """The calls that would change this process, written down instead."""
    calls = []
    for name in ("setgroups", "initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *a, name=name: calls.append((name, *a)))
    monkeypatch.setattr(os, "umask", lambda mask: calls.append(("umask", mask)))
    monkeypatch.setenv("HOME", "/users/root")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/users/root/.config")
    return calls


def as_user(monkeypatch, uid: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)


class Folder:
    """A data directory of somebody's."""

    def __init__(self, uid: int | None, error: OSError | None = None) -> None:
        self._uid, self._error = uid, error

    def stat(self) -> SimpleNamespace:
        if self._error:
            raise self._error
        return SimpleNamespace(st_uid=self._uid, st_gid=99)

    def __str__(self) -> str:
        return "/data"


def test_the_owner_goes_on_as_it_is(system, monkeypatch) -> None:
    as_user(monkeypatch, 4711)

    owner.become_owner(Folder(4711))

    assert system == [("umask", 0o077)]


def test_where_nothing_is_yet_nobody_is_to_become(system, monkeypatch) -> None:
    as_user(monkeypatch, 0)

    owner.become_owner(Folder(None, FileNotFoundError(2, "No such file")))

    assert system == [("umask", 0o077)]


def test_root_becomes_the_owner_for_good_with_the_owners_groups_and_home(
    system, monkeypatch
) -> None:
    as_user(monkeypatch, 0)
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: ANN)

    owner.become_owner(Folder(4711))

    assert system[1:] == [("initgroups", "ann", 4712), ("setgid", 4712), ("setuid", 4711)]
    assert (os.environ["HOME"], os.environ["USER"]) == ("/users/ann", "ann")
    assert "XDG_CONFIG_HOME" not in os.environ


def test_an_owner_without_a_name_has_no_groups(system, monkeypatch) -> None:
    as_user(monkeypatch, 0)

    def nobody(_uid) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    owner.become_owner(Folder(4711))

    assert system[1:] == [("setgroups", []), ("setgid", 99), ("setuid", 4711)]


def test_anybody_else_is_told_whose_it_is(system, monkeypatch) -> None:
    as_user(monkeypatch, 1000)
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: ANN)

    with pytest.raises(
        CommandFailed, match=r"belongs to ann\. Run this as that user or as root"
    ) as no:
        owner.become_owner(Folder(4711))

    assert no.value.exit_code == 3


def test_a_folder_that_cannot_be_looked_at_is_not_ours(system, monkeypatch) -> None:
    as_user(monkeypatch, 1000)

    with pytest.raises(CommandFailed, match="cannot be reached: Permission denied"):
        owner.become_owner(Folder(None, PermissionError(13, "Permission denied")))


def test_the_caller_has_a_name_or_a_number(monkeypatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: ANN)
    assert owner.caller() == "ann"

    def nobody(_uid) -> None:
        raise KeyError

    as_user(monkeypatch, 4711)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert owner.caller() == "uid 4711"
