"""Blob keys and byte ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.blobs import BlobKey
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import InvalidInput
from raykeep.domain.facility import FacilityName

keys = st.builds(
    BlobKey,
    facility=st.sampled_from([FacilityName("main"), FacilityName("north-2")]),
    year=st.integers(1000, 9999),
    object_id=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
)
positions = st.integers(0, 2**40)
ranges = st.tuples(positions, positions).map(lambda pair: ByteRange(min(pair), max(pair)))


@given(key=keys)
def test_a_key_reads_back_from_its_text(key):
    assert BlobKey.parse(str(key)) == key


@given(text=st.text("0123456789abcdef/main+ ", max_size=50) | st.text(max_size=20))
def test_a_text_is_a_key_in_one_form_alone_or_refused(text):
    try:
        key = BlobKey.parse(text)
    except (ValueError, InvalidInput):
        return
    assert str(key) == text


@given(one=keys, other=keys)
def test_keys_sort_as_their_texts_do_within_a_facility(one, other):
    if one.facility == other.facility:
        assert (one < other) == (str(one) < str(other))


@pytest.mark.parametrize(
    ("year", "object_id"),
    [
        (2026, ""),
        (2026, "0" * 31),
        (2026, "0" * 33),
        (2026, "A" * 32),
        (2026, "g" * 32),
        (2026, "0" * 32 + "\n"),
        (999, "0" * 32),
        (10_000, "0" * 32),
    ],
)
def test_what_is_no_key_is_refused(year, object_id):
    with pytest.raises(ValueError, match="not a blob key"):
        BlobKey(FacilityName("main"), year, object_id)


@pytest.mark.parametrize(
    "text",
    [
        "main/2026",
        f"main/2026/{'0' * 32}/x",
        f"main/02026/{'0' * 32}",
        f"main/+2026/{'0' * 32}",
        f"main/ 2026/{'0' * 32}",
        f"main/\uff12\uff10\uff12\uff16/{'0' * 32}",
    ],
)
def test_another_form_of_a_key_is_refused(text):
    with pytest.raises(ValueError, match="not a blob key"):
        BlobKey.parse(text)


@given(span=ranges)
def test_a_range_is_as_long_as_the_bytes_that_it_cuts(span):
    assert span.length == len(range(span.start, span.stop))


@given(span=ranges, by=positions, more=positions)
def test_shifting_keeps_the_length_and_adds_up(span, by, more):
    assert span.shifted(by).length == span.length
    assert span.shifted(by).shifted(more) == span.shifted(by + more)
    assert span.shifted(0) == span


@pytest.mark.parametrize(("start", "stop"), [(-1, 0), (2, 1), (-2, -1)])
def test_a_range_does_not_run_backwards_or_before_the_beginning(start, stop):
    with pytest.raises(ValueError, match=r"runs forward from 0"):
        ByteRange(start, stop)


def test_a_range_is_not_shifted_before_the_beginning():
    with pytest.raises(ValueError, match=r"runs forward from 0"):
        ByteRange(5, 9).shifted(-6)
