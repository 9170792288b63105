"""What a client accepts, and what it gets (RFC 9110 section 12.5.1, PS3.18 section 8.7.8)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from raykeep.domain.errors import InvalidInput, LimitExceeded, NotAcceptable
from raykeep.wire.http.media_types import MediaType, scan_media_type

MAX_LENGTH: Final = 4_096  # characters of an Accept header or accept parameter
MAX_RANGES: Final = 64

_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_COMMAS = re.compile(r"[ \t]*(?:,[ \t]*)+")
_TRANSFER_SYNTAX: Final = "transfer-syntax"
# These describe a representation, and choose none: one boundary or character
# set is as good as another where the client can read what it gets.
_NOT_CHOOSING: Final = frozenset({"q", "boundary", "charset"})


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One acceptable media type, wildcards and all; `quality` is 0 (never) to 1."""

    media_type: MediaType
    quality: float = 1.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A representation that the server can make.

    `answers_unstated` tells whether it may be given to a client that named no
    transfer syntax (PS3.18 section 8.7.3.5.2: the default one).
    """

    media_type: MediaType
    answers_unstated: bool = True


def parse_accept(text: str) -> tuple[MediaRange, ...]:
    """Parse an Accept header, or the `accept` query parameter, whose syntax is the same.

    Raises:
        InvalidInput: it is no list of media ranges.
        LimitExceeded: it is longer than `MAX_LENGTH` or `MAX_RANGES`.
    """
    if len(text) > MAX_LENGTH:
        raise LimitExceeded("length of Accept", len(text), MAX_LENGTH, "characters")
    text = text.strip(" \t,")
    ranges: list[MediaRange] = []
    at, end = 0, len(text)
    while at < end:
        if len(ranges) == MAX_RANGES:
            raise LimitExceeded("media ranges in Accept", MAX_RANGES + 1, MAX_RANGES)
        media_type, at = scan_media_type(text, at)
        ranges.append(MediaRange(media_type, _quality(media_type)))
        commas = _COMMAS.match(text, at)
        if commas is None and at < end:
            raise InvalidInput("media ranges in Accept are not parted by commas")
        at = commas.end() if commas is not None else end
    return tuple(ranges)


def _quality(media_type: MediaType) -> float:
    text = media_type.parameter("q")
    if text is None:
        return 1.0
    if _QUALITY.fullmatch(text) is None:
        raise InvalidInput("a quality in Accept is not a number from 0 to 1 with three decimals")
    return float(text)


def choose(ranges: Sequence[MediaRange], offers: Sequence[Offer]) -> Offer | None:
    """The offer that the client likes best; among equals the first one.

    For each offer the most specific range that matches tells the quality
    (RFC 9110 section 12.5.1). None when no range matches, or only with 0.
    """
    best: Offer | None = None
    best_quality = 0.0
    for offer in offers:
        quality = _liking(ranges, offer)
        if quality > best_quality:
            best, best_quality = offer, quality
    return best


def select(header: str | None, query: str | None, offers: Sequence[Offer]) -> Offer:
    """Select the representation for a request (PS3.18 section 8.7.8.1).

    Args:
        header: The Accept header; None when there is none, which accepts all.
        query: The `accept` query parameter, which goes first where it fits.
        offers: What the server can make, the default first.

    Raises:
        NotAcceptable: nothing fits.
        InvalidInput: header or parameter cannot be read.
        LimitExceeded: header or parameter is too long.
    """
    ranges = parse_accept(header) if header is not None else ()
    wanted = parse_accept(query) if query is not None else ()
    found = choose(wanted, offers) or choose(ranges, offers)
    if found is None and not ranges and not wanted and offers:
        found = offers[0]
    if found is None:
        raise NotAcceptable(
            "none of the acceptable media types can be produced here. "
            "Ask for one that the page on DICOMweb (docs/reference/dicomweb.md) lists"
        )
    return found


def _liking(ranges: Sequence[MediaRange], offer: Offer) -> float:
    best: tuple[int, int, float] = (-1, 0, 0.0)
    for one in ranges:
        specificity = _match(one.media_type, offer)
        if specificity is not None:
            best = max(best, (*specificity, one.quality))
    return best[2]


def _match(wanted: MediaType, offer: Offer) -> tuple[int, int] | None:
    """How specifically a range matches an offer: of type and subtype, and of parameters."""
    offered = offer.media_type
    if not _covers(wanted.essence, offered.essence):
        return None
    stated = [(name, value) for name, value in wanted.parameters if name not in _NOT_CHOOSING]
    for name, value in stated:
        theirs = offered.parameter(name)
        if name == _TRANSFER_SYNTAX and value == "*":
            continue
        if theirs is None or not _parameter_covers(name, value, theirs):
            return None
    if wanted.parameter(_TRANSFER_SYNTAX) is None and not offer.answers_unstated:
        return None
    exact = (wanted.type != "*") + (wanted.subtype != "*")
    return exact, len(stated)


def _parameter_covers(name: str, value: str, theirs: str) -> bool:
    value, theirs = value.lower(), theirs.lower()
    return _covers(value, theirs) if name == "type" else value == theirs


def _covers(wanted: str, offered: str) -> bool:
    if wanted.endswith("/*"):
        kind = wanted[:-2]
        return kind == "*" or offered.startswith(kind + "/")
    return wanted == offered
