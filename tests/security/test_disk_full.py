"""X50: a full disk refuses what comes in, loses nothing that was acknowledged, and says so.

Where this process may mount, the archive lies on a volume of its own that is filled to the brim;
everywhere, a limit on the length of files (RLIMIT_FSIZE) stands in for it: beyond it the kernel
refuses each write of the process that has it.
"""

import hashlib
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Built, ct_instance
from tests.interop.archive.comparing import data_set_of
from tests.running import RunningArchive, running_archive
from tests.security.callers import call, calling, process_id, records, web

OUT_OF_RESOURCES = 0xA700
VOLUME, RESERVE = 96, 16  # MiB
BLOB_SETTINGS = f"[blobs]\nreserve_mib = {RESERVE}\n"


def stow(archive: RunningArchive, token: str, built: Built) -> int:
    with web(archive, token) as client:
        headers = {"Content-Type": "application/dicom"}
        return client.post("/studies", content=built.part10, headers=headers).status_code


def digest(archive: RunningArchive, token: str, built: Built) -> str:
    path = (
        f"/studies/{built.study_instance_uid}/series/{built.series_instance_uid}"
        f"/instances/{built.sop_instance_uid}"
    )
    with web(archive, token) as client:
        reply = client.get(path, headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert reply.status_code == 200, reply.text[:300]
        return hashlib.sha256(data_set_of(reply.content)).hexdigest()


def is_whole(archive: RunningArchive, token: str, built: Built) -> bool:
    return digest(archive, token, built) == hashlib.sha256(built.data_set).hexdigest()


def is_found(archive: RunningArchive, token: str, built: Built) -> bool:
    with web(archive, token) as client:
        uid = built.study_instance_uid
        return bool(client.get("/studies", params={"StudyInstanceUID": uid}).json())


def large() -> Built:
    return ct_instance(rows=1024, columns=1024)


def small() -> Built:
    return ct_instance(rows=8, columns=8)


# --- a volume that fills up ---------------------------------------------------------------------


class Volume:
    """A disk of its own, and a file on it that takes room away and gives it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave less than the reserve."""
        free = shutil.disk_usage(self.folder).free
        with self._ballast.open("wb") as file:
            for _ in range(max(0, free // 1_048_576 - RESERVE + 2)):
                file.write(bytes(1_048_576))

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume | None]:
    """A mounted volume of 96 MiB; None where this process may not mount."""
    folder = tmp_path_factory.mktemp("volume")
    if not _mount(folder):
        yield None
        return
    try:
        yield Volume(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(folder: Path) -> bool:
    if shutil.which("mount") is None:
        return False
    options = f"size={VOLUME}m,mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "raykeep-test", str(folder)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def configured(folder: Path) -> Path:
    """A folder whose archive will keep a small reserve."""
    (folder / "data").mkdir(mode=0o700)
    (folder / "data" / "raykeep.toml").write_text(BLOB_SETTINGS)
    return folder


@contextmanager
def limited(archive: RunningArchive, longest: int) -> Iterator[None]:
    """No file of the servers grows beyond `longest` bytes."""
    pids = [process_id(archive, role) for role in ("dimse", "web")]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids if pid}
    try:
        for pid, (_, hard) in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (longest, hard))
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="module")
def full(
    volume: Volume | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningArchive, Any]]:
    """An archive, and what makes its disk full for as long as a block lasts."""
    if volume is None:
        with running_archive(configured(tmp_path_factory.mktemp("limited"))) as archive:
            yield archive, lambda: limited(archive, 1_048_576)
        return

    @contextmanager
    def filled() -> Iterator[None]:
        volume.fill()
        try:
            yield
        finally:
            volume.empty()

    with running_archive(configured(volume.folder)) as archive:
        yield archive, filled


def test_c_store_is_refused_as_out_of_resources_and_leaves_nothing(
    full: tuple[RunningArchive, Any],
) -> None:
    archive, disk_full = full
    token, device, refused = archive.token(), archive.enroll("FULL1"), large()
    with calling(archive, device) as scu, disk_full():
        response = scu.store(refused)

        assert response.status == OUT_OF_RESOURCES
        assert response.error_comment == "the archive is full"
        assert scu.echo().status == 0  # the association goes on
        assert not is_found(archive, token, refused)
    (record,) = records(archive, actor="FULL1", outcome="failed")
    assert (record["action"], record["reason"]) == ("instance:store", "StorageFull")


def test_stow_is_refused_as_insufficient_storage(full: tuple[RunningArchive, Any]) -> None:
    archive, disk_full = full
    token, refused = archive.token(), large()
    with disk_full():
        assert stow(archive, token, refused) == 507
        assert not is_found(archive, token, refused)


def test_what_was_acknowledged_is_read_while_the_disk_is_full(
    full: tuple[RunningArchive, Any],
) -> None:
    archive, disk_full = full
    token, kept = archive.token(), [large(), small()]
    assert [stow(archive, token, one) for one in kept] == [200, 200]
    with disk_full():
        stow(archive, token, large())

        assert all(is_whole(archive, token, one) for one in kept)
        assert archive.ask("audit", "verify")["holds"]


def test_it_stores_again_as_soon_as_there_is_room(full: tuple[RunningArchive, Any]) -> None:
    archive, disk_full = full
    token, device, built = archive.token(), archive.enroll("FULL2"), large()
    with calling(archive, device) as scu:
        with disk_full():
            assert scu.store(built).status == OUT_OF_RESOURCES
        assert scu.store(built).status == 0
    assert is_whole(archive, token, built)
    assert archive.ask("audit", "verify")["holds"]
    assert archive.ask("blobs", "verify")["damaged"] == []


def test_an_import_ends_with_what_is_the_matter(
    full: tuple[RunningArchive, Any], volume: Volume | None, tmp_path: Path
) -> None:
    archive, disk_full = full
    path = tmp_path / "large.dcm"
    path.write_bytes(large().part10)
    if volume is None:
        pid = process_id(archive, "worker")
        assert pid is not None
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_048_576, before[1]))
    try:
        with disk_full():
            archive.ask("import", str(path), "--facility", "main", expect=5)
    finally:
        if volume is None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


# --- where not even the trail can be written ----------------------------------------------------


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningArchive]:
    with running_archive(tmp_path_factory.mktemp("tight")) as archive:
        yield archive


def test_what_cannot_be_recorded_is_not_done(tight: RunningArchive) -> None:
    token, device = tight.token(), tight.enroll("TIGHT1")
    kept, by_device, by_web = small(), small(), small()
    assert stow(tight, token, kept) == 200
    with calling(tight, device) as scu:
        with limited(tight, 4096):
            assert scu.store(by_device).status == OUT_OF_RESOURCES
            assert stow(tight, token, by_web) in {503, 507}
            with web(tight, token) as client:
                # Reading is an access, too: without its record there is none.
                assert client.get(f"/studies/{kept.study_instance_uid}").status_code in {503, 507}
                assert client.get("/studies").status_code in {503, 507}

        assert scu.store(by_device).status == 0

    assert is_whole(tight, token, kept)
    assert is_whole(tight, token, by_device)
    assert not is_found(tight, token, by_web)
    assert tight.ask("audit", "verify")["holds"]
    assert tight.ask("blobs", "verify")["damaged"] == []


def test_no_association_is_opened_without_its_record(tight: RunningArchive) -> None:
    device = tight.enroll("TIGHT2")
    with limited(tight, 4096):
        scu = call(tight, device)
        accepted = scu.is_accepted
        scu.close()

    assert not accepted


def test_nothing_acknowledged_is_lost_where_the_disk_is_full_again_and_again(
    tight: RunningArchive,
) -> None:
    """The limit falls at another byte each time: within a blob, the index, the write-ahead log."""
    token, device = tight.token(), tight.enroll("TIGHT3")
    acknowledged = []
    with calling(tight, device) as scu:
        for longest in (1, 4096, 60_000, 200_000, 700_000, 2_000_000):
            with limited(tight, longest):
                for built in (small(), ct_instance(rows=256, columns=256), large()):
                    response = scu.store(built)
                    assert response.status in {0, OUT_OF_RESOURCES}, f"{response.status:04X}H"
                    if response.status == 0:
                        acknowledged.append(built)

        assert scu.store(small()).status == 0

    assert all(is_whole(tight, token, built) for built in acknowledged)
    assert tight.ask("audit", "verify")["holds"]
    assert tight.ask("blobs", "verify")["damaged"] == []
    tight.stop()
    tight.start()
    assert tight.ask("audit", "verify")["holds"]
    assert all(is_whole(tight, token, built) for built in acknowledged)
