"""What no row names is adopted or set aside, and never deleted at once: it may be all that is left.

After an older database was restored, the newer images are orphans, and the patients' own.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import Built, ct_instance
from tests.running import RunningArchive
from tests.security.callers import records, web

LOST_AND_FOUND = "lost+found.raykeep"
HOUR = 3600.0


def imported(archive: RunningArchive, count: int = 1) -> list[tuple[Built, Path]]:
    """New instances, taken in while the archive is at rest, and the files of their objects."""
    found, before = [ct_instance() for _ in range(count)], objects(archive)
    folder = archive.folder / "import"
    folder.mkdir(exist_ok=True)
    for built in found:
        (folder / f"{built.sop_instance_uid}.dcm").write_bytes(built.part10)
    assert archive.json("import", str(folder))["stored"] == count
    shutil.rmtree(folder)
    # Names are random: which file is whose is of no importance where there are several.
    return list(zip(found, sorted(objects(archive) - before), strict=True))


def objects(archive: RunningArchive) -> set[Path]:
    """Files of objects in their places."""
    root = archive.data / "blobs"
    return {p for p in root.rglob("*") if p.is_file() and LOST_AND_FOUND not in p.parts}


def set_aside(archive: RunningArchive) -> list[Path]:
    root = archive.data / "blobs" / LOST_AND_FOUND
    return sorted(path for path in root.rglob("*") if path.is_file())


def age(file: Path, seconds: float = HOUR) -> None:
    then = time.time() - seconds
    os.utime(file, (then, then))


def is_found(archive: RunningArchive, token: str, built: Built) -> bool:
    with web(archive, token) as client:
        path = f"/studies/{built.study_instance_uid}"
        reply = client.get(path, headers={"Accept": "*/*"})
        return reply.status_code == 200 and built.data_set in reply.content


@dataclass(frozen=True)
class Restored:
    """An archive whose database was restored from a copy.

    Attributes:
        archive: Running.
        token: Of a technologist.
        known: Stored before the copy was made.
        newer: Stored after it: no row names them.
        young: The same, a moment ago.
        damaged: The same; its object was changed.
        older: Its object arrived before `known`, and no row ever named it: nobody was told.
    """

    archive: RunningArchive
    token: str
    known: Built
    newer: list[tuple[Built, Path]]
    young: tuple[Built, Path]
    damaged: tuple[Built, Path]
    older: tuple[Built, Path]


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    archive = RunningArchive(tmp_path_factory.mktemp("orphans"))
    archive.init()
    try:
        empty = _copied(archive, "empty")
        ((older, older_file),) = imported(archive)
        older_content = older_file.read_bytes()
        older_file.unlink()
        _restore(archive, empty)
        ((known, _),) = imported(archive)
        copy = _copied(archive, "copy")
        newer = imported(archive, 2)
        (young,), (damaged,) = imported(archive), imported(archive)
        _restore(archive, copy)
        older_file.write_bytes(older_content)
        content = bytearray(damaged[1].read_bytes())
        content[300] ^= 1
        damaged[1].write_bytes(content)
        for file in objects(archive) - {young[1]}:
            age(file)
        archive.start()
        token = archive.token()
        yield Restored(archive, token, known, newer, young, damaged, (older, older_file))
    finally:
        if archive.process is not None:
            archive.stop()


def _copied(archive: RunningArchive, name: str) -> Path:
    copy = archive.folder / name
    shutil.copytree(archive.data / "db", copy)
    return copy


def _restore(archive: RunningArchive, copy: Path) -> None:
    shutil.rmtree(archive.data / "db")
    shutil.copytree(copy, archive.data / "db")


def test_a_sweep_gives_each_its_place(restored: Restored) -> None:
    """One story: each step begins with what the one before has left."""
    archive, token = restored.archive, restored.token
    older, older_file = restored.older
    content = older_file.read_bytes()
    newer_files = {file for _, file in restored.newer}
    assert not any(is_found(archive, token, built) for built, _ in restored.newer)
    young, young_file = restored.young
    damaged, damaged_file = restored.damaged
    damaged_content = damaged_file.read_bytes()

    report = archive.ask("blobs", "sweep")

    # Newer than the database: the patients' images, found again.
    assert {name.rsplit("/", 1)[-1] for name in report["adopted"]} == {
        file.name for file in newer_files
    }
    assert all(is_found(archive, token, built) for built, _ in restored.newer)
    # Older, and never acknowledged; changed: set aside with every byte.
    aside = {one["blob"].rsplit("/", 1)[-1]: one["why"] for one in report["set_aside"]}
    assert set(aside) == {older_file.name, damaged_file.name}
    assert "older than the newest row" in aside[older_file.name]
    assert not older_file.exists()
    assert not damaged_file.exists()
    kept = {path.read_bytes() for path in set_aside(archive)}
    assert kept == {content, damaged_content}
    assert not is_found(archive, token, older)
    assert not is_found(archive, token, damaged)
    # Young: its row may be on its way.
    assert report["young"] >= 1
    assert young_file.exists()
    assert not is_found(archive, token, young)
    # Known: as before.
    assert is_found(archive, token, restored.known)
    assert archive.ask("blobs", "verify")["damaged"] == []
    details = [record["details"] for record in records(archive, action="blob:sweep", limit=10)]
    assert any(told.get("set_aside") for told in details)
    assert sum("adopted" in told for told in details) == 2

    again = archive.ask("blobs", "sweep")

    assert (again["adopted"], again["set_aside"], again["purged"]) == ([], [], 0)
    assert {path.read_bytes() for path in set_aside(archive)} == kept


def test_what_was_set_aside_is_removed_after_35_days_and_not_before(restored: Restored) -> None:
    archive = restored.archive
    root = archive.data / "blobs" / LOST_AND_FOUND
    kept, day = set_aside(archive), datetime.now(UTC).date()
    assert kept
    for path in root.iterdir():
        path.rename(root / (day - timedelta(days=34)).isoformat())
    assert archive.ask("blobs", "sweep")["purged"] == 0
    assert len(set_aside(archive)) == len(kept)

    for path in root.iterdir():
        path.rename(root / (day - timedelta(days=36)).isoformat())

    assert archive.ask("blobs", "sweep")["purged"] == len(kept)
    assert set_aside(archive) == []
    assert is_found(archive, restored.token, restored.known)


def test_what_was_never_finished_is_removed_once_it_is_old(restored: Restored) -> None:
    archive = restored.archive
    folder = next(iter(objects(archive))).parent
    old, new = (folder / f".tmp-{name * 32}" for name in "ab")
    for file in (old, new):
        file.write_bytes(b"the beginning of an object")
    age(old)

    assert archive.ask("blobs", "sweep")["unfinished_removed"] == 1

    assert not old.exists()
    assert new.exists()
    new.unlink()


def test_files_of_others_are_left_alone(restored: Restored) -> None:
    archive = restored.archive
    folder = next(iter(objects(archive))).parent
    foreign = [folder / "README", folder / "0123.bak", archive.data / "blobs" / "notes.txt"]
    for file in foreign:
        file.write_text("not ours")
        age(file)

    archive.ask("blobs", "sweep")

    assert all(file.read_text() == "not ours" for file in foreign)
    for file in foreign:
        file.unlink()
