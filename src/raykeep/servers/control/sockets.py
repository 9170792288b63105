"""The control socket itself: bound by the supervisor, connected to by the command line."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raykeep.domain.errors import AccessDenied, ArchiveDown

MAX_PATH = 107  # bytes of a socket's path (unix(7), sun_path without its end)
BACKLOG = 64  # connections that wait for a thread
CONNECT_TIMEOUT = 5.0  # seconds


def bind_control_socket(path: Path) -> socket.socket:
    """A listening socket at `path`, for its owner alone; one that was left there is replaced.

    Whoever calls this holds the lock of the data directory, so what is there is stale.

    Raises:
        ArchiveDown: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with _short(path) as name:
            listening.bind(name)
        # The folder lets in nobody but its owner, also until this is done.
        path.chmod(0o600)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        msg = f"the control socket {path} cannot be made: {error.strerror}. Mend the folder"
        raise ArchiveDown(msg) from error
    return listening


def connect(path: Path) -> socket.socket | None:
    """A connection to the archive that listens at `path`; None when none does.

    Raises:
        AccessDenied: the data directory is somebody else's.
        ArchiveDown: it is there, but does not take the connection.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_TIMEOUT)
    try:
        with _short(path) as name:
            connection.connect(name)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        connection.close()
        return None
    except PermissionError:
        connection.close()
        owner = "the owner of the data directory, or root, alone"
        raise AccessDenied(f"{path} is for {owner}. Run the command as one of them") from None
    except OSError as error:
        connection.close()
        msg = f"the archive at {path} does not answer: {error.strerror or 'time is up'}. Try again"
        raise ArchiveDown(msg) from error
    return connection


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of `path` that fits into a socket's address: by its folder's descriptor if need be."""
    if len(os.fsencode(path)) <= MAX_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
