"""Taking in what lies in folders, ZIP files and on media with a DICOMDIR."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

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
from raykeep.services.zip_files import Readable, is_zip_file, zip_entries

PIECE = 262_144  # bytes that are read at a time
MAX_TOLD = 1000  # refusals that the report names one by one
_PREAMBLE = 128  # bytes before `DICM` (PS3.10 section 7.1)


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
            self.refusals.append(Refusal(_as_text(path), _as_text(why)))


def _as_text(name: str) -> str:
    """A name that may hold bytes of no text, as file systems allow, with marks in their places."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Source:
    """One file: what to call it, and how to open it."""

    name: str
    open: Callable[[], AbstractContextManager[Readable]]


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
        _check(path)
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


def _check(path: Path) -> None:
    """Refuse what is neither a folder nor a file before anything is read: a pipe never ends."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    else:
        why = "" if stat.S_ISDIR(mode) or stat.S_ISREG(mode) else "is no plain file"
    if why:
        msg = (
            f"{path} {why}. Name a folder, a ZIP file, a DICOMDIR or a DICOM file that the "
            "archive's own user may read"
        )
        raise InvalidInput(msg)


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
            pieces = _pieces(file, report)
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
    except (ArchiveError, OSError) as error:
        report.refuse(source.name, str(error))
    else:
        report.stored += verdict is Verdict.STORED
        report.duplicates += verdict is Verdict.DUPLICATE
        report.quarantined += verdict is Verdict.QUARANTINED


def _chain(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest


def _pieces(file: Readable, report: ImportReport) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        report.bytes_read += len(piece)
        yield piece


def _sources(path: Path, report: ImportReport) -> Iterator[_Source]:
    if path.is_dir():
        yield from _folder(path, report)
    elif path.name.upper() == "DICOMDIR":
        yield from _medium(path, report)
    elif is_zip_file(path):
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
        links = [name for name in folders if _is_link(Path(where, name))]
        for name in sorted([*files, *links]):
            path = Path(where, name)
            if fault := _fault(path):
                report.files += 1
                report.refuse(str(path), fault)
            elif name.upper() == "DICOMDIR":
                continue  # it lists the files that are walked anyway
            elif path.suffix.lower() == ".zip":
                yield from _zip(path, report)
            else:
                yield _plain(path)


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:
        return False  # a folder that cannot be looked at: the walk below it says so


def _fault(path: Path) -> str:
    """Why a file is not looked at, or nothing."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    return "" if stat.S_ISREG(mode) else "it is a link or no plain file, and is not followed"


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
        # A link anywhere below might lead off the medium.
        way = [path, *path.parents][: len(parts)]
        if _fault(path) or any(map(_is_link, way)):
            report.files += 1
            report.refuse(str(path), "the DICOMDIR lists it, but it is not there, or by a link")
        else:
            yield _plain(path)


def _zip(path: Path, report: ImportReport) -> Iterator[_Source]:
    try:
        for entry in zip_entries(path):
            name = f"{path}!{entry.name}"
            if entry.name.rsplit("/", 1)[-1].upper() == "DICOMDIR":
                continue
            if entry.is_encrypted:
                report.files += 1
                report.refuse(name, "it is encrypted. Unpack it first")
                continue
            yield _Source(name, entry.open)
    except (InvalidInput, LimitExceeded) as error:
        report.files += 1
        report.refuse(str(path), str(error))
