"""Data sets that lie, nest, swell or break off. All are of the same patient, whose name is a trap:
it must turn up in no log."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from tests.builders import (
    CT_IMAGE_STORAGE,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    Built,
    ct_instance,
    encode,
    instance,
)

PATIENT_NAME, PATIENT_ID = "TRAPDOOR^HOSTILE", "TRAPDOOR-ID-666"
TRAPS = ("TRAPDOOR", "trapdoor")

CANNOT_UNDERSTAND, DOES_NOT_MATCH, OUT_OF_RESOURCES = 0xC000, 0xA900, 0xA700

UNDEFINED = 0xFFFFFFFF
_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
_ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
_SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True)
class Hostile:
    """One hostile data set.

    Attributes:
        name: What is wrong with it.
        status: Of the C-STORE response.
        transfer_syntax_uid: How it claims to be encoded.
        data_set: Its bytes.
        sop_instance_uid: As a command announces it.
        study_instance_uid: Under which nothing must be found.
    """

    name: str
    status: int
    transfer_syntax_uid: str
    data_set: bytes
    sop_instance_uid: str
    study_instance_uid: str
    sop_class_uid: str = CT_IMAGE_STORAGE

    @property
    def part10(self) -> bytes:
        return part10_of(
            self.data_set, self.transfer_syntax_uid, self.sop_class_uid, self.sop_instance_uid
        )


def part10_of(data_set: bytes, syntax: str, sop_class: str, sop_instance: str) -> bytes:
    """A PS3.10 file around any bytes, whatever its UIDs are."""
    elements = b"".join(
        short(0x0002, element, b"UI", padded(text.encode("latin_1")))
        for element, text in ((0x0002, sop_class), (0x0003, sop_instance), (0x0010, syntax))
    )
    version = struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1"
    body = version + elements
    return bytes(128) + b"DICM" + short(2, 0, b"UL", struct.pack("<I", len(body))) + body + data_set


def short(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    """An element of explicit VR with a length of 16 bits."""
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value


def long(group: int, element: int, vr: bytes, length: int, value: bytes = b"") -> bytes:
    """An element of explicit VR with a length of 32 bits, true or not."""
    return struct.pack("<HH2sHI", group, element, vr, 0, length) + value


def implicit(group: int, element: int, length: int, value: bytes = b"") -> bytes:
    """An element of implicit VR, with a length that is true or not."""
    return struct.pack("<HHI", group, element, length) + value


def padded(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)


def victim(**attributes: object) -> Built:
    """A valid instance; its last element is Instance Number (0020,0013)."""
    told = {"patient_name": PATIENT_NAME, "patient_id": PATIENT_ID, **attributes}
    return instance(CT_IMAGE_STORAGE, "CT", **told)  # type: ignore[arg-type]  # all kinds


def _made(
    name: str,
    status: int,
    change: Callable[[bytes], bytes],
    syntax: str = EXPLICIT_VR_LITTLE_ENDIAN,
) -> Hostile:
    built = victim()
    whole = change(encode(built.dataset, _undeflated(syntax)))
    return Hostile(
        name, status, syntax, whole, built.sop_instance_uid, built.study_instance_uid
    )  # fmt: skip


def _undeflated(syntax: str) -> str:
    return EXPLICIT_VR_LITTLE_ENDIAN if syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN else syntax


# --- nesting (X9) -------------------------------------------------------------------------------


def _undefined_nest(group: int, element: int, depth: int, vr: bytes | None) -> bytes:
    """Sequences of undefined length within one another, each with one item."""
    if vr is None:
        begin = implicit(group, element, UNDEFINED) + _ITEM
    else:
        begin = long(group, element, vr, UNDEFINED) + _ITEM
    return begin * depth + (_ITEM_END + _SEQUENCE_END) * depth


def _defined_nest(depth: int) -> bytes:
    """The same with lengths, from the inside out."""
    inside = b""
    pieces: list[bytes] = []
    length = 0
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, length)
        head = long(0x0040, 0x0275, b"SQ", length + 8)
        pieces.append(head + item)
        length += len(head) + len(item)
    return b"".join(reversed(pieces)) + inside


def _nests() -> list[Hostile]:
    found = []
    for depth in (33, 200, 10_000, 100_000):
        sequence = _undefined_nest(0x0040, 0x0275, depth, b"SQ")
        found.append(_appended(f"{depth} sequences within one another", sequence))
    in_un = _undefined_nest(0x0040, 0x0275, 1, b"UN")[: 12 + 8]
    return [
        *found,
        _appended("10,000 sequences with lengths", _defined_nest(10_000)),
        _appended(
            "10,000 private sequences",
            short(0x0099, 0x0010, b"LO", b"NEST") + _undefined_nest(0x0099, 0x1001, 10_000, b"SQ"),
        ),
        _appended(
            "10,000 sequences of unknown VR",
            in_un + _undefined_nest(0x0040, 0x0275, 10_000, None) + _ITEM_END + _SEQUENCE_END,
        ),
        _appended(
            "10,000 sequences of implicit VR",
            _undefined_nest(0x0040, 0x0275, 10_000, None),
            syntax=IMPLICIT_VR_LITTLE_ENDIAN,
        ),
        _appended("a nest that never closes", _undefined_nest(0x0040, 0x0275, 20, b"SQ")[:-8]),
    ]


def _appended(
    name: str, more: bytes, status: int = CANNOT_UNDERSTAND, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN
) -> Hostile:
    return _made(name, status, lambda whole: whole + more, syntax)


# --- lengths (X10) ------------------------------------------------------------------------------


def _lengths() -> list[Hostile]:
    sequence = long(0x0040, 0x0275, b"SQ", 16)
    return [
        _appended("a value of 4 GiB", long(0x0042, 0x0011, b"OB", 0xFFFFFFFE, bytes(64))),
        _appended(
            "a text of 2 GiB",
            long(0x0042, 0x0011, b"UT", 0x7FFFFFFE, b"text"),
            OUT_OF_RESOURCES,
        ),
        _appended("a value longer than the rest", long(0x0042, 0x0011, b"OB", 1000, bytes(10))),
        _appended("a short value longer than the rest", short(0x0040, 0x0009, b"SH", b"")[:-2]
                  + b"\xfe\xff" + b"abcd"),
        _appended("undefined length of a text", long(0x0042, 0x0011, b"UT", UNDEFINED, b"text")),
        _appended("undefined length of a plain value",
                  implicit(0x0040, 0x0009, UNDEFINED, b"text"), syntax=IMPLICIT_VR_LITTLE_ENDIAN),
        _appended("an odd length", short(0x0040, 0x0009, b"SH", b"abc")),
        _appended("a tag that stands twice",
                  short(0x0040, 0x0009, b"SH", b"ab") + short(0x0040, 0x0009, b"SH", b"cd")),
        _appended("tags out of order", short(0x0008, 0x0018, b"UI", b"1.2.3\0")),
        _appended("file meta information in the data set", short(0x0002, 0x0010, b"UI", b"1.2\0")),
        _made("file meta information before the data set", CANNOT_UNDERSTAND,
              lambda whole: short(0x0002, 0x0010, b"UI", b"1.2\0") + whole),
        _appended("a command element in the data set", short(0x0000, 0x0002, b"UI", b"1.2\0")),
        _appended("a group that may not be used", short(0xFFFF, 0x0010, b"LO", b"ab")),
        _appended("an item longer than its sequence",
                  sequence + struct.pack("<HHI", 0xFFFE, 0xE000, 1000) + bytes(8)),
        _appended("a sequence without items", sequence + short(0x0040, 0x0009, b"SH", bytes(8))),
        _appended("an item in the open", _ITEM + _ITEM_END),
        _appended("a delimiter in the open", _SEQUENCE_END),
        _appended("no value representation", struct.pack("<HH2sH", 0x40, 9, b"\1\2", 2) + b"ab"),
        _appended("a million elements",
                  b"".join(short(0x0041, n, b"LO", b"") for n in range(0x10, 0xFFFF))
                  + b"".join(short(0x0043, n, b"LO", b"") for n in range(0x10, 0xFFFF)),
                  OUT_OF_RESOURCES),
        _appended("a header of 40 MB",
                  b"".join(long(0x0042, 0x1000 + n, b"UT", 60_000, b"x" * 60_000)
                           for n in range(700)),
                  OUT_OF_RESOURCES),
    ]  # fmt: skip


# --- inflation (X11) ----------------------------------------------------------------------------


def _deflated(whole: bytes, zeros: int = 0) -> bytes:
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = stream.compress(whole)
    block = bytes(1_048_576)
    for _ in range(zeros // len(block)):
        packed += stream.compress(block)
    return packed + stream.flush()


def _bombs() -> list[Hostile]:
    deflated = DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    bulk = 512 * 1_048_576
    return [
        _made("a deflated value of 512 MiB", OUT_OF_RESOURCES,
              lambda whole: _deflated(whole + long(0x0042, 0x0011, b"OB", bulk), bulk), deflated),
        _made("deflated zeros at the beginning", OUT_OF_RESOURCES,
              lambda whole: _deflated(long(0x0008, 0x0000, b"OB", bulk), bulk), deflated),
        _made("a deflated stream that breaks off", CANNOT_UNDERSTAND,
              lambda whole: _deflated(whole * 1)[:-20], deflated),
        _made("a deflated stream that is none", CANNOT_UNDERSTAND, lambda whole: whole, deflated),
    ]  # fmt: skip


# --- what is no data set, or no whole one -------------------------------------------------------


def _broken() -> list[Hostile]:
    noise = bytes((n * 197 + 31) % 256 for n in range(5000))
    pixels = ct_instance(patient_name=PATIENT_NAME, patient_id=PATIENT_ID)
    cut = Hostile(
        "pixels that break off", CANNOT_UNDERSTAND, EXPLICIT_VR_LITTLE_ENDIAN,
        pixels.data_set[:-40], pixels.sop_instance_uid, pixels.study_instance_uid,
    )  # fmt: skip
    return [
        cut,
        _made("nothing", CANNOT_UNDERSTAND, lambda _: b""),
        _made("noise", CANNOT_UNDERSTAND, lambda _: noise),
        _made("zeros", CANNOT_UNDERSTAND, lambda _: bytes(4096)),
        _made("a text", CANNOT_UNDERSTAND, lambda _: b"Dear archive, " * 100),
        _made("a JPEG", CANNOT_UNDERSTAND, lambda _: b"\xff\xd8\xff\xe0\0\x10JFIF\0" + noise),
        _made("an HTTP request", CANNOT_UNDERSTAND, lambda _: b"GET / HTTP/1.1\r\n\r\n"),
        _made("a data set that breaks off", CANNOT_UNDERSTAND, lambda whole: whole[:-7]),
        _made("one that breaks off in an element's header", CANNOT_UNDERSTAND,
              lambda whole: whole + b"\x40\0\x09"),
        _made("big endian where little was said", CANNOT_UNDERSTAND,
              lambda _: encode(victim().dataset, "1.2.840.10008.1.2.2")),
        _made("implicit where explicit was said", CANNOT_UNDERSTAND,
              lambda _: encode(victim().dataset, IMPLICIT_VR_LITTLE_ENDIAN)),
    ]  # fmt: skip


# --- identifiers --------------------------------------------------------------------------------

BAD_UIDS = {
    "climbing": "../../../../canary",
    "absolute": "/var/canary",
    "backslashes": "..\\..\\canary",
    "percent": "%2e%2e%2fcanary",
    "NUL inside": "1.2.3\0.4",
    "letters": "1.2.abc",
    "a device's name": "CON",
    "65 characters": "1." + "2" * 63,
    "leading zero": "1.02.3",
    "empty component": "1..2",
    "dot at its end": "1.2.",
    "dot at its beginning": ".1.2",
    "full-width digits": "\uff11.\uff12",
    "a line break": "1.2\n3",
    "empty": "",
}
_UID_TAGS = {
    "SOP Instance UID": (0x0008, 0x0018),
    "Study Instance UID": (0x0020, 0x000D),
    "Series Instance UID": (0x0020, 0x000E),
}


def _exchanged(whole: bytes, tag: tuple[int, int], value: bytes) -> bytes:
    """The data set with another value of a UI element."""
    head = struct.pack("<HH2s", *tag, b"UI")
    at = whole.index(head)
    (length,) = struct.unpack_from("<H", whole, at + 6)
    return whole[:at] + short(*tag, b"UI", padded(value)) + whole[at + 8 + length :]


def _removed(whole: bytes, tag: tuple[int, int]) -> bytes:
    at = whole.index(struct.pack("<HH2s", *tag, b"UI"))
    (length,) = struct.unpack_from("<H", whole, at + 6)
    return whole[:at] + whole[at + 8 + length :]


def _identifiers() -> list[Hostile]:
    found = []
    for which, tag in _UID_TAGS.items():
        for how, uid in BAD_UIDS.items():
            raw = uid.encode("utf-8")
            found.append(
                _made(
                    f"{which}: {how}",
                    CANNOT_UNDERSTAND,
                    lambda whole, tag=tag, raw=raw: _exchanged(whole, tag, raw),
                )
            )
        found.append(
            _made(f"{which}: none", CANNOT_UNDERSTAND, lambda whole, tag=tag: _removed(whole, tag))
        )
    other = b"1.2.826.0.1.3680043.8.498.1"
    return [
        *found,
        _made("SOP Instance UID: another than announced", DOES_NOT_MATCH,
              lambda whole: _exchanged(whole, (0x0008, 0x0018), other)),
        _made("SOP Class UID: another than announced", DOES_NOT_MATCH,
              lambda whole: _exchanged(whole, (0x0008, 0x0016), b"1.2.840.10008.5.1.4.1.1.4")),
    ]  # fmt: skip


@cache
def nests() -> tuple[Hostile, ...]:
    return tuple(_nests())


@cache
def lengths() -> tuple[Hostile, ...]:
    return tuple(_lengths())


@cache
def bombs() -> tuple[Hostile, ...]:
    return tuple(_bombs())


@cache
def broken() -> tuple[Hostile, ...]:
    return tuple(_broken())


@cache
def identifiers() -> tuple[Hostile, ...]:
    return tuple(_identifiers())


def everything() -> tuple[Hostile, ...]:
    return (*nests(), *lengths(), *bombs(), *broken(), *identifiers())
