"""What DICOMweb can send, and choosing among it (PS3.18 sections 8.7 and 10.4)."""

from functools import lru_cache

from raykeep.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    transfer_syntax,
)
from raykeep.domain.errors import NotAcceptable
from raykeep.wire.http.accept import Offer, select
from raykeep.wire.http.media_types import MediaType

DICOM_JSON = "application/dicom+json"
DICOM = "application/dicom"
OCTET_STREAM = "application/octet-stream"
MULTIPART = "multipart/related"

_TRANSFER_SYNTAX = "transfer-syntax"

_SAME_PIXELS = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN})

JSON_OFFERS = (
    Offer(MediaType("application", "dicom+json")),
    Offer(MediaType("application", "json")),
)


@lru_cache(maxsize=512)
def json_type(header: str | None, query: str | None) -> str:
    """Which JSON media type a client gets.

    Raises:
        NotAcceptable: it takes none; XML is not produced here.
    """
    return select(header, query, JSON_OFFERS).media_type.essence


@lru_cache(maxsize=512)
def dicom_type(
    header: str | None, query: str | None, syntaxes: frozenset[str], *, single: bool
) -> MediaType:
    """How a client gets instances.

    Instances go out in the transfer syntax in which they are stored. A client that names none
    gets that one too, named in the answer: most that leave it out take any (ADR 0013).

    Args:
        header: Accept.
        query: The `accept` parameter.
        syntaxes: In which the instances are stored.
        single: Whether there is one instance, which may go out without multipart.

    Raises:
        NotAcceptable: it wants another media type, or another transfer syntax.
    """
    # Of instances in several syntaxes none can be promised: only a wild card takes them.
    named = next(iter(syntaxes)) if len(syntaxes) == 1 else "mixed"
    parameters = ((_TRANSFER_SYNTAX, named),)
    offers = [Offer(MediaType("multipart", "related", (("type", DICOM), *parameters)))]
    if single:
        offers.append(Offer(MediaType("application", "dicom", parameters)))
    return _selected(header, query, tuple(offers), named)


@lru_cache(maxsize=512)
def pixel_type(header: str | None, query: str | None, syntax_uid: str, frames: int) -> MediaType:
    """How a client gets frames, or other bulk data, of an instance stored in `syntax_uid`.

    Args:
        header: Accept.
        query: The `accept` parameter.
        syntax_uid: Transfer syntax as stored.
        frames: How many are asked for; one may go out without multipart.

    Raises:
        NotAcceptable: it wants another media type, or another transfer syntax.
    """
    own = transfer_syntax(syntax_uid).frame_media_type
    parameters = ((_TRANSFER_SYNTAX, _of_pixels(syntax_uid)),)
    kinds = [own] if own == OCTET_STREAM else [own, OCTET_STREAM]
    offers = [
        Offer(MediaType("multipart", "related", (("type", kind), *parameters))) for kind in kinds
    ]
    if frames == 1:
        for kind in kinds:
            main, _, sub = kind.partition("/")
            offers.append(Offer(MediaType(main, sub, parameters)))
    return _selected(header, query, tuple(offers), syntax_uid)


@lru_cache(maxsize=512)
def bulk_type(header: str | None, query: str | None, syntax_uid: str) -> MediaType:
    """How a client gets a value that is no frame.

    Such a value is never compressed: stored in any little endian syntax it is what the default
    one of bulk data, explicit VR little endian, makes of it.

    Raises:
        NotAcceptable: it wants another media type than bytes.
    """
    little = transfer_syntax(syntax_uid).little_endian
    parameters = ((_TRANSFER_SYNTAX, EXPLICIT_VR_LITTLE_ENDIAN if little else syntax_uid),)
    offers = (
        Offer(MediaType("multipart", "related", (("type", OCTET_STREAM), *parameters))),
        Offer(MediaType("application", "octet-stream", parameters)),
    )
    return _selected(header, query, offers, "")


def part_type(chosen: MediaType) -> str:
    """Media type of a body, or of each part of a multipart body, its transfer syntax named."""
    kind = chosen.parameter("type") if chosen.essence == MULTIPART else chosen.essence
    syntax = chosen.parameter(_TRANSFER_SYNTAX)
    return f"{kind}; {_TRANSFER_SYNTAX}={syntax}" if syntax else str(kind)


def _of_pixels(syntax_uid: str) -> str:
    """The transfer syntax that frames are in when taken out of a data set stored in another."""
    # How the elements round them are written is nothing to native pixels.
    return EXPLICIT_VR_LITTLE_ENDIAN if syntax_uid in _SAME_PIXELS else syntax_uid


def _selected(
    header: str | None, query: str | None, offers: tuple[Offer, ...], syntax: str
) -> MediaType:
    try:
        return select(header, query, offers).media_type
    except NotAcceptable as error:
        made = {offer.media_type.parameter("type") or offer.media_type.essence for offer in offers}
        kinds = " or ".join(sorted(made))
        stored = f" in transfer syntax {syntax}, as stored" if syntax else ""
        msg = (
            f"here is {kinds}{stored}; nothing is converted. "
            "Accept that, or name transfer-syntax=* to take what there is"
        )
        raise NotAcceptable(msg) from error
