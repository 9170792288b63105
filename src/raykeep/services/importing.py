"""Taking in what lies in folders, ZIP files and on media with a DICOMDIR."""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from lzma import LZMAError
from pathlib import Path
from typing import IO

from raykeep.dicom.limits import DEFAULT_LIMITS
from raykeep.dicom.part10 import FileMetaReader
from raykeep.dicom.reading import dicomdir_files
from raykeep.domain.access import Action, Actor
from raykeep.domain.errors import (
    AccessDenied,
    ArchiveError,
    InvalidInput,
    LimitExceeded,
    MalformedDataSet,
    StorageFull,
    StorageUnavailable,
)
from raykeep.domain.facility import FacilityName
from raykeep.domain.uids import UID
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.services.ingest import Arrival, Verdict, store_instance
from raykeep.services.ingest_settings import IngestSettings

PIECE = 262_144  # bytes that are read at a time
MAX_ZIP_ENTRIES = 200_000
MAX_ZIP_RATIO = 200  # inflated to stored bytes of one entry, once past `FREE_BYTES`
FREE_BYTES = 4_194_304  # small entries may be as dense as they like
MAX_TOLD = 1000  # refusals that the report names one by one
# What reading a file, or an entry of a ZIP file that is damaged, raises.
_UNREADABLE = (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error, LZMAError)
_PREAMBLE = 128  # bytes before `DICM` (PS3.10 section 7.1)
_ENCRYPTED = 0x1  # general purpose bit of a ZIP entry


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken."""

    path: str
    why: str


@dataclass(slots=True)
class ImportReport:
    """What became of the files, as far as they are done."""

    files: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    not_dicom: int = 0
    refused: int = 0
    bytes_read: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, path: str, why: str) -> None:
        """Count a refusal, and name it while there is room."""
        self.refused += 1
        if len(self.refusals) < MAX_TOLD:
            self.refusals.append(Refusal(path, why))


@dataclass(frozen=True, slots=True)
class _Source:
    """One file: what to call it, and how to open it."""

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    ratio_of: int = 0  # stored bytes of a ZIP entry; 0 for a plain file


def import_paths(
    enforcer: Enforcer,
    actor: Actor,
    paths: list[Path],
    *,
    facility: FacilityName,
    settings: IngestSettings,
    clock: Clock,
) -> Iterator[ImportReport]:
    """Take in all DICOM files under `paths`; a file that is refused does not stop the others.

    Yields the report as it stands after each file and at the end (the same object each time).

    Raises:
        AccessDenied: `actor` may not import into `facility`.
        StorageFull: there is no room; what was taken so far stays.
        StorageUnavailable: keys, database or store are away.
        InvalidInput: a path is not there, or cannot be looked at.
    """
    report = ImportReport()
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            msg = (
                f"{path} cannot be read: {error.strerror}. Name a folder, a ZIP file, a DICOMDIR "
                "or a DICOM file that the archive's own user may read"
            )
            raise InvalidInput(msg) from error
    for path in paths:
        for source in _sources(path, report):
            report.files += 1
            _take(
                enforcer,
                actor,
                source,
                facility=facility,
                settings=settings,
                clock=clock,
                report=report,
            )
            yield report
    yield report


def _take(
    enforcer: Enforcer,
    actor: Actor,
    source: _Source,
    *,
    facility: FacilityName,
    settings: IngestSettings,
    clock: Clock,
    report: ImportReport,
) -> None:
    try:
        with source.open() as file:
            pieces = _pieces(file, source, report)
            begin = next(pieces, b"")
            if begin[_PREAMBLE : _PREAMBLE + 4] != b"DICM":
                report.not_dicom += 1
                return
            reader = FileMetaReader()
            first = [bytes(reader.feed(begin))]
            while not reader.complete and (piece := next(pieces, b"")):
                first.append(bytes(reader.feed(piece)))
            meta = reader.meta
            arrival = Arrival(
                UID.parse(meta.transfer_syntax_uid),
                _chain(first, pieces),
                facility,
                clock.now(),
                meta.sop_class_uid or None,
                meta.sop_instance_uid or None,
            )
            verdict = store_instance(
                enforcer, actor, arrival, settings, Action.INSTANCE_IMPORT
            ).verdict
    except (AccessDenied, StorageFull, StorageUnavailable):
        raise
    except (ArchiveError, *_UNREADABLE) as error:
        report.refuse(source.name, str(error) or type(error).__name__)
    else:
        report.stored += verdict is Verdict.STORED
        report.duplicates += verdict is Verdict.DUPLICATE
        report.quarantined += verdict is Verdict.QUARANTINED


def _chain(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest


def _pieces(file: IO[bytes], source: _Source, report: ImportReport) -> Iterator[bytes]:
    read = 0
    while piece := file.read(PIECE):
        read += len(piece)
        report.bytes_read += len(piece)
        if source.ratio_of and read > FREE_BYTES and read > source.ratio_of * MAX_ZIP_RATIO:
            ratio = read // source.ratio_of
            raise LimitExceeded("inflation of a ZIP entry", ratio, MAX_ZIP_RATIO, "times")
        yield piece


def _sources(path: Path, report: ImportReport) -> Iterator[_Source]:
    if path.is_dir():
        yield from _folder(path, report)
    elif path.name.upper() == "DICOMDIR":
        yield from _medium(path, report)
    elif zipfile.is_zipfile(path):
        yield from _zip(path, report)
    else:
        yield _plain(path)


def _plain(path: Path) -> _Source:
    return _Source(str(path), lambda: path.open("rb"))


def _folder(folder: Path, report: ImportReport) -> Iterator[_Source]:
    def unreadable(error: OSError) -> None:
        report.files += 1
        report.refuse(str(error.filename), f"the folder cannot be read: {error.strerror}")

    for where, folders, files in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in sorted(files):
            path = Path(where, name)
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                report.files += 1
                report.refuse(str(path), "it is a link or no plain file, and is not followed")
            elif name.upper() == "DICOMDIR":
                continue  # it lists the files that are walked anyway
            elif path.suffix.lower() == ".zip":
                yield from _zip(path, report)
            else:
                yield _plain(path)


def _medium(directory: Path, report: ImportReport) -> Iterator[_Source]:
    try:
        with directory.open("rb") as file:
            listed = dicomdir_files(file.read(DEFAULT_LIMITS.directory_bytes + 1))
    except (MalformedDataSet, InvalidInput, LimitExceeded, OSError) as error:
        report.files += 1
        report.refuse(str(directory), str(error))
        return
    for parts in listed:
        path = directory.parent.joinpath(*parts)
        if path.is_symlink() or not path.is_file():
            report.files += 1
            report.refuse(str(path), "the DICOMDIR lists it, but it is not there")
        else:
            yield _plain(path)


def _zip(path: Path, report: ImportReport) -> Iterator[_Source]:
    """Entries are read as streams and never unpacked, so that their names can do no harm."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries: Iterable[zipfile.ZipInfo] = archive.infolist()
            count = len(archive.infolist())
            if count > MAX_ZIP_ENTRIES:
                report.files += 1
                limit = LimitExceeded("number of ZIP entries", count, MAX_ZIP_ENTRIES)
                report.refuse(str(path), str(limit))
                return
            for entry in entries:
                name = f"{path}!{entry.filename}"
                if entry.is_dir() or entry.filename.rsplit("/", 1)[-1].upper() == "DICOMDIR":
                    continue
                if entry.flag_bits & _ENCRYPTED:
                    report.files += 1
                    report.refuse(name, "it is encrypted. Unpack it first")
                    continue
                yield _Source(name, _opener(archive, entry), max(entry.compress_size, 1))
    except (zipfile.BadZipFile, OSError) as error:
        report.files += 1
        report.refuse(str(path), str(error) or type(error).__name__)


def _opener(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: archive.open(entry)
