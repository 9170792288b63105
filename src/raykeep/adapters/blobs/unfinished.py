"""A file that is being written, and has no name that anybody looks for until it is whole."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from raykeep.ports.blobs import Buffer

PREFIX = ".tmp-"  # of names that do not count

_NAMELESS_REFUSED = {errno.EOPNOTSUPP, errno.EISDIR}  # file system; kernel (open(2))
# Giving a nameless file its name goes through here (open(2), O_TMPFILE).
_OWN_DESCRIPTORS = Path("/proc/self/fd")


class UnfinishedFile:
    """A new file in a directory: write it, then either `publish` or `discard`.

    Raises `OSError` as the system gives it.
    """

    def __init__(self, directory: int, *, nameless: bool = True) -> None:
        """Open it.

        Args:
            directory: Descriptor of the directory; it must stay open as long as this.
            nameless: False to give it a temporary name even where none is needed.
        """
        self._directory = directory
        self._name: str | None = None
        self._descriptor = self._open(nameless=nameless and _OWN_DESCRIPTORS.is_dir())

    def _open(self, *, nameless: bool) -> int:
        if nameless:
            try:
                flags = os.O_TMPFILE | os.O_WRONLY
                return os.open(".", flags, 0o600, dir_fd=self._directory)
            except OSError as error:
                if error.errno not in _NAMELESS_REFUSED:
                    raise
        name = PREFIX + secrets.token_hex(16)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        descriptor = os.open(name, flags, 0o600, dir_fd=self._directory)
        self._name = name
        return descriptor

    def write(self, chunk: Buffer) -> int:
        """Append all of `chunk` and return its length."""
        written = os.write(self._descriptor, chunk)
        length = len(chunk)
        while written < length:  # a signal, or the last room on the disk: the next call says which
            written += os.write(self._descriptor, memoryview(chunk)[written:])
        return length

    def publish(self, name: str) -> None:
        """Make it durable under `name`, its whole content before the name.

        Raises:
            FileExistsError: the name is taken; nothing was changed.
        """
        os.fdatasync(self._descriptor)
        here = self._directory
        if self._name is None:
            own = _OWN_DESCRIPTORS / str(self._descriptor)
            # With a directory descriptor given, Python calls linkat with AT_SYMLINK_FOLLOW; without
            # one, link, which would link the entry of /proc itself. `own` is absolute anyway.
            os.link(own, name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=True)
        else:
            os.link(self._name, name, src_dir_fd=here, dst_dir_fd=here)
            self._remove_name()
        try:
            os.fsync(here)
        except OSError:
            # Not durable, so not stored: what cannot be promised must not be found either.
            with suppress(OSError):
                os.unlink(name, dir_fd=here)
            raise

    def discard(self) -> None:
        """Close it; unless it was published, nothing is left."""
        os.close(self._descriptor)
        self._remove_name()

    def _remove_name(self) -> None:
        if self._name is not None:
            # What cannot be removed now is litter that no one sees: `remove_unfinished` comes back.
            with suppress(OSError):
                os.unlink(self._name, dir_fd=self._directory)
            self._name = None
