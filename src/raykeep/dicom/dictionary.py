"""The data dictionary (PS3.6): value representations and keywords by tag.

The tables are pydicom's. They are read from its data files without importing the
package, which would load NumPy and its decoders (half a second) into every process.
"""

from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def _table_file(name: str) -> ModuleType:
    """Load one of pydicom's data files, which import nothing themselves."""
    package: ModuleSpec | None = find_spec("pydicom")
    if package is None or package.origin is None:
        msg = "pydicom is not installed. Install the requirements again"
        raise ImportError(msg)
    spec = spec_from_file_location(f"_raykeep_{name}", Path(package.origin).parent / f"{name}.py")
    if spec is None or spec.loader is None:
        msg = f"pydicom has no {name}. Install the requirements again"
        raise ImportError(msg)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_dictionary = _table_file("_dicom_dict")
_ELEMENTS: dict[int, tuple[str, str, str, str, str]] = _dictionary.DicomDictionary
_REPEATERS: dict[str, tuple[str, str, str, str, str]] = _dictionary.RepeatersDictionary

UIDS: dict[str, tuple[str, str, str, str, str]] = _table_file("_uid_dict").UID_dictionary
"""UID → (name, type, information, "Retired" or "", keyword), PS3.6 annex A."""

# Where the dictionary leaves a choice (PS3.5 annex A.1 and A.2): words for what holds samples
# or tables; the signed or unsigned question is settled where a value is read.
_CHOICES = {
    "US or SS": "US",
    "OB or OW": "OW",
    "US or OW": "OW",
    "US or SS or OW": "OW",
    "NONE": "UN",
}


def _one(vr: str) -> str:
    return _CHOICES.get(vr, vr)


VRS: dict[int, str] = {tag: _one(row[0]) for tag, row in _ELEMENTS.items()}
"""Tag → VR of every attribute of the standard, without repeating groups."""

SIGNED_OR_UNSIGNED: frozenset[int] = frozenset(
    tag for tag, row in _ELEMENTS.items() if row[0].startswith("US or SS")
)
"""Tags whose VR is SS when Pixel Representation (0028,0103) is 1, and US otherwise."""

TAGS: dict[str, int] = {row[4]: tag for tag, row in _ELEMENTS.items() if row[4]}
"""Keyword → tag."""

# Repeating groups: 50xx and 60xx by group, the few others by element; the mask keeps the
# digits that are not `x`.
_MASKS: tuple[tuple[int, int, str], ...] = tuple(
    (
        int("".join("0" if c == "x" else "F" for c in pattern), 16),
        int(pattern.replace("x", "0"), 16),
        _one(row[0]),
    )
    for pattern, row in _REPEATERS.items()
)
_REPEATING_GROUPS = frozenset({0x0020, 0x0028, 0x1000, 0x1010, 0x5000, 0x6000, 0x7F00})


def vr_of(tag: int) -> str:
    """VR of a tag in an implicit VR data set; `UN` for private and unknown ones."""
    vr = VRS.get(tag)
    if vr is not None:
        return vr
    group, element = tag >> 16, tag & 0xFFFF
    if element == 0:
        return "UL"  # group length
    if group & 1:
        # Private creators (PS3.5 section 7.8.1); what they reserve is theirs to explain.
        return "LO" if 0x10 <= element <= 0xFF else "UN"  # noqa: PLR2004 - the standard's range
    if group in _REPEATING_GROUPS or group & 0xFF00 in _REPEATING_GROUPS:
        for mask, value, vr in _MASKS:
            if tag & mask == value:
                return vr
    return "UN"


def keyword_of(tag: int) -> str:
    """Keyword of a tag, empty when it has none."""
    row = _ELEMENTS.get(tag)
    return row[4] if row else ""


def shown_tag(tag: int) -> str:
    """A tag as people write it: `(gggg,eeee)`."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
