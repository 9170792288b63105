"""What `FileBlobs` owes to the file system: order of syncs, full disks, killed writers, modes."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from raykeep.adapters.blobs.files import LOOK_EVERY, LOST_AND_FOUND, FileBlobs
from raykeep.adapters.blobs.settings import BlobSettings
from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import (
    BlobExists,
    BlobNotFound,
    IntegrityError,
    StorageFull,
    StorageUnavailable,
)
from raykeep.domain.facility import FacilityName
from tests.contracts.blob_store import NORTH, SOUTH, HandClock, is_stored, new_key, whole
from tests.contracts.blob_store_writer import LENGTH

WRITER = Path(__file__).with_name("blob_store_writer.py")
TOMORROW = timedelta(days=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(root: Path) -> FileBlobs:
    return FileBlobs(root, HandClock())


@pytest.fixture(params=[True, False], ids=["nameless", "named"])
def either_store(root: Path, request: pytest.FixtureRequest) -> FileBlobs:
    return FileBlobs(root, HandClock(), nameless=request.param)


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if not path.is_dir()]


# --- places and modes --------------------------------------------------------------------------


def test_a_blob_lies_where_its_key_says(store: FileBlobs, root: Path) -> None:
    key = BlobKey(NORTH, 2026, "ab" + "0" * 30)

    store.put(key, [b"sealed"])

    assert files_below(root) == [root / "north" / "2026" / "ab" / key.object_id]


def test_nobody_else_may_read_what_is_stored(either_store: FileBlobs, root: Path) -> None:
    mask = os.umask(0)
    try:
        key = new_key()
        either_store.put(key, [b"sealed"])
        either_store.put(new_key(SOUTH), [b"sealed"])
        either_store.set_aside(key)
    finally:
        os.umask(mask)

    for path in (root, *root.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.parametrize("facility", ["..", "a/b", "", ".", "/etc", "a\0b", "lost+found"])
def test_no_facility_name_leads_out_of_the_root(facility: str) -> None:
    with pytest.raises(Exception, match="facility name"):
        BlobKey(FacilityName(facility), 2026, "ab" * 16)


@pytest.mark.parametrize("object_id", ["../" * 10 + "ab", "", "AB" * 16, "ab" * 15 + "a\n"])
def test_no_object_id_leads_out_of_the_root(object_id: str) -> None:
    with pytest.raises(ValueError, match="not a blob key"):
        BlobKey(NORTH, 2026, object_id)


def test_what_others_left_in_the_tree_is_no_blob(store: FileBlobs, root: Path) -> None:
    key = new_key()
    store.put(key, [b"sealed"])
    shard = root / "north" / "2026" / key.object_id[:2]
    (shard / "README").write_text("a note")
    (shard / ("0" * 32)).mkdir()
    (shard / (key.object_id[:2] + "1" * 30)).symlink_to("/etc/passwd")
    (root / "north" / "2026" / "zz").mkdir()
    (root / "north" / "latest").mkdir()
    (root / "Not A Facility").mkdir()
    (root / "notes.txt").write_text("a note")
    other = f"{int(key.object_id[:2], 16) ^ 1:02x}" + key.object_id[2:]
    (shard / other).write_bytes(b"in the directory of another")

    assert [blob.key for blob in store.list()] == [key]


def test_a_link_in_the_place_of_a_blob_is_not_followed(store: FileBlobs, root: Path) -> None:
    key = new_key()
    store.put(key, [b"sealed"])
    path = root / "north" / "2026" / key.object_id[:2] / key.object_id
    path.unlink()
    path.symlink_to("/etc/passwd")

    with pytest.raises(StorageUnavailable):
        store.read(key, ByteRange(0, 4))


def test_what_is_set_aside_is_kept_for_the_operator(store: FileBlobs, root: Path) -> None:
    key = new_key()
    store.put(key, [b"sealed"])

    store.set_aside(key)

    (kept,) = files_below(root)
    assert kept.parent == root / LOST_AND_FOUND / "2026-03-01"
    assert kept.name == f"120000250000.north.2026.{key.object_id}"
    assert kept.read_bytes() == b"sealed"


def test_purging_leaves_what_is_not_ours(store: FileBlobs, root: Path) -> None:
    key = new_key()
    store.put(key, [b"sealed"])
    store.set_aside(key)
    day = root / LOST_AND_FOUND / "2026-03-01"
    (day / "note").write_text("asked the vendor")
    (root / LOST_AND_FOUND / "mine").mkdir()
    (root / LOST_AND_FOUND / "mine" / f"120000250000.north.2026.{'ab' * 16}").touch()

    assert store.purge_set_aside(datetime(2027, 1, 1, tzinfo=UTC)) == 1

    assert {path.name for path in files_below(root)} == {
        "note",
        f"120000250000.north.2026.{'ab' * 16}",
    }


def test_a_blob_that_was_cut_is_refused(store: FileBlobs, root: Path) -> None:
    key = new_key()
    store.put(key, [bytes(100)])
    os.truncate(files_below(root)[0], 60)

    assert store.read(key, ByteRange(0, 60)) == bytes(60)
    with pytest.raises(IntegrityError, match="ends at 60, before 61"):
        store.read(key, ByteRange(50, 61))


def test_a_blob_that_is_cut_while_it_is_read_is_refused(
    store: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    store.put(key, [bytes(100)])
    answers = [bytes(60), b""]
    monkeypatch.setattr(os, "pread", lambda *_: answers.pop(0))

    with pytest.raises(IntegrityError):
        store.read(key, ByteRange(0, 100))


def test_a_read_that_comes_in_parts_is_put_together(
    store: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, real = new_key(), os.pread
    store.put(key, [bytes(range(200))])
    monkeypatch.setattr(os, "pread", lambda fd, n, at: real(fd, min(n, 7), at))

    assert store.read(key, ByteRange(3, 150)) == bytes(range(3, 150))


def test_the_settings_name_a_directory() -> None:
    assert BlobSettings() == BlobSettings(kind="files", path=None)


# --- durable before it is visible, and before put returns --------------------------------------

Calls = list[tuple[str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Note each call that makes something durable or visible, and of what kind of thing."""
    noted: Calls = []

    def note(name: str, describe: Callable[..., str]) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **named: object) -> object:
            noted.append((name, describe(*arguments)))
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)

    def place(descriptor: int) -> str:
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    note("write", lambda _, chunk: f"{len(chunk)} bytes")
    note("fdatasync", lambda _: "file")
    note("link", lambda _, name: name)
    note("fsync", place)
    return noted


def test_the_bytes_are_durable_before_the_name_and_the_name_before_put_returns(
    either_store: FileBlobs, calls: Calls
) -> None:
    first, second = (BlobKey(NORTH, 2026, "ab" + digit * 30) for digit in "12")

    either_store.put(first, [b"sealed"])

    assert calls == [
        ("fsync", "blobs"),  # holds the name of the facility
        ("fsync", "north"),
        ("fsync", "2026"),
        ("write", "6 bytes"),
        ("fdatasync", "file"),
        ("link", first.object_id),
        ("fsync", "ab"),
    ]
    calls.clear()
    either_store.put(second, [b"sealed"])
    assert [name for name, _ in calls] == ["write", "fdatasync", "link", "fsync"]


def test_directories_that_another_process_made_are_made_durable_too(
    store: FileBlobs, root: Path, calls: Calls
) -> None:
    (root / "north" / "2026" / "ab").mkdir(parents=True)

    store.put(BlobKey(NORTH, 2026, "ab" * 16), [b"sealed"])

    assert [what for name, what in calls if name == "fsync"] == ["blobs", "north", "2026", "ab"]


def test_what_is_set_aside_has_its_new_place_before_it_loses_the_old(
    store: FileBlobs, calls: Calls
) -> None:
    key = BlobKey(NORTH, 2026, "ab" * 16)
    store.put(key, [b"sealed"])
    calls.clear()

    store.set_aside(key)

    assert calls == [
        ("fsync", "blobs"),
        ("fsync", LOST_AND_FOUND),
        ("fsync", "2026-03-01"),
        ("fsync", "ab"),
    ]


def test_an_object_whose_name_cannot_be_made_durable_is_not_stored(
    either_store: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, real = BlobKey(NORTH, 2026, "ab" * 16), os.fsync
    either_store.put(BlobKey(NORTH, 2026, "ab" * 15 + "00"), [b"makes the directory"])

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageUnavailable, match="Input/output error"):
        either_store.put(key, [b"sealed"])
    monkeypatch.setattr(os, "fsync", real)

    assert not is_stored(either_store, key)


def test_without_nameless_files_a_temporary_name_does(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open
    refused = []

    def no_nameless(path: str, flags: int, *arguments: int, **named: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            refused.append(path)
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", no_nameless)
    store, key = FileBlobs(root, HandClock()), new_key()
    store.put(key, [b"sealed"])

    assert refused
    assert whole(store, key) == b"sealed"
    assert len(files_below(root)) == 1


# --- full and failing disks --------------------------------------------------------------------


def failing(number: int) -> Callable[..., int]:
    def call(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("call", ["write", "fdatasync", "link"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EFBIG, StorageFull),
        (errno.EIO, StorageUnavailable),
        (errno.EROFS, StorageUnavailable),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_a_full_or_failing_disk_is_told_and_nothing_is_kept(
    *,
    either_store: FileBlobs,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    error: type[Exception],
) -> None:
    key = new_key()
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing(number))
        with pytest.raises(error, match=os.strerror(number)):
            either_store.put(key, [b"sealed"])

    assert not is_stored(either_store, key)
    assert files_below(root) == []
    either_store.put(key, [b"sealed"])


def test_no_inode_left_is_a_full_disk(store: FileBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(BlobKey(NORTH, 2026, "ab" * 16), [b"makes the directory"])
    real = os.open

    def full(path: str, flags: int, *arguments: int, **named: int) -> int:
        if flags & os.O_WRONLY:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StorageFull):
        store.put(BlobKey(NORTH, 2026, "ab" * 15 + "00"), [b"sealed"])


def test_a_disk_that_is_full_in_the_middle_of_an_object_keeps_nothing_of_it(
    either_store: FileBlobs, root: Path
) -> None:
    """The limit of the process stands in for the disk: the kernel cuts a write, then refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    key = new_key()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageFull):
            either_store.put(key, [bytes(30_000)] * 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not is_stored(either_store, key)
    assert files_below(root) == []


def with_room(monkeypatch: pytest.MonkeyPatch, *bytes_left: int) -> None:
    """The volume has so many bytes left at each look, and the last number from then on."""
    left = list(bytes_left)

    def volume(_: object) -> SimpleNamespace:
        free = left.pop(0) if len(left) > 1 else left[0]
        return SimpleNamespace(f_bavail=free, f_frsize=1)

    monkeypatch.setattr(os, "statvfs", volume)


def test_the_reserve_is_left_to_the_trail(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = FileBlobs(root, HandClock(), reserve=1000), new_key()

    with_room(monkeypatch, 999)
    with pytest.raises(StorageFull, match="the trail's"):
        store.put(key, [b"sealed"])
    assert files_below(root) == []

    with_room(monkeypatch, 1000)
    assert store.put(key, [b"sealed"]) == 6


def test_a_long_object_does_not_eat_the_reserve_either(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = FileBlobs(root, HandClock(), reserve=1000), new_key()
    with_room(monkeypatch, 10_000, 999)

    with pytest.raises(StorageFull):
        store.put(key, [bytes(LOOK_EVERY // 2)] * 3)

    assert not is_stored(store, key)
    assert files_below(root) == []


def test_a_write_that_takes_only_a_part_is_continued(
    store: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, real = new_key(), os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, memoryview(data)[:7]))

    assert store.put(key, [bytes(range(100)), bytearray(b"ab" * 10)]) == 120

    monkeypatch.undo()
    assert whole(store, key) == bytes(range(100)) + b"ab" * 10


def test_a_root_that_went_away_is_no_empty_store(store: FileBlobs, root: Path) -> None:
    key = new_key()
    store.put(key, [b"sealed"])
    root.rename(root.with_name("elsewhere"))

    for use in (
        lambda: store.put(new_key(), [b"sealed"]),
        lambda: store.put(BlobKey(key.facility, key.year, key.object_id[:-1] + "0"), [b"x"]),
        lambda: store.read(key, ByteRange(0, 1)),
        lambda: store.length(key),
        lambda: list(store.list()),
        lambda: store.set_aside(key),
        lambda: store.remove_unfinished(datetime.now(UTC)),
        store.free_bytes,
    ):
        with pytest.raises(StorageUnavailable, match="Check the disk and the mount"):
            use()
    assert not root.exists()


def test_a_directory_that_went_away_is_made_anew(store: FileBlobs, root: Path) -> None:
    first, second = (BlobKey(NORTH, 2026, "ab" + digit * 30) for digit in "12")
    store.put(first, [b"sealed"])
    (root / "north").rename(root.with_name("elsewhere"))

    with pytest.raises(BlobNotFound):
        store.read(first, ByteRange(0, 1))
    store.put(second, [b"sealed"])

    assert whole(store, second) == b"sealed"


def test_a_root_without_a_parent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="No such file"):
        FileBlobs(tmp_path / "not mounted" / "blobs", HandClock())


def test_an_error_of_the_sender_is_not_taken_for_one_of_the_disk(store: FileBlobs) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"sealed"
        raise OSError(errno.ENOSPC, "somebody else's disk")

    with pytest.raises(OSError, match="somebody else's disk") as caught:
        store.put(new_key(), chunks())
    assert type(caught.value) is OSError


# --- killed writers ----------------------------------------------------------------------------


def kill_in_the_middle(root: Path, kind: str, after: float, threads: int = 4) -> set[str]:
    """Start a writer, kill it (SIGKILL) `after` seconds of work; returns what it says is stored."""
    writer = subprocess.Popen(
        [sys.executable, str(WRITER), str(root), kind, str(threads)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    told = {writer.stdout.readline().strip()}
    time.sleep(after)
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate(timeout=30)
    return told | set(rest.splitlines(keepends=False)[:-1] if rest else ())


@pytest.mark.parametrize("kind", ["nameless", "named"])
def test_a_killed_writer_leaves_whole_blobs_and_litter_that_nobody_sees(
    root: Path, kind: str
) -> None:
    store = FileBlobs(root, HandClock())
    acknowledged: set[str] = set()
    for after in (0.02, 0.05, 0.11, 0.17):
        acknowledged |= kill_in_the_middle(root, kind, after)

    stored = {str(blob.key): blob for blob in store.list()}
    assert acknowledged <= stored.keys()
    assert {blob.length for blob in stored.values()} == {LENGTH}
    for blob in stored.values():
        assert whole(store, blob.key)[-1:] == b"\xa5"

    litter = len(files_below(root)) - len(stored)
    assert litter == 0 or kind == "named"
    assert store.remove_unfinished(datetime.now(UTC) - TOMORROW) == 0
    assert store.remove_unfinished(datetime.now(UTC) + TOMORROW) == litter
    assert len(files_below(root)) == len(stored)
    assert {str(blob.key) for blob in store.list()} == stored.keys()


def test_litter_is_removed_by_age(root: Path) -> None:
    store = FileBlobs(root, HandClock(), nameless=False)
    seen = []

    def chunks() -> Iterator[bytes]:
        yield b"half"
        (name,) = files_below(root)
        assert store.remove_unfinished(datetime.now(UTC) - TOMORROW) == 0
        seen.append(name)
        yield b"half"

    store.put(new_key(), chunks())
    litter = seen[0]
    litter.write_bytes(b"left by a writer that died")
    os.utime(litter, (0, 0))

    assert store.remove_unfinished(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert store.remove_unfinished(datetime(1970, 1, 2, tzinfo=UTC)) == 1
    assert not litter.exists()


def test_a_key_that_is_taken_leaves_no_litter(either_store: FileBlobs, root: Path) -> None:
    key = new_key()
    either_store.put(key, [b"first"])

    with pytest.raises(BlobExists):
        either_store.put(key, [b"second"])

    assert len(files_below(root)) == 1
