"""Transfer syntaxes (PS3.5 section 10 and annex A; PS3.6 annex A)."""

from dataclasses import dataclass
from typing import Final

from raykeep.dicom.dictionary import UIDS

IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1.99"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How a data set is encoded.

    Attributes:
        uid: Its UID.
        name: As PS3.6 names it; the UID where it does not.
        explicit: VRs are written out.
        little_endian: Byte order.
        deflated: The data set is a raw deflate stream (RFC 1951).
        encapsulated: Pixel Data is a sequence of fragments.
        frame_media_type: Media type of one frame in WADO-RS (PS3.18 table 8.7.3-5);
            `application/octet-stream` for native pixels, and for what has no other.
        known: The archive has it in its table; others are read by policy.
    """

    uid: str
    name: str
    explicit: bool = True
    little_endian: bool = True
    deflated: bool = False
    encapsulated: bool = False
    frame_media_type: str = "application/octet-stream"
    known: bool = True

    @property
    def video(self) -> bool:
        """Whether all frames form one stream."""
        return self.frame_media_type.startswith("video/")


_JPEG = "1.2.840.10008.1.2.4."
# Of newer editions of the standard than the dictionary's.
_NEWER = {
    _JPEG + "110": "JPEG XL Lossless",
    _JPEG + "111": "JPEG XL JPEG Recompression",
    _JPEG + "112": "JPEG XL",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
}
# GE's: implicit VR little endian, with pixels in big endian order.
_PRIVATE = {"1.2.840.113619.5.2": "GE Private Implicit VR Little Endian, Big Endian Pixels"}

_NATIVE = frozenset(
    {
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        "1.2.840.10008.1.20",
        "1.2.840.113619.5.2",
        # Pixels come from a JPIP server and are not in the data set.
        _JPEG + "94",
        _JPEG + "95",
        _JPEG + "204",
        _JPEG + "205",
    }
)
_IMPLICIT = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.20", "1.2.840.113619.5.2"})
_DEFLATED = frozenset({DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, _JPEG + "95", _JPEG + "205"})

_MEDIA_TYPES: dict[str, str] = {
    **{_JPEG + str(n): "image/jpeg" for n in (*range(50, 67), 70)},
    _JPEG + "80": "image/jls",
    _JPEG + "81": "image/jls",
    _JPEG + "90": "image/jp2",
    _JPEG + "91": "image/jp2",
    _JPEG + "92": "image/jpx",
    _JPEG + "93": "image/jpx",
    _JPEG + "100": "video/mpeg",
    _JPEG + "101": "video/mpeg",
    **{_JPEG + str(n): "video/mp4" for n in range(102, 109)},
    **{_JPEG + str(n): "image/jxl" for n in range(110, 113)},
    **{_JPEG + str(n): "image/jphc" for n in range(201, 204)},
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.8.1": "application/x-deflate",
}


def _media_type(uid: str) -> str:
    # A trailing `.1` marks the fragmentable form of a video (PS3.5 section A.4.5 and on).
    stem = uid.removesuffix(".1") if uid.startswith(_JPEG + "10") else uid
    return _MEDIA_TYPES.get(stem, "application/octet-stream")


def _build() -> dict[str, TransferSyntax]:
    named = {uid: row[0] for uid, row in UIDS.items() if row[1] == "Transfer Syntax"}
    named |= _NEWER | _PRIVATE
    return {
        uid: TransferSyntax(
            uid,
            name,
            explicit=uid not in _IMPLICIT,
            little_endian=uid != EXPLICIT_VR_BIG_ENDIAN,
            deflated=uid in _DEFLATED,
            encapsulated=uid not in _NATIVE,
            frame_media_type=_media_type(uid),
        )
        for uid, name in named.items()
    }


TRANSFER_SYNTAXES: Final[dict[str, TransferSyntax]] = _build()
"""Every transfer syntax of the standard, retired ones included, and a well-known private one."""

# MIME and XML are no data sets, SMPTE ST 2110 is for live streams, Papyrus 3 is retired.
STORABLE: Final[tuple[str, ...]] = tuple(
    uid
    for uid in TRANSFER_SYNTAXES
    if not uid.startswith(("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7."))
    and uid != "1.2.840.10008.1.20"
)
"""What the archive can keep instances in."""


def transfer_syntax(uid: str) -> TransferSyntax:
    """The transfer syntax of that UID.

    An unknown one is taken for an encapsulated one, explicit VR little endian: what PS3.5
    section A.4 asks of every new syntax with compressed pixels.
    """
    found = TRANSFER_SYNTAXES.get(uid)
    return found or TransferSyntax(uid, uid, encapsulated=True, known=False)
