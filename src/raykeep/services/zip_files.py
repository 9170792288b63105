"""Entries of ZIP files: read as streams within limits, and never unpacked."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import IO, Protocol

from raykeep.domain.errors import InvalidInput, LimitExceeded

MAX_ZIP_DIRECTORY = 33_554_432  # bytes of the directory at the end of a ZIP file
MAX_ZIP_ENTRIES = 200_000
MAX_ZIP_RATIO = 200  # inflated to stored bytes of one entry, once past `FREE_BYTES`
FREE_BYTES = 4_194_304  # small entries may be as dense as they like

_PREAMBLE = 128  # bytes before `DICM` (PS3.10 section 7.1)
_ENCRYPTED = 0x1  # general purpose bit of an entry
# What reading a damaged ZIP file raises: the library checks little before it uses it.
_UNREADABLE = (
    EOFError,
    LZMAError,
    NotImplementedError,
    OSError,
    OverflowError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class Readable(Protocol):
    """Something with bytes in it."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file within a ZIP file.

    Attributes:
        name: As it stands there: it may be anything, and no path is made of it.
        is_encrypted: Then it cannot be opened.
        open: Opens it. What cannot be read of it raises `InvalidInput`, and what inflates
            without measure `LimitExceeded`.
    """

    name: str
    is_encrypted: bool
    open: Callable[[], AbstractContextManager[Readable]]


def is_zip_file(path: Path) -> bool:
    """Whether a file is a ZIP file. A PS3.10 file is none, whatever its pixels look like."""
    try:
        with path.open("rb") as file:
            begin = file.read(_PREAMBLE + 4)
    except OSError:
        return False
    return begin[_PREAMBLE:] != b"DICM" and zipfile.is_zipfile(path)


def zip_entries(path: Path) -> Iterator[ZipEntry]:
    """The files within a ZIP file, in its order.

    Raises:
        InvalidInput: it is damaged, or of a kind that is not read.
        LimitExceeded: it has more entries, or a longer directory, than allowed.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ZIP_ENTRIES:
            raise LimitExceeded("number of ZIP entries", len(entries), MAX_ZIP_ENTRIES)
        for entry in entries:
            if not entry.filename.endswith("/"):  # a folder
                encrypted = bool(entry.flag_bits & _ENCRYPTED)
                yield ZipEntry(entry.filename, encrypted, _opener(archive, entry))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with _told_as_input():
        raw = path.open("rb", buffering=0)
    with _Bounded(raw) as file:
        with _told_as_input():
            archive = zipfile.ZipFile(file)
        with archive:
            yield archive


class _Bounded(io.BufferedReader):
    """A file of which no more is read at a time than a directory of entries may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_ZIP_DIRECTORY:
            raise LimitExceeded("directory of a ZIP file", size, MAX_ZIP_DIRECTORY, "bytes")
        return super().read(size)


class _Inflating:
    """An open entry, read as far as it inflates within reason."""

    def __init__(self, file: IO[bytes], stored: int) -> None:
        self._file = file
        self._allowed = max(FREE_BYTES, stored * MAX_ZIP_RATIO)
        self._stored = stored
        self._read = 0

    def read(self, size: int, /) -> bytes:
        with _told_as_input():
            piece = self._file.read(size)
        self._read += len(piece)
        if self._read > self._allowed:
            ratio = self._read // max(self._stored, 1)
            raise LimitExceeded("inflation of a ZIP entry", ratio, MAX_ZIP_RATIO, "times")
        return piece


def _opener(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo
) -> Callable[[], AbstractContextManager[Readable]]:
    @contextmanager
    def opened() -> Iterator[Readable]:
        with _told_as_input():
            file = archive.open(entry)
        with file:
            yield _Inflating(file, entry.compress_size)

    return opened


@contextmanager
def _told_as_input() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        msg = f"the ZIP file cannot be read there ({str(error) or type(error).__name__})"
        raise InvalidInput(msg) from error
