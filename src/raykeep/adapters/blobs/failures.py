"""What the operating system says, in the archive's words."""

import errno
from types import TracebackType

from raykeep.domain.errors import StorageFull, StorageUnavailable

# EFBIG: the file system, or a limit of the process, allows no file as long as this.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class ToldAsStorage:
    """Turns an `OSError` of a `with` block into `StorageFull` or `StorageUnavailable`.

    Everything that is not a lack of room counts as away: a failing disk, a file system that went
    read-only, a volume that is not mounted, no descriptors left. Holds no state: one will do for
    all threads.
    """

    def __init__(self, place: str) -> None:
        """Name what is used, for the message."""
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in _NO_ROOM:
            msg = f"no room in {self._place}: {error.strerror}. Free some or add a volume"
            raise StorageFull(msg) from error
        msg = f"{self._place} cannot be used: {error.strerror}. Check the disk and the mount"
        raise StorageUnavailable(msg) from error
