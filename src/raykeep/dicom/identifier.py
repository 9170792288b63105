"""C-FIND responses: a match becomes an identifier (PS3.4 section C.4.1.1.3.2)."""

from typing import Final

from raykeep.dicom.charsets import UTF_8, CharacterSet, character_set
from raykeep.dicom.elements import element, item
from raykeep.dicom.encodings import Encoding, encoding_of
from raykeep.dicom.find_request import (
    INSTANCE_AVAILABILITY,
    QUERY_RETRIEVE_LEVEL,
    RETRIEVE_AE_TITLE,
    SPECIFIC_CHARACTER_SET,
    FindRequest,
)
from raykeep.dicom.transfer_syntaxes import transfer_syntax
from raykeep.domain.ae_title import AETitle
from raykeep.domain.attributes import BY_TAG, Attribute
from raykeep.domain.instance import Match, Values

_UTF_8: Final = character_set((UTF_8,))
_TEXT: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_LARGEST_SHORT: Final = 0xFFFF
_LONGEST: Final = 0xFFFE  # bytes of a value with a length of 16 bits


class MatchEncoder:
    """Encode the matches of one C-FIND request; made once a request, used for each match.

    An answer holds the requested attributes and no other, with Query/Retrieve Level,
    Retrieve AE Title and Instance Availability, and Specific Character Set where text needs
    one: the request's own if it can hold the text, ISO_IR 192 otherwise.
    """

    def __init__(
        self, request: FindRequest, *, retrieve_ae_title: AETitle, transfer_syntax_uid: str
    ) -> None:
        syntax = transfer_syntax(transfer_syntax_uid)
        self._encoding = encoding_of(explicit=syntax.explicit, little_endian=syntax.little_endian)
        self._characters = character_set(request.specific_character_set)
        fixed = {
            QUERY_RETRIEVE_LEVEL: request.query.level.value,
            RETRIEVE_AE_TITLE: retrieve_ae_title.value,
            INSTANCE_AVAILABILITY: "ONLINE",
        }
        vrs = {RETRIEVE_AE_TITLE: "AE"}
        self._fixed = {
            tag: element(tag, vrs.get(tag, "CS"), text.encode("ascii"), self._encoding)
            for tag, text in fixed.items()
        }
        tags = sorted({*request.requested, *fixed})
        self._steps = [(tag, BY_TAG.get(tag)) for tag in tags]

    def encode(self, match: Match) -> bytes:
        """The identifier of one pending response, in the transfer syntax."""
        encoded = self._encoded(match, self._characters)
        return b"".join(self._encoded(match, _UTF_8) or () if encoded is None else encoded)

    def _encoded(self, match: Match, characters: CharacterSet) -> list[bytes] | None:
        """All elements; None when the character set cannot hold a text."""
        encoding, fixed = self._encoding, self._fixed
        parts = []
        if characters.terms:
            terms = "\\".join(characters.terms).encode("ascii", "replace")
            parts.append(element(SPECIFIC_CHARACTER_SET, "CS", terms, encoding))
        for tag, attribute in self._steps:
            if attribute is None:
                parts.append(fixed[tag])
                continue
            if attribute.items:
                part = _sequence(attribute, match.sequences.get(tag, ()), characters, encoding)
            else:
                part = _one(attribute, match.values.get(tag, ""), characters, encoding)
            if part is None:
                return None
            parts.append(part)
        return parts


def _one(
    attribute: Attribute, text: str, characters: CharacterSet, encoding: Encoding
) -> bytes | None:
    if attribute.vr == "US":
        raw: bytes | None = int(text).to_bytes(2, encoding.order) if _fits_short(text) else b""
    elif text.isascii():
        raw = text.encode("ascii")
    elif attribute.vr in _TEXT:
        raw = characters.encode(text, name=attribute.vr == "PN")
        if raw is None and characters is _UTF_8:
            raw = text.encode("utf-8", "replace")  # half a surrogate pair, say
    else:
        raw = text.encode("ascii", "replace")
    return None if raw is None else element(attribute.tag, attribute.vr, raw[:_LONGEST], encoding)


def _fits_short(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= _LARGEST_SHORT


def _sequence(
    attribute: Attribute,
    items: tuple[Values, ...],
    characters: CharacterSet,
    encoding: Encoding,
) -> bytes | None:
    encoded = []
    for values in items:
        parts = []
        for one in attribute.items:
            if one.tag in values:
                part = _one(one, values[one.tag], characters, encoding)
                if part is None:
                    return None
                parts.append(part)
        encoded.append(item(b"".join(parts), encoding))
    return element(attribute.tag, "SQ", b"".join(encoded), encoding)
