"""X5: archives within archives, bombs, links and lies in what `raykeep import` is pointed at."""

import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from tests.builders import Built, ct_instance, encode
from tests.interop.archive.searches import add
from tests.security.callers import PeakMemory
from tests.security.hostile import PATIENT_ID, PATIENT_NAME, part10_of
from tests.security.refusing import Ways

MOST_MEMORY = 128 * 1_048_576  # bytes
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


def victim() -> Built:
    return ct_instance(patient_name=PATIENT_NAME, patient_id=PATIENT_ID)


def test_entries_with_names_that_climb_are_read_and_never_unpacked(
    ways: Ways, tmp_path: Path
) -> None:
    path, built = tmp_path / "climbing.zip", victim()
    with zipfile.ZipFile(path, "w") as file:
        for name in ("../../canary.dcm", "/canary.dcm", "C:\\canary.dcm", "a/../../canary.dcm"):
            file.writestr(name, built.part10)

    report = ways.take_in(path, expect=0)

    assert (report["stored"], report["duplicates"]) == (1, 3)
    assert not Path("/canary.dcm").exists()
    assert list(tmp_path.rglob("*canary*")) == []
    assert list(ways.archive.folder.rglob("*canary*")) == []


def test_a_bomb_is_cut_off_and_the_rest_is_taken(ways: Ways, tmp_path: Path) -> None:
    path, memory = tmp_path / "bomb.zip", PeakMemory(ways.archive, "worker")
    built = victim()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("bomb.dcm", "w", force_zip64=True) as entry:
            entry.write(bytes(128) + b"DICM")
            for _ in range(1024):
                entry.write(bytes(1_048_576))
        file.writestr("good.dcm", built.part10)

    report = ways.take_in(path)

    assert (report["stored"], report["refused"]) == (1, 1), report
    assert memory.growth < MOST_MEMORY


def test_a_bomb_of_pixels_is_cut_off(ways: Ways, tmp_path: Path) -> None:
    """A valid instance of 512 MiB of zeros that lies there in half a megabyte."""
    path, built = tmp_path / "pixels.zip", victim()
    head = built.part10.replace(built.dataset.PixelData, b"")[:-12]
    size = 512 * 1_048_576
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("pixels.dcm", "w", force_zip64=True) as entry,
    ):
        entry.write(head + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, size))
        for _ in range(512):
            entry.write(bytes(1_048_576))
    memory = PeakMemory(ways.archive, "worker")

    report = ways.take_in(path)

    assert (report["stored"], report["refused"]) == (0, 1), report
    assert "inflation" in report["refusals"][0]["why"]
    assert memory.growth < MOST_MEMORY
    assert not ways.is_found(built.study_instance_uid)


def test_an_entry_that_lies_about_its_size_is_refused(ways: Ways, tmp_path: Path) -> None:
    path, built = tmp_path / "lying.zip", victim()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("lying.dcm", built.part10)
    raw = bytearray(path.read_bytes())
    for head, at in ((b"PK\x03\x04", 18), (b"PK\x01\x02", 20)):  # sizes, stored and inflated
        place = raw.index(head) + at
        raw[place : place + 8] = struct.pack("<II", 100, 0x7FFFFFFF)
    path.write_bytes(raw)

    report = ways.take_in(path)

    assert report["stored"] == 0
    assert report["refused"] == 1, report


def test_a_zip_within_a_zip_is_not_opened(ways: Ways, tmp_path: Path) -> None:
    inner, outer, built = tmp_path / "inner", tmp_path / "outer.zip", victim()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("file.dcm", built.part10)
    with zipfile.ZipFile(outer, "w") as file:
        file.write(inner, "inner.zip")

    report = ways.take_in(outer, expect=0)

    assert report["stored"] == 0
    assert not ways.is_found(built.study_instance_uid)


def test_a_link_within_a_zip_is_no_way_out(ways: Ways, tmp_path: Path) -> None:
    secret, built = tmp_path / "secret.dcm", victim()
    secret.write_bytes(built.part10)
    path = tmp_path / "linked.zip"
    with zipfile.ZipFile(path, "w") as file:
        entry = zipfile.ZipInfo("link.dcm")
        entry.create_system = 3  # Unix: the mode below says that it is a symbolic link
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(entry, str(secret))

    report = ways.take_in(path, expect=0)

    assert report["stored"] == 0
    assert not ways.is_found(built.study_instance_uid)


@pytest.mark.parametrize("count", [200_001])
def test_too_many_entries_are_not_even_listed(ways: Ways, tmp_path: Path, count: int) -> None:
    path = tmp_path / "crowd.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(count):
            file.writestr(f"{number}", b"")
    memory = PeakMemory(ways.archive, "worker")

    report = ways.take_in(path)

    assert report["refused"] == 1
    assert "number of ZIP entries" in report["refusals"][0]["why"]
    assert memory.growth < 2 * MOST_MEMORY


def test_links_and_pipes_in_a_folder_are_named_and_not_followed(ways: Ways, tmp_path: Path) -> None:
    outside, folder, built = tmp_path / "outside", tmp_path / "folder", victim()
    outside.mkdir()
    folder.mkdir()
    (outside / "secret.dcm").write_bytes(built.part10)
    (folder / "link.dcm").symlink_to(outside / "secret.dcm")
    (folder / "loop").symlink_to(folder)
    (folder / "elsewhere").symlink_to(outside)
    (folder / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(folder / "pipe")

    report = ways.take_in(folder)

    assert report["stored"] == 0
    assert {Path(one["path"]).name for one in report["refusals"]} >= {"link.dcm", "pipe"}
    assert not ways.is_found(built.study_instance_uid)


@pytest.mark.parametrize(
    "file_id",
    [["..", "secret.dcm"], ["SUB", "..", "..", "secret.dcm"], ["/", "etc"], ["CON"], ["C:", "X"]],
    ids=["up", "up behind a folder", "root", "device", "drive"],
)
def test_a_dicomdir_that_leads_out_of_its_medium_is_refused(
    ways: Ways, tmp_path: Path, file_id: list[str]
) -> None:
    built = victim()
    (tmp_path / "secret.dcm").write_bytes(built.part10)
    medium = tmp_path / "medium"
    medium.mkdir()
    (medium / "DICOMDIR").write_bytes(dicomdir(file_id))

    report = ways.take_in(medium / "DICOMDIR")

    assert (report["stored"], report["refused"]) == (0, 1), report
    assert not ways.is_found(built.study_instance_uid)


def test_a_link_that_a_dicomdir_lists_is_not_followed(ways: Ways, tmp_path: Path) -> None:
    built = victim()
    (tmp_path / "secret.dcm").write_bytes(built.part10)
    medium = tmp_path / "medium"
    medium.mkdir()
    (medium / "LINK").symlink_to(tmp_path / "secret.dcm")
    (medium / "DICOMDIR").write_bytes(dicomdir(["LINK"]))

    report = ways.take_in(medium / "DICOMDIR")

    assert (report["stored"], report["refused"]) == (0, 1), report


def dicomdir(file_id: list[str]) -> bytes:
    """A directory of one file."""
    record = Dataset()
    record.DirectoryRecordType = "IMAGE"
    add(record, "ReferencedFileID", "\\".join(file_id))
    dataset = Dataset()
    dataset.FileSetID = "HOSTILE"
    dataset.DirectoryRecordSequence = Sequence([record])
    return part10_of(
        encode(dataset), "1.2.840.10008.1.2.1", MEDIA_STORAGE_DIRECTORY, "1.2.826.0.1.1"
    )


def test_what_is_not_there_is_said(ways: Ways, tmp_path: Path) -> None:
    ways.take_in(tmp_path / "missing", expect=2)
