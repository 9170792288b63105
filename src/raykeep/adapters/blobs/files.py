"""One file an object, on a local file system.

    ROOT/FACILITY/YEAR/XX/OBJECT-ID                    XX: first two digits of the object id
    ROOT/lost+found.raykeep/DATE/TIME.FACILITY.YEAR.OBJECT-ID

Names come from `BlobKey` alone, whose form leaves no room for a path. Directories have mode 0700,
files 0600. (Not plain `lost+found`: where ROOT is a volume of its own, that is fsck's.)

**What makes an object durable, and in which order.** Its bytes go to a file without a name
(`O_TMPFILE`), which vanishes by itself when the process dies. `fdatasync` brings bytes and length
to the disk. Only then `linkat` gives the name, and fails if it is taken; `fsync` of the directory
brings the name to the disk. So a name never stands for less than the whole object, not even after
a power cut. On ext4 an `fsync` of the file after `linkat` would do for both, because both changes
are in one journal; POSIX promises no such thing, so we sync twice. A directory's own name is
synced once a process, before its first use, also when another process made it.

Where `O_TMPFILE` is not offered (NFS, some overlays), the bytes go to `.tmp-…` in the same
directory, which nobody sees; what a crash leaves of those, `remove_unfinished` removes.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from raykeep.adapters.blobs.failures import ToldAsStorage
from raykeep.adapters.blobs.unfinished import PREFIX, UnfinishedFile
from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import (
    ArchiveError,
    BlobExists,
    BlobNotFound,
    IntegrityError,
    InvalidInput,
    StorageFull,
    StorageUnavailable,
)
from raykeep.domain.facility import FacilityName
from raykeep.ports.blobs import Buffer, StoredBlob
from raykeep.ports.clock import Clock

LOST_AND_FOUND = "lost+found.raykeep"
LOOK_EVERY = 8_388_608  # bytes of one object between two looks at the room that is left

_YEAR = re.compile(r"[1-9][0-9]{3}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_OBJECT_ID = re.compile(r"[0-9a-f]{32}")
_SET_ASIDE = re.compile(r"([0-9]{12})\.[a-z0-9-]+\.[0-9]{4}\.[0-9a-f]{32}")
_DAY_FORM, _TIME_FORM = "%Y-%m-%d", "%H%M%S%f"

_Shard = tuple[FacilityName, int, str]


class FileBlobs:
    """Keep each object in a file of its own."""

    def __init__(
        self, root: Path, clock: Clock, *, nameless: bool = True, reserve: int = 0
    ) -> None:
        """Use `root`, which is made if it is missing; its parent must be there.

        Args:
            root: Directory for this alone.
            clock: Tells when an object is set aside.
            nameless: False to write under temporary names even where files without one work.
            reserve: Bytes of the volume that objects leave free: index and trail mostly lie on
                the same one, and what cannot be recorded cannot even be read.

        Raises:
            StorageUnavailable: it cannot be made.
        """
        self._root = root
        self._told = ToldAsStorage(f"blob store {root}")
        self._clock = clock
        self._nameless = nameless
        self._reserve = reserve
        self._settled: set[_Shard] = set()  # directories whose names are known to be durable
        with self._told:
            _make_durable(root.parent, root.name)

    # --- the port ------------------------------------------------------------------------------

    def put(self, key: BlobKey, chunks: Iterable[Buffer]) -> int:
        self._check_room()
        length, looked_at = 0, 0
        with self._directory_of(key) as directory:
            with self._told:
                file = UnfinishedFile(directory, nameless=self._nameless)
            try:
                for chunk in chunks:  # what this raises is the sender's, and passes as it is
                    with self._told:
                        length += file.write(chunk)
                    if length - looked_at >= LOOK_EVERY:
                        self._check_room()
                        looked_at = length
                with self._told:
                    try:
                        file.publish(key.object_id)
                    except FileExistsError:
                        msg = f"blob {key} is stored already; it is unchanged"
                        raise BlobExists(msg) from None
            finally:
                file.discard()
        return length

    def read(self, key: BlobKey, span: ByteRange) -> bytes:
        with self._told:
            try:
                descriptor = os.open(self._name(key), os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise self._not_found(key) from None
            try:
                length = os.fstat(descriptor).st_size
                # Asked before memory is taken: the span may come from a damaged row.
                data = _read(descriptor, span) if span.stop <= length else None
            finally:
                os.close(descriptor)
        if data is None or len(data) != span.length:
            msg = f"blob {key} ends at {length}, before {span.stop}. Restore it from a backup"
            raise IntegrityError(msg)
        return data

    def length(self, key: BlobKey) -> int:
        with self._told:
            try:
                return self._path(key).lstat().st_size
            except FileNotFoundError:
                raise self._not_found(key) from None

    def list(self, facility: FacilityName | None = None) -> Iterator[StoredBlob]:
        for shard in self._shards(facility):
            for name, status in self._files(shard):
                if _OBJECT_ID.fullmatch(name) and name.startswith(shard[2]):
                    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield StoredBlob(BlobKey(*shard[:2], name), status.st_size, modified_at)

    def set_aside(self, key: BlobKey) -> None:
        now = self._clock.now().astimezone(UTC)
        lost = self._root / LOST_AND_FOUND
        day = lost / now.strftime(_DAY_FORM)
        name = f"{now.strftime(_TIME_FORM)}.{key.facility}.{key.year}.{key.object_id}"
        path = self._path(key)
        with self._told:
            _make_durable(self._root, lost.name)
            _make_durable(lost, day.name)
            try:
                path.rename(day / name)
            except FileNotFoundError:
                raise self._not_found(key) from None
            _sync(day)  # the new name first: better two after a power cut than none
            _sync(path.parent)

    def purge_set_aside(self, before: datetime) -> int:
        lost = self._root / LOST_AND_FOUND
        purged = 0
        with self._told:
            for day in _directories(lost):
                for path in (lost / day).iterdir():
                    at = _set_aside_at(day, path.name)
                    if at is not None and at < before:
                        path.unlink()
                        purged += 1
                with suppress(OSError):  # not empty yet
                    (lost / day).rmdir()
        return purged

    def remove_unfinished(self, before: datetime) -> int:
        removed = 0
        for shard in self._shards(None):
            for name, status in self._files(shard):
                if name.startswith(PREFIX) and status.st_mtime < before.timestamp():
                    with self._told, suppress(FileNotFoundError):
                        (self._shard_path(shard) / name).unlink()
                        removed += 1
        return removed

    def free_bytes(self) -> int | None:
        with self._told:
            volume = os.statvfs(self._root)
        return volume.f_bavail * volume.f_frsize

    def _check_room(self) -> None:
        if self._reserve and (free := self.free_bytes()) is not None and free < self._reserve:
            msg = (
                f"no room in blob store {self._root}: the last {self._reserve >> 20} MiB are the "
                "trail's. Free some or add a volume"
            )
            raise StorageFull(msg)

    # --- places --------------------------------------------------------------------------------

    def _not_found(self, key: BlobKey) -> ArchiveError:
        if not self._root.is_dir():
            return self._gone()
        return BlobNotFound(f"no blob {key} is stored. Restore it from a backup")

    def _gone(self) -> StorageUnavailable:
        return StorageUnavailable(f"blob store {self._root} is gone. Check the disk and the mount")

    def _shard_path(self, shard: _Shard) -> Path:
        facility, year, digits = shard
        return self._root / facility / str(year) / digits

    def _path(self, key: BlobKey) -> Path:
        return self._shard_path((key.facility, key.year, key.object_id[:2])) / key.object_id

    def _name(self, key: BlobKey) -> str:
        # The same as text: reads are many, and building a `Path` costs as much as opening one.
        return f"{self._root}/{key.facility}/{key.year}/{key.object_id[:2]}/{key.object_id}"

    @contextmanager
    def _directory_of(self, key: BlobKey) -> Iterator[int]:
        shard = key.facility, key.year, key.object_id[:2]
        with self._told:
            if shard not in self._settled:
                self._settle(shard)
            try:
                descriptor = _open_directory(self._shard_path(shard))
            except FileNotFoundError:  # somebody removed it since
                self._settle(shard)
                descriptor = _open_directory(self._shard_path(shard))
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _settle(self, shard: _Shard) -> None:
        """Make the directories of a shard, and their names durable."""
        facility, year, digits = shard
        _make_durable(self._root, facility)
        _make_durable(self._root / facility, str(year))
        _make_durable(self._root / facility / str(year), digits)
        self._settled.add(shard)

    # --- walks ---------------------------------------------------------------------------------

    def _shards(self, wanted: FacilityName | None) -> Iterator[_Shard]:
        if not self._root.is_dir():
            raise self._gone()
        with self._told:
            names = _directories(self._root)
        for name in names:
            try:
                facility = FacilityName(name)
            except InvalidInput:
                continue  # lost and found
            if wanted in (None, facility):
                yield from self._shards_of(facility)

    def _shards_of(self, facility: FacilityName) -> Iterator[_Shard]:
        with self._told:
            years = _directories(self._root / facility)
        for year in filter(_YEAR.fullmatch, years):
            with self._told:
                shards = _directories(self._root / facility / year)
            for digits in filter(_SHARD.fullmatch, shards):
                yield facility, int(year), digits

    def _files(self, shard: _Shard) -> Sequence[tuple[str, os.stat_result]]:
        with self._told:
            return _regular_files(self._shard_path(shard))


def _open_directory(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path) -> None:
    descriptor = _open_directory(path)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_durable(parent: Path, name: str) -> None:
    """Make a directory if it is missing; its name is durable in any case."""
    with suppress(FileExistsError):
        (parent / name).mkdir(mode=0o700)
    _sync(parent)


def _directories(path: Path) -> list[str]:
    """Names of the directories within; none when there is no `path`."""
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _regular_files(path: Path) -> list[tuple[str, os.stat_result]]:
    """Names and status of the files within; without those that vanish meanwhile."""
    found = []
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found.append((entry.name, status))
    return found


def _read(descriptor: int, span: ByteRange) -> bytes:
    data = os.pread(descriptor, span.length, span.start)
    while len(data) < span.length:  # one call gives 2 GiB at most
        more = os.pread(descriptor, span.length - len(data), span.start + len(data))
        if not more:
            break  # cut since its length was asked
        data += more
    return data


def _set_aside_at(day: str, name: str) -> datetime | None:
    """When a file of lost and found was put there; None for one that is not ours."""
    match = _SET_ASIDE.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(f"{day} {match[1]} +0000", f"{_DAY_FORM} {_TIME_FORM} %z")
    except ValueError:
        return None
