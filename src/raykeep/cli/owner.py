"""Acting as the owner of the data directory: root steps down before it opens one."""

import os
import pwd
from pathlib import Path

from raykeep.cli.failures import CommandFailed
from raykeep.servers.control.statuses import REFUSED

PRIVATE = 0o077  # umask: what is made in the data directory is its owner's alone


def caller() -> str:
    """Name of the user who runs this, for the trail. Asked before `become_owner`."""
    return _name(os.geteuid())


def become_owner(data: Path) -> None:
    """Act as the owner of `data` from now on; where it is not there yet, as whoever runs this.

    Raises:
        CommandFailed: it is another user's, and the caller is not root.
    """
    os.umask(PRIVATE)
    try:
        owner = data.stat().st_uid
    except FileNotFoundError:
        return
    except OSError as error:
        msg = f"{data} cannot be reached: {error.strerror}. Run this as its owner or as root"
        raise CommandFailed(msg, REFUSED) from error
    if owner == os.geteuid():
        return
    if os.geteuid() != 0:
        msg = f"{data} belongs to {_name(owner)}. Run this as that user or as root"
        raise CommandFailed(msg, REFUSED)
    _step_down(owner, data.stat().st_gid)


def _step_down(uid: int, gid: int) -> None:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        os.setgroups([])
    else:
        gid = user.pw_gid
        os.initgroups(user.pw_name, gid)
        # The root key's default place hangs on these.
        os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
        os.environ.pop("XDG_CONFIG_HOME", None)
    os.setgid(gid)
    os.setuid(uid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
