"""Bodies that are made while they go out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.servers.dicomweb.bodies import (
    PIECE,
    boundary_of,
    entity_tag,
    gathered,
    json_array,
    multipart,
    multipart_length,
)
from raykeep.wire.multipart.parser import MultipartParser, PartBegin, PartData, PartEnd

SHORT = st.binary(max_size=5)
PIECES = st.lists(st.binary(max_size=100_000), max_size=12)


@given(pieces=PIECES)
def test_gathering_changes_no_byte_and_makes_no_large_piece_larger(pieces: list[bytes]) -> None:
    whole = [bytes(piece) for piece in gathered(memoryview(piece) for piece in pieces)]

    assert b"".join(whole) == b"".join(pieces)
    assert all(len(piece) <= max(PIECE, *map(len, pieces)) for piece in whole)


def test_small_pieces_travel_together() -> None:
    assert len(list(gathered([b"x" * 100] * 1_000))) == 2


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_array_is_json(count: int) -> None:
    raw = b"".join(bytes(piece) for piece in json_array([b'{"a":1}'] * count))

    assert json.loads(raw) == [{"a": 1}] * count


@given(bodies=st.lists(st.binary(max_size=500), max_size=5))
def test_a_multipart_body_has_the_length_that_was_told_and_can_be_read(bodies: list[bytes]) -> None:
    boundary = boundary_of(entity_tag(*bodies))
    headers = {"Content-Type": "application/octet-stream"}
    raw = b"".join(multipart(boundary, [(headers, [body]) for body in bodies]))
    parser = MultipartParser(boundary)
    events = parser.feed(raw)
    parser.finish()
    read: list[bytes] = []
    for event in events:
        match event:
            case PartBegin():
                read.append(b"")
            case PartData(data):
                read[-1] += data
            case PartEnd() | _:
                pass

    assert len(raw) == multipart_length(boundary, [(headers, len(body)) for body in bodies])
    assert read == bodies


@given(one=st.lists(SHORT, max_size=4), two=st.lists(SHORT, max_size=4))
def test_tags_are_the_same_for_the_same_parts_alone(one: list[bytes], two: list[bytes]) -> None:
    assert (entity_tag(*one) == entity_tag(*two)) == (one == two)
