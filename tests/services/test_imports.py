"""Taking in folders, ZIP files and media: what is good is taken, what is not is named."""

import os
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from raykeep.domain.access import Action, Door, Role
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.errors import AccessDenied, InvalidInput, StorageFull, StorageUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.policy.decide import everything
from raykeep.services import importing as module
from raykeep.services import zip_files
from raykeep.services.importing import Refusal, import_paths
from raykeep.services.ingest_settings import IngestSettings
from tests.builders import Built, ct_instance, instance, sr_instance
from tests.fakes.archive import FACILITY, OPERATOR
from tests.services.stored import actor

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


def importing(archive, *paths, who=OPERATOR, facility=FACILITY):
    return import_paths(
        archive.enforcer,
        who,
        list(paths),
        facility=facility,
        settings=IngestSettings(),
        clock=archive.clock,
    )


def imported(archive, *paths, **options):
    """The report at the end."""
    *_, report = importing(archive, *paths, **options)
    return report


def counts(report):
    return {
        name: value
        for name in ("stored", "duplicates", "quarantined", "not_dicom", "refused")
        if (value := getattr(report, name))
    }


def written(path: Path, built: Built | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(built if isinstance(built, bytes) else built.part10)
    return path


def zipped(path: Path, entries: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def is_found(archive, built):
    found = archive.stores.index.instances(
        everything(),
        study_instance_uid=built.study_instance_uid,
        sop_instance_uid=built.sop_instance_uid,
    )
    return bool(list(found))


# --- files and folders -------------------------------------------------------------------------


def test_a_file_is_taken_in_and_recorded_as_an_import(shared, tmp_path):
    built = ct_instance()
    path = written(tmp_path / "one.dcm", built)

    report = imported(shared, path)

    assert counts(report) == {"stored": 1}
    assert (report.files, report.bytes_read) == (1, len(built.part10))
    (row,) = shared.stores.index.instances(
        everything(), study_instance_uid=built.study_instance_uid
    )
    assert b"".join(shared.stores.vault.open(row.sealed)) == built.data_set
    assert (row.provenance.door, row.provenance.sender) == (Door.COMMAND_LINE, OPERATOR.name)
    record = shared.records()[-1]
    assert (record.action, record.event) == (Action.INSTANCE_IMPORT, EventID.IMPORT)
    assert record.study_instance_uid == built.study_instance_uid


def test_a_folder_is_taken_in_with_all_below_it(shared, tmp_path):
    studies = [ct_instance(), sr_instance(), ct_instance()]
    for path, built in zip(("a.dcm", "b/c", "b/d/e.bin"), studies, strict=True):
        written(tmp_path / path, built)
    written(tmp_path / "notes.txt", b"not an image" * 50)
    written(tmp_path / "empty", b"")
    written(tmp_path / "DICOMDIR", b"it lists what is walked anyway")

    report = imported(shared, tmp_path)

    assert counts(report) == {"stored": 3, "not_dicom": 2}
    assert report.files == 5
    assert all(is_found(shared, built) for built in studies)


def test_the_report_grows_with_each_file(shared, tmp_path):
    for number in range(3):
        written(tmp_path / str(number), ct_instance())

    steps = [(report.files, report.stored) for report in importing(shared, tmp_path)]

    assert steps == [(1, 1), (2, 2), (3, 3), (3, 3)]


def test_what_is_there_already_or_another_patients_is_counted_apart(shared, tmp_path):
    first = ct_instance()
    again = written(tmp_path / "1", first)
    other = ct_instance(study_instance_uid=first.study_instance_uid, patient_id="SOMEBODY-ELSE")
    other_patient = written(tmp_path / "2", other)

    report = imported(shared, again, again, other_patient)

    assert counts(report) == {"stored": 1, "duplicates": 1, "quarantined": 1}


def test_a_file_that_is_refused_is_named_and_stops_no_other(shared, tmp_path):
    good = ct_instance()
    whole = ct_instance().part10
    written(tmp_path / "1-cut", whole[:-100])
    written(tmp_path / "2-no-class", instance("1.2.840.99999.7", "CT"))
    written(tmp_path / "3-no-meta", bytes(128) + b"DICM")
    written(tmp_path / "4-only-meta", whole[:180])
    written(tmp_path / "5-good", good)

    report = imported(shared, tmp_path)

    assert counts(report) == {"stored": 1, "refused": 4}
    assert [Path(one.path).name for one in report.refusals] == [
        "1-cut",
        "2-no-class",
        "3-no-meta",
        "4-only-meta",
    ]
    assert all(one.why for one in report.refusals)
    assert is_found(shared, good)


def test_a_file_whose_meta_information_names_another_instance_is_refused(shared, tmp_path):
    one, other = ct_instance(), ct_instance()
    head = one.part10[: -len(one.data_set)]

    report = imported(shared, written(tmp_path / "mixed", head + other.data_set))

    assert counts(report) == {"refused": 1}
    assert "SOP Instance UID is not the one that was announced" in report.refusals[0].why


def test_a_file_that_comes_in_many_pieces_is_whole(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PIECE", 140)
    built = ct_instance()

    assert counts(imported(shared, written(tmp_path / "1", built))) == {"stored": 1}
    assert is_found(shared, built)


def test_not_every_refusal_is_named_when_there_are_very_many(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_TOLD", 2)
    for number in range(4):
        written(tmp_path / str(number), bytes(128) + b"DICM")

    report = imported(shared, tmp_path)

    assert (report.refused, len(report.refusals)) == (4, 2)


# --- what is no plain file ---------------------------------------------------------------------


def test_links_and_pipes_are_told_of_and_not_followed(shared, tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "medium"
    secret = ct_instance()
    written(outside / "secret.dcm", secret)
    folder.mkdir()
    (folder / "file-link").symlink_to(outside / "secret.dcm")
    (folder / "folder-link").symlink_to(outside)
    (folder / "zip-link.zip").symlink_to(outside / "secret.dcm")
    os.mkfifo(folder / "pipe")

    report = imported(shared, folder)

    assert counts(report) == {"refused": 4}
    assert report.files == 4
    assert {Path(one.path).name for one in report.refusals} == {
        "file-link",
        "folder-link",
        "zip-link.zip",
        "pipe",
    }
    assert not is_found(shared, secret)


def test_a_pipe_or_a_device_that_is_named_is_refused_before_it_is_opened(shared, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(InvalidInput, match="is no plain file"):
            imported(shared, path)


def test_a_path_that_is_not_there_stops_everything_before_it_begins(shared, tmp_path):
    built = ct_instance()
    path = written(tmp_path / "1", built)

    with pytest.raises(InvalidInput, match="No such file"):
        imported(shared, path, tmp_path / "nowhere")

    assert not is_found(shared, built)


def test_a_folder_that_may_not_be_read_is_named(shared, tmp_path, monkeypatch):
    good = ct_instance()
    written(tmp_path / "a" / "good", good)
    closed = tmp_path / "closed"
    closed.mkdir()
    real = os.scandir

    def scandir(path):
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(closed))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    report = imported(shared, tmp_path)

    assert counts(report) == {"stored": 1, "refused": 1}
    assert report.refusals == [Refusal(str(closed), "the folder cannot be read: Permission denied")]


def test_a_file_that_is_gone_when_its_turn_comes_is_named(shared, tmp_path, monkeypatch):
    good = ct_instance()
    written(tmp_path / "1-gone", b"")
    written(tmp_path / "2-good", good)
    real = Path.lstat

    def lstat(path):
        if path.name == "1-gone":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return real(path)

    monkeypatch.setattr(Path, "lstat", lstat)

    report = imported(shared, tmp_path)

    assert counts(report) == {"stored": 1, "refused": 1}
    assert "No such file" in report.refusals[0].why


@pytest.mark.parametrize("by_name", [True, False])
def test_a_file_that_cannot_be_opened_is_named(shared, tmp_path, monkeypatch, by_name):
    path = written(tmp_path / "1", ct_instance())
    real = Path.open

    def opened(self, *args, **kwargs):
        if self.name == "1" and args == ("rb",):
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)

    report = imported(shared, path if by_name else tmp_path)

    assert counts(report) == {"refused": 1}
    assert report.refusals[0].path == str(path)


def test_a_folder_whose_files_may_be_listed_and_not_looked_at_is_named(
    shared, tmp_path, monkeypatch
):
    written(tmp_path / "closed" / "1", ct_instance())
    (tmp_path / "closed" / "folder").mkdir()

    def refusing(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "lstat", refusing)
    monkeypatch.setattr(Path, "is_symlink", refusing)

    report = imported(shared, tmp_path)

    assert report.refusals == [
        Refusal(str(tmp_path / "closed" / "1"), "it cannot be looked at: Permission denied")
    ]


# --- ZIP files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_file_is_read_without_being_unpacked(shared, tmp_path, compression):
    one, other = ct_instance(), ct_instance()
    path = zipped(
        tmp_path / "study.zip",
        {
            "DICOM/": b"",
            "DICOM/1.dcm": one.part10,
            "readme.txt": b"hello" * 50,
            "DICOMDIR": b"it lists the others",
            "DICOM/2.dcm": other.part10,
        },
        compression,
    )

    report = imported(shared, path)

    assert counts(report) == {"stored": 2, "not_dicom": 1}
    assert report.files == 3
    assert is_found(shared, one)
    assert is_found(shared, other)
    assert list(tmp_path.iterdir()) == [path]


def test_names_within_a_zip_file_lead_nowhere(shared, tmp_path):
    names = ["../../evil.dcm", "/etc/evil.dcm", "C:\\evil.dcm", "a/../../evil.dcm"]
    built = [ct_instance() for _ in names]
    medium = tmp_path / "medium"
    medium.mkdir()
    path = zipped(
        medium / "study.zip",
        {name: one.part10 for name, one in zip(names, built, strict=True)},
    )
    before = sorted(tmp_path.rglob("*"))

    report = imported(shared, path)

    assert counts(report) == {"stored": 4}
    assert sorted(tmp_path.rglob("*")) == before


def test_zip_files_within_a_folder_are_read_and_those_within_zip_files_are_not(shared, tmp_path):
    outer, inner = ct_instance(), ct_instance()
    within = BytesIO()
    with zipfile.ZipFile(within, "w") as archive:
        archive.writestr("2.dcm", inner.part10)
    zipped(tmp_path / "outer.ZIP", {"1.dcm": outer.part10, "inner.zip": within.getvalue()})

    report = imported(shared, tmp_path)

    assert counts(report) == {"stored": 1, "not_dicom": 1}
    assert is_found(shared, outer)
    assert not is_found(shared, inner)


def test_an_encrypted_entry_is_named_and_the_others_are_taken(shared, tmp_path):
    good = ct_instance()
    path = zipped(tmp_path / "a.zip", {"1": ct_instance().part10, "2": good.part10})
    content = bytearray(path.read_bytes())
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    content[local + 6] |= 1
    content[central + 8] |= 1
    path.write_bytes(content)

    report = imported(shared, path)

    assert counts(report) == {"stored": 1, "refused": 1}
    assert report.refusals == [Refusal(f"{path}!1", "it is encrypted. Unpack it first")]


def test_an_entry_that_inflates_without_measure_is_broken_off(shared, tmp_path):
    bomb = ct_instance(rows=1600, columns=1600, pixels=bytes(1600 * 1600 * 2))
    good = ct_instance()
    path = zipped(tmp_path / "bomb.zip", {"1": bomb.part10, "2": good.part10})

    report = imported(shared, path)

    assert counts(report) == {"stored": 1, "refused": 1}
    assert "inflation of a ZIP entry" in report.refusals[0].why
    assert not is_found(shared, bomb)
    assert report.bytes_read < len(bomb.part10)


def test_a_zip_file_of_too_many_entries_is_refused_whole(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(zip_files, "MAX_ZIP_ENTRIES", 2)
    first = ct_instance()
    many = {"1": first.part10, "2": b"", "3": b""}

    report = imported(shared, zipped(tmp_path / "many.zip", many))

    assert counts(report) == {"refused": 1}
    assert "number of ZIP entries is 3" in report.refusals[0].why
    assert not is_found(shared, first)


def test_a_directory_of_entries_that_is_too_long_is_not_even_read(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(zip_files, "MAX_ZIP_DIRECTORY", 1000)
    many = {f"{number:04d}": b"" for number in range(100)}

    report = imported(shared, zipped(tmp_path / "many.zip", many))

    assert counts(report) == {"refused": 1}
    assert "directory of a ZIP file" in report.refusals[0].why


def test_an_entry_without_a_name_is_taken_like_any_other(shared, tmp_path):
    built = ct_instance()
    path = zipped(tmp_path / "a.zip", {"1": built.part10})
    content = bytearray(path.read_bytes())
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    content[central + 28] = content[local + 26] = 0  # length of the name
    content[central + 30] = content[local + 28] = 1  # length of the extra field in its place
    path.write_bytes(content)

    assert counts(imported(shared, path)) == {"stored": 1}


def test_a_damaged_entry_is_named_and_the_others_are_taken(shared, tmp_path):
    bad, good = ct_instance(), ct_instance()
    entries = {"1": bad.part10, "2": good.part10}
    path = zipped(tmp_path / "a.zip", entries, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    at = content.index(bad.part10) + len(bad.part10) - 5
    content[at] ^= 0xFF  # a pixel: the checksum alone tells
    path.write_bytes(content)

    report = imported(shared, path)

    assert counts(report) == {"stored": 1, "refused": 1}
    assert report.refusals[0].path == f"{path}!1"
    assert not is_found(shared, bad)


def test_what_is_called_a_zip_file_and_is_none_is_named(shared, tmp_path):
    written(tmp_path / "a.zip", b"not a ZIP file at all")

    report = imported(shared, tmp_path)

    assert counts(report) == {"refused": 1}
    assert report.refusals[0].path == str(tmp_path / "a.zip")


def test_an_image_that_holds_what_ends_a_zip_file_is_an_image(shared, tmp_path):
    trap = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, 46, 0, 0)
    built = ct_instance(pixels=trap + bytes(128 - len(trap)))
    assert zipfile.is_zipfile(BytesIO(built.part10))

    report = imported(shared, written(tmp_path / "image", built))

    assert counts(report) == {"stored": 1}


SMALL = ct_instance()


@pytest.fixture(scope="module")
def small_zip():
    """A ZIP file of a stored and a deflated entry."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("stored", SMALL.part10, zipfile.ZIP_STORED)
        archive.writestr("deflät", SMALL.part10, zipfile.ZIP_DEFLATED)
    return out.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    # Half of the damage goes to the headers at the end, where most can go wrong.
    flips=st.lists(
        st.tuples(st.integers(0, 10_000) | st.integers(-200, -1), st.integers(1, 255)), max_size=4
    ),
    kept=st.integers(1, 10_000) | st.just(10_000),
)
@example(flips=[], kept=10_000)
def test_a_zip_file_may_be_damaged_anyhow(shared, tmp_path, small_zip, flips, kept):
    content = bytearray(small_zip[:kept])
    for place, bits in flips:
        content[place % len(content)] ^= bits
    path = tmp_path / "damaged.zip"
    path.write_bytes(content)

    report = imported(shared, path)

    assert report.files == sum(counts(report).values())


# --- media -------------------------------------------------------------------------------------


def dicomdir(*files: str, replacing: tuple[str, str] | None = None) -> bytes:
    """A DICOMDIR that lists these files; what no writer would write is put in afterwards."""
    items = []
    for file in files:
        item = Dataset()
        item.DirectoryRecordType = "IMAGE"
        item.ReferencedFileID = file.split("/")
        items.append(item)
    built = instance(
        MEDIA_STORAGE_DIRECTORY, "OT", DirectoryRecordSequence=Sequence(items), Modality=None
    )
    content = built.part10
    if replacing is not None:
        before, after = replacing
        assert before.encode() in content
        content = content.replace(before.encode(), after.encode())
    return content


def test_of_a_medium_is_taken_what_its_directory_lists(shared, tmp_path):
    listed, not_listed = ct_instance(), ct_instance()
    written(tmp_path / "IMAGES" / "A" / "IM1", listed)
    written(tmp_path / "IMAGES" / "A" / "IM2", not_listed)
    directory = written(tmp_path / "DICOMDIR", dicomdir("IMAGES/A/IM1", "IMAGES/A/GONE"))

    report = imported(shared, directory)

    assert counts(report) == {"stored": 1, "refused": 1}
    assert report.refusals == [
        Refusal(
            str(tmp_path / "IMAGES" / "A" / "GONE"),
            "the DICOMDIR lists it, but it is not there, or by a link",
        )
    ]
    assert is_found(shared, listed)
    assert not is_found(shared, not_listed)


@pytest.mark.parametrize("replacing", [("UP", ".."), ("UP", "C:"), ("UP", "/a"), ("UP", ". ")])
def test_a_directory_that_leads_off_the_medium_is_refused_whole(shared, tmp_path, replacing):
    outside = ct_instance()
    written(tmp_path / "OUTSIDE", outside)
    medium = written(tmp_path / "medium" / "DICOMDIR", dicomdir("UP/OUTSIDE", replacing=replacing))

    report = imported(shared, medium)

    assert counts(report) == {"refused": 1}
    assert "no medium may have" in report.refusals[0].why
    assert not is_found(shared, outside)


def test_links_on_a_medium_lead_nowhere(shared, tmp_path):
    outside = ct_instance()
    written(tmp_path / "outside" / "IM1", outside)
    medium = tmp_path / "medium"
    medium.mkdir()
    (medium / "FILE").symlink_to(tmp_path / "outside" / "IM1")
    (medium / "FOLDER").symlink_to(tmp_path / "outside")
    written(medium / "DICOMDIR", dicomdir("FILE", "FOLDER/IM1"))

    report = imported(shared, medium / "DICOMDIR")

    assert counts(report) == {"refused": 2}
    assert not is_found(shared, outside)


def test_a_medium_that_is_reached_by_a_link_is_taken_in(shared, tmp_path):
    built = ct_instance()
    written(tmp_path / "medium" / "IM1", built)
    written(tmp_path / "medium" / "DICOMDIR", dicomdir("IM1"))
    (tmp_path / "cdrom").symlink_to(tmp_path / "medium")

    assert counts(imported(shared, tmp_path / "cdrom" / "dicomdir".upper())) == {"stored": 1}
    assert is_found(shared, built)


@pytest.mark.parametrize("content", [b"", b"not a DICOMDIR" * 20, dicomdir("A")[:400]])
def test_a_directory_that_is_none_is_named(shared, tmp_path, content):
    path = written(tmp_path / "DICOMDIR", content)

    report = imported(shared, path)

    assert (report.files, counts(report)) == (1, {"refused": 1})
    assert report.refusals[0].path == str(path)


# --- what stops an import ----------------------------------------------------------------------


@pytest.mark.parametrize("error", [StorageFull, StorageUnavailable])
def test_when_there_is_no_room_what_was_taken_stays_and_the_rest_waits(
    shared, tmp_path, monkeypatch, error
):
    first, second, third = ct_instance(), ct_instance(), ct_instance()
    for number, built in enumerate((first, second, third)):
        written(tmp_path / str(number), built)
    real = shared.blobs.put
    puts = []

    def put(key, chunks):
        puts.append(key)
        if len(puts) == 2:
            raise error("there is no room")
        return real(key, chunks)

    monkeypatch.setattr(shared.blobs, "put", put)

    with pytest.raises(error):
        imported(shared, tmp_path)

    assert len(puts) == 2
    assert is_found(shared, first)
    assert not is_found(shared, second)
    assert not is_found(shared, third)
    assert counts(imported(shared, tmp_path)) == {"duplicates": 1, "stored": 2}


def test_who_may_not_import_is_told_at_the_first_file(shared, tmp_path):
    built = ct_instance()
    written(tmp_path / "1", built)

    with pytest.raises(AccessDenied):
        imported(shared, tmp_path, who=actor(Role.TECHNOLOGIST))

    assert not is_found(shared, built)
    assert shared.records()[-1].outcome is Outcome.DENIED


def test_a_facility_that_is_not_there_takes_nothing(shared, tmp_path):
    written(tmp_path / "1", ct_instance())

    with pytest.raises(StorageUnavailable, match="nowhere"):
        imported(shared, tmp_path, facility=FacilityName("nowhere"))


def test_a_file_whose_name_is_no_text_is_named_with_marks_in_its_place(archive, tmp_path):
    folder = tmp_path / "disc"
    folder.mkdir()
    named = os.fsencode(folder) + b"/M\xfcller.dcm"
    with open(named, "wb") as file:  # noqa: PTH123 - a Path holds no bytes
        file.write(ct_instance().part10[:-40])

    (refusal,) = imported(archive, folder).refusals

    assert refusal.path.endswith("M\ufffdller.dcm")
    refusal.path.encode("utf-8")
