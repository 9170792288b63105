"""One owner at a time: the lock of a data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from raykeep.config.layout import Layout
from raykeep.domain.errors import ArchiveDown


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the data directory; the operating system lets go of it when the process ends.

    Raises:
        ArchiveDown: somebody else holds it.
    """
    layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = (
                f"{layout.data} is in use: an archive runs in it already, or a command has it "
                f"open. `raykeep --data {layout.data} status` asks a running one"
            )
            raise ArchiveDown(msg) from None
        yield
    finally:
        os.close(descriptor)
