"""Byte ranges (RFC 9110 section 14)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.byte_range import ByteRange
from raykeep.wire.http.range import parse_range


def ranges(*bounds):
    return tuple(ByteRange(*each) for each in bounds)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,x", None),
        ("bytes=0 - 1", None),
        ("bytes=--1", None),
        ("bytes=0-99999999999999999999", None),  # twenty digits
        ("bytes=0-0", ranges((0, 1))),
        ("bytes=0-99", ranges((0, 100))),
        ("bytes=0-1000", ranges((0, 100))),
        ("bytes=0-9999999999999999999", ranges((0, 100))),
        ("bytes=50-", ranges((50, 100))),
        ("bytes=-10", ranges((90, 100))),
        ("bytes=-1000", ranges((0, 100))),
        ("BYTES = 1-2 , 5-6", ranges((1, 3), (5, 7))),
        ("bytes=5-6,1-2", ranges((5, 7), (1, 3))),
        ("bytes=0-9,5-14", ranges((0, 15))),
        ("bytes=20-29,0-9,10-19", ranges((0, 30))),
        ("bytes=0-99,3-4", ranges((0, 100))),
        ("bytes=100-", ()),
        ("bytes=100-200", ()),
        ("bytes=-0", ()),
        ("bytes=100-,0-0", ranges((0, 1))),
    ],
)
def test_a_range_header_is_read(header, found):
    assert parse_range(header, 100) == found


def test_nothing_of_an_empty_representation_can_be_satisfied():
    assert parse_range("bytes=0-", 0) == ()
    assert parse_range("bytes=-5", 0) == ()


def test_a_flood_of_ranges_is_unsatisfiable_at_once():
    begin = time.process_time()

    assert parse_range("bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)), 10**6) == ()
    assert parse_range("bytes=" + ",".join("0-" for _ in range(17)), 100) == ()
    assert parse_range("bytes=" + "1" * 1_000_000, 100) == ()
    assert parse_range("bytes=" + "," * 1_000_000, 100) == ()
    assert time.process_time() - begin < 0.5


@given(
    st.text(max_size=60).map(lambda text: "bytes=" + text) | st.text(max_size=60),
    st.integers(0, 10**9),
)
def test_any_header_gives_ranges_that_are_there(header, length):
    for one in parse_range(header, length) or ():
        assert 0 <= one.start < one.stop <= length


spans = st.tuples(st.integers(0, 120), st.integers(0, 120)).map(sorted)


@given(st.lists(spans, min_size=1, max_size=16))
def test_the_bytes_given_are_the_bytes_asked_for_each_once(asked):
    header = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    wanted = {n for first, last in asked for n in range(first, last + 1) if n < 100}

    given_bytes = [n for one in parse_range(header, 100) for n in range(one.start, one.stop)]

    assert sorted(given_bytes) == sorted(wanted)
