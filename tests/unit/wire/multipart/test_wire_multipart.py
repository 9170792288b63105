"""Multipart bodies, read and written (RFC 2046 section 5.1, RFC 2387)."""

import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from raykeep.domain.errors import InvalidInput, LimitExceeded, ProtocolError
from raykeep.wire.http.media_types import parse_media_type
from raykeep.wire.multipart.parser import (
    End,
    MultipartLimits,
    MultipartParser,
    PartBegin,
    PartData,
    PartEnd,
)
from raykeep.wire.multipart.writer import closing, content_type, part_head
from tests.unit.wire.associations import cut

B = "Raykeep.8f3c"
DICOM = {"Content-Type": "application/dicom"}


def joined(events):
    """Events with the data of one part put together."""
    told = []
    for event in events:
        if isinstance(event, PartData):
            if isinstance(told[-1], bytes):
                told[-1] += bytes(event.data)
            else:
                told.append(bytes(event.data))
        else:
            told.append(event)
    return told


def read(raw, *places, boundary=B, limits=None, finish=True):
    parser = MultipartParser(boundary, limits)
    told = []
    for piece in cut(raw, places):
        # The views are read before the piece is gone.
        told += [
            PartData(memoryview(bytes(one.data))) if isinstance(one, PartData) else one
            for one in parser.feed(piece)
        ]
    if finish:
        parser.finish()
    return joined(told)


def written(parts, boundary=B):
    pieces = [
        part_head(boundary, headers, is_first=n == 0) + data
        for n, (headers, data) in enumerate(parts)
    ]
    return b"".join(pieces) + closing(boundary, is_first=not parts)


def expected(parts):
    told = []
    for headers, data in parts:
        told.append(PartBegin({name.lower(): value for name, value in headers.items()}))
        told += [data] if data else []
        told.append(PartEnd())
    return [*told, End()]


boundaries = st.text("abcXYZ019'()+_,-./:=?", min_size=1, max_size=70)
names = st.from_regex(r"X-[A-Za-z]{1,8}", fullmatch=True)
header_values = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
headers = st.dictionaries(names, header_values, max_size=4).filter(
    lambda found: len({name.lower() for name in found}) == len(found)
)
# Much of what looks like a delimiter, little that is one.
data = st.binary(max_size=60) | st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n-", b"\r\n--", b"Ray", b"\r\n--Raykeep", b"\0"]
    ),
    max_size=12,
).map(b"".join)
parts = st.lists(st.tuples(headers, data), max_size=4)
cuts = st.lists(st.integers(0, 5_000), max_size=30)


@given(parts, cuts)
@example([({}, b"\r\n--Raykeep.8f3")], [])
@example([({}, b""), ({}, b"\r\n")], list(range(200)))
def test_parts_are_read_as_they_were_written_whatever_way_they_were_cut(parts, places):
    assert read(written(parts), *places) == expected(parts)


@given(boundaries, st.binary(max_size=40), cuts)
def test_any_legal_boundary_parts_the_body(boundary, data, places):
    raw = written([(DICOM, data), (DICOM, data)], boundary)
    if raw.count(boundary.encode()) > 3:
        return  # the data holds the boundary by chance: not a body that may be written

    told = read(raw, *places, boundary=boundary)

    assert told == expected([(DICOM, data), (DICOM, data)])


@given(parts.filter(bool), cuts, st.data())
def test_a_body_cut_short_is_an_error_at_its_end(parts, places, data):
    raw = written(parts)
    end = data.draw(st.integers(0, len(raw) - 1 - len("--\r\n")))

    with pytest.raises(ProtocolError):
        read(raw[:end], *places)


pieces = st.lists(
    st.sampled_from(
        [
            b"--" + B.encode(),
            b"\r\n--" + B.encode(),
            b"--",
            b"\r\n",
            b"\n",
            b" ",
            b"A: b",
            b":",
            b"x" * 20,
        ]
    )
    | st.binary(max_size=20),
    max_size=12,
).map(b"".join)


@given(pieces, cuts)
def test_any_bytes_tell_the_same_or_the_same_error_whatever_way_they_were_cut(raw, places):
    def outcome(*where):
        try:
            return read(raw, *where, finish=False)
        except (InvalidInput, LimitExceeded) as error:
            return type(error)

    assert outcome(*places) == outcome()


def test_preamble_and_epilogue_are_passed_over():
    raw = b"This is a preamble\r\n" + written([(DICOM, b"x")]) + b"and an epilogue"

    assert read(raw) == expected([(DICOM, b"x")])


def test_a_delimiter_may_be_followed_by_white_space():
    raw = written([(DICOM, b"x")]).replace(B.encode() + b"\r\n", B.encode() + b" \t \r\n")

    assert read(raw, *range(100)) == expected([(DICOM, b"x")])


@pytest.mark.parametrize(
    "after", [b"x\r\n", b"-x", b"-\r\n", b"\n", b"\rx", b" x", b" " * 65 + b"\r\n", b" " * 200]
)
def test_other_text_behind_a_delimiter_is_an_error(after):
    raw = b"--" + B.encode() + after

    for places in ((), range(300)):
        with pytest.raises(ProtocolError):
            read(raw, *places, finish=False)


def test_a_part_may_have_no_headers_and_no_body():
    raw = b"--B\r\n\r\n\r\n--B\r\n\r\n--B\r\nA: b\r\n\r\n--B--"

    told = read(raw, boundary="B")

    assert told == [
        *(PartBegin({}), PartEnd(), PartBegin({}), PartEnd(), PartBegin({"a": "b"}), PartEnd()),
        End(),
    ]


def test_folded_headers_are_unfolded():
    raw = b"--B\r\nContent-Type: application/dicom;\r\n  transfer-syntax=1.2\r\n\r\nx\r\n--B--"

    assert read(raw, boundary="B")[0] == PartBegin(
        {"content-type": "application/dicom; transfer-syntax=1.2"}
    )


@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b": no name",
        b"A b: c",
        b" A: folded before any",
        b"A: b\nB: c",
        b"A: b\0",
        b"A: b\rX: y",
        b"A: b\r\na: c",
        b"\xc3\xa9: x",
    ],
)
def test_headers_that_are_none_are_an_error(line):
    with pytest.raises(ProtocolError):
        read(b"--B\r\n" + line + b"\r\n\r\nx\r\n--B--", boundary="B")


LIMITS = MultipartLimits(max_parts=3, max_header_length=100, max_headers=4, max_preamble_length=50)


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (b"p" * 50 + b"\r\n--B--", b"p" * 51 + b"\r\n--B--"),
        (b"--B--" + b"e" * 50, b"--B--" + b"e" * 51),
        (b"--B\r\n\r\n\r\n" * 3 + b"--B--", b"--B\r\n\r\n\r\n" * 4 + b"--B--"),
        (
            b"--B\r\n" + b"A: " + b"x" * 90 + b"\r\n\r\n",
            b"--B\r\n" + b"A: " + b"x" * 110 + b"\r\n\r\n",
        ),
        (
            b"--B\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n",
            b"--B\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\n\r\n",
        ),
    ],
)
@pytest.mark.parametrize("places", [(), range(300)])
def test_more_than_a_limit_allows_is_refused(within, beyond, places):
    read(within, *places, boundary="B", limits=LIMITS, finish=False)
    with pytest.raises(LimitExceeded):
        read(beyond, *places, boundary="B", limits=LIMITS, finish=False)


@pytest.mark.parametrize(
    "boundary", ["", " ", "a ", "x" * 71, 'a"b', "a\r\nb", "a;b", "é", "a\0", "<a>", "a@b"]
)
def test_what_is_no_boundary_is_refused_by_both(boundary):
    with pytest.raises(InvalidInput):
        MultipartParser(boundary)
    with pytest.raises(InvalidInput):
        content_type(boundary, "application/dicom")


def test_headers_that_would_break_their_line_are_not_written():
    for bad in ({"A": "b\r\nC: d"}, {"A b": "c"}, {"A": "é"}, {"": "x"}):
        with pytest.raises(InvalidInput):
            part_head(B, bad)


def test_the_content_type_can_be_read_back():
    found = parse_media_type(content_type("a b:c=?", "application/dicom"))

    assert found.essence == "multipart/related"
    assert found.parameter("type") == "application/dicom"
    assert found.parameter("boundary") == "a b:c=?"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_can_be_fed(kind):
    parser = MultipartParser(B)

    assert joined(parser.feed(kind(written([(DICOM, b"abc")])))) == expected([(DICOM, b"abc")])


def test_data_is_a_view_into_what_was_fed():
    parser = MultipartParser("B")
    parser.feed(b"--B\r\n\r\nx")
    chunk = bytearray(b"pixels")

    (event,) = parser.feed(chunk)

    chunk[:] = b"PIXELS"
    assert bytes(event.data) == b"PIXELS"


NEAR_MISSES = {
    "carriage returns": b"\r",
    "line ends": b"\r\n",
    "hyphens": b"\r\n--",
    "all but one character": b"\r\n--" + b"a" * 69,
    "the boundary without its hyphens": b"a" * 70,
    "nothing alike": b"\0",
}


@pytest.mark.parametrize("unit", NEAR_MISSES.values(), ids=NEAR_MISSES)
@pytest.mark.parametrize("size", [1, 64, 65_536])
def test_near_misses_cost_time_linear_in_their_length(unit, size):
    boundary = "a" * 69 + "b"
    total = 40_000 if size == 1 else 4_000_000
    body = unit * (total // len(unit))
    parser = MultipartParser(boundary)
    parser.feed(b"--" + boundary.encode() + b"\r\n\r\n.")
    length = 0

    begin = time.process_time()
    for at in range(0, len(body), size):
        length += sum(len(event.data) for event in parser.feed(body[at : at + size]))
    spent = time.process_time() - begin

    assert len(body) - length <= len(boundary) + 4
    assert spent < 5.0  # seconds; a quadratic reader takes minutes


def test_a_large_part_costs_no_memory():
    parser = MultipartParser(B)
    parser.feed(part_head(B, DICOM, is_first=True))
    chunk = bytes(range(256)) * 256
    tracemalloc.start()
    try:
        for _ in range(200):
            parser.feed(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16_384


def test_feeding_nothing_tells_nothing():
    assert MultipartParser(B).feed(b"") == []
