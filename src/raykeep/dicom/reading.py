"""Directories of media (PS3.10 section 8; PS3.3 annex F): which files a DICOMDIR lists."""

import re
from typing import Final

from raykeep.dicom.elements import ITEM_BEGIN, ITEM_END, VALUE, events
from raykeep.dicom.encodings import encoding_of
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.part10 import FileMetaReader
from raykeep.dicom.transfer_syntaxes import transfer_syntax
from raykeep.domain.errors import LimitExceeded, MalformedDataSet

_REFERENCED_FILE_ID: Final = 0x00041500
_PARTS: Final = 8  # components of a File ID (PS3.10 section 8.2)
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\- ]{0,63}")
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?", re.IGNORECASE)


def dicomdir_files(data: bytes, limits: DataSetLimits = DEFAULT_LIMITS) -> list[tuple[str, ...]]:
    """Paths of the files that a DICOMDIR lists, each as its components below the directory.

    A component is a plain name: nothing that leads upwards, to a drive or to a device.
    The standard asks for eight upper-case characters; media with longer names exist.

    Args:
        data: The DICOMDIR, a PS3.10 file.
        limits: Bounds on its size and records.

    Raises:
        MalformedDataSet: not a DICOMDIR, or it lists a path that no medium may have.
        LimitExceeded: it is larger than allowed.
    """
    if len(data) > limits.directory_bytes:
        raise LimitExceeded("DICOMDIR", len(data), limits.directory_bytes, "bytes")
    reader = FileMetaReader(limits)
    data_set = bytes(reader.feed(data))
    syntax = transfer_syntax(reader.meta.transfer_syntax_uid)
    if syntax.deflated:
        msg = "a DICOMDIR is not deflated (PS3.10 section 8.6). Write the medium anew"
        raise MalformedDataSet(msg)
    encoding = encoding_of(explicit=syntax.explicit, little_endian=syntax.little_endian)
    most = 64 * limits.directory_records  # elements a record
    depth = 0
    files: dict[tuple[str, ...], None] = {}
    for kind, tag, _, start, stop in events(data_set, encoding, most_elements=most, limits=limits):
        if kind == ITEM_BEGIN:
            depth += 1
        elif kind == ITEM_END:
            depth -= 1
        elif kind == VALUE and tag == _REFERENCED_FILE_ID and depth == 1 and start < stop:
            files[_components(data_set[start:stop])] = None
            if len(files) > limits.directory_records:
                raise LimitExceeded("records of a DICOMDIR", len(files), limits.directory_records)
    return list(files)


def _components(raw: bytes) -> tuple[str, ...]:
    text = raw.decode("ascii", "replace").rstrip(" \0")
    parts = tuple(part.strip(" \0") for part in text.split("\\"))
    if len(parts) > _PARTS or not all(map(_is_plain, parts)):
        msg = (
            "the DICOMDIR lists a file whose name no medium may have (PS3.10 section 8.2). "
            "Import the files themselves"
        )
        raise MalformedDataSet(msg)
    return parts


def _is_plain(part: str) -> bool:
    return (
        _PART.fullmatch(part) is not None
        and ".." not in part
        and not part.endswith(".")
        and _DEVICES.fullmatch(part) is None
    )
