"""Small files with secrets: made for their owner alone, replaced whole, read within a limit."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from raykeep.domain.errors import AlreadyExists, KeyUnavailable

OWNER_ONLY = 0o600


def create_file(path: Path, content: bytes) -> None:
    """Write a new file, mode 0600, durable when this returns; its directory is made, mode 0700.

    Raises:
        AlreadyExists: there is one of that name; it is unchanged.
        KeyUnavailable: it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot("write", path, error) from error
    try:
        descriptor = _opened(path, os.O_EXCL)
    except FileExistsError as error:
        msg = f"{path} exists already and is unchanged. Move it away or name another file"
        raise AlreadyExists(msg) from error
    except OSError as error:
        raise _cannot("write", path, error) from error
    try:
        _write(descriptor, content)
        _sync_directory(path.parent)
    except OSError as error:
        path.unlink()  # it is ours, and half a file would be taken for one
        raise _cannot("write", path, error) from error


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in the place of a file: a crash leaves the old or the new one, whole.

    Raises:
        KeyUnavailable: it cannot be written; the old one is unchanged.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        _write(_opened(beside, os.O_TRUNC), content)
        beside.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise _cannot("write", path, error) from error


def read_file(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """A file's bytes, at most `limit`, and what was found out of that very file.

    Raises:
        KeyUnavailable: it is missing, cannot be read, is no regular file, or is longer.
    """
    try:
        # Not blocking: a named pipe in the file's place must not hold the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            content = file.read(limit + 1)
    except OSError as error:
        raise _cannot("read", path, error) from error
    if len(content) > limit:
        msg = f"{path} is longer than {limit} bytes and so is not what it should be"
        raise KeyUnavailable(msg)
    return content, status


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file among processes and threads; whoever comes later waits.

    Raises:
        KeyUnavailable: the lock file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    except OSError as error:
        raise _cannot("write", path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # the lock goes with it


def _opened(path: Path, how: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | how, OWNER_ONLY)


def _write(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, OWNER_ONLY)  # whatever the umask, or an older file's mode
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot(what: str, path: Path, error: OSError) -> KeyUnavailable:
    return KeyUnavailable(f"cannot {what} {path}: {error.strerror}. Mend that and start again")
