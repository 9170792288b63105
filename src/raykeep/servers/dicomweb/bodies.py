"""Bodies of answers: JSON arrays and multipart messages, made while they go out."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from raykeep.edge.replies import Piece
from raykeep.edge.requests import WebRequest
from raykeep.wire.multipart.writer import closing, part_head

PIECE = 65_536  # bytes that small pieces are gathered to


def gathered(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same bytes in fewer pieces; what is large already is passed on as it is."""
    held: list[Piece] = []
    length = 0
    for piece in pieces:
        if held and length + len(piece) > PIECE:
            yield held[0] if len(held) == 1 else b"".join(held)
            held.clear()
            length = 0
        held.append(piece)
        length += len(piece)
    if held:
        yield held[0] if len(held) == 1 else b"".join(held)


def json_array(objects: Iterable[bytes]) -> Iterator[Piece]:
    """A JSON array of objects that are encoded already."""
    before = b"["
    for one in objects:
        yield before
        yield one
        before = b","
    yield b"[]" if before == b"[" else b"]"


def multipart(
    boundary: str, parts: Iterable[tuple[dict[str, str], Iterable[Piece]]]
) -> Iterator[Piece]:
    """A multipart body; each part's bytes are asked for when the one before is out."""
    first = True
    for headers, pieces in parts:
        yield part_head(boundary, headers, is_first=first)
        yield from pieces
        first = False
    yield closing(boundary, is_first=first)


def multipart_length(boundary: str, parts: Iterable[tuple[dict[str, str], int]]) -> int:
    """Bytes of a multipart body, from the headers and the length of each part."""
    total, first = 0, True
    for headers, length in parts:
        total += len(part_head(boundary, headers, is_first=first)) + length
        first = False
    return total + len(closing(boundary, is_first=first))


# --- entity tags --------------------------------------------------------------------------------


def entity_tag(*parts: bytes | str) -> str:
    """A strong entity tag (RFC 9110 section 8.8.3) of a representation made from `parts`."""
    digest = blake2b(digest_size=16)
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode()
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


def is_known(request: WebRequest, tag: str) -> bool:
    """Whether the client has that representation already (RFC 9110 section 13.1.2)."""
    header = request.header(b"if-none-match")
    if header is None:
        return False
    told = {one.strip().removeprefix("W/") for one in header.split(",")}
    return "*" in told or f'"{tag}"' in told


def boundary_of(tag: str) -> str:
    """The boundary of a body with that entity tag.

    The same bytes each time, as a strong tag promises; and since it is a hash of what is in
    the body, nobody can put it there beforehand.
    """
    return f"raykeep-{tag}"
