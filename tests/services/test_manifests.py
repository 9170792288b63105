"""Manifests: what a blob tells of itself, and nothing that cannot be read again."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.access import Door
from raykeep.domain.errors import IntegrityError
from raykeep.domain.instance import Provenance
from raykeep.services.manifest import Origins, decode_manifest, encode_manifest

texts = st.text(st.characters(codec="utf-8"), max_size=64)
provenances = st.builds(
    Provenance,
    arrived_at=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - zones are drawn
    door=st.sampled_from(Door),
    sender=texts,
    address=texts,
)
NOW = datetime(2026, 11, 22, 12, 30, 15, 123456, tzinfo=UTC)
PROVENANCE = Provenance(NOW, Door.DIMSE, "CT01", "10.1.2.3")


@given(syntax=texts, provenance=provenances, finding=texts)
def test_a_manifest_says_again_what_was_put_into_it(syntax, provenance, finding):
    data = encode_manifest(syntax, provenance, finding)

    assert decode_manifest(data) == Origins(syntax, provenance, finding)


@given(data=st.binary(max_size=100))
def test_other_bytes_are_a_damaged_manifest_and_nothing_worse(data):
    try:
        decode_manifest(data)
    except IntegrityError:
        return


@given(cut=st.integers(0, 40), flipped=st.integers(0, 255))
def test_a_changed_manifest_is_read_as_something_else_or_refused(cut, flipped):
    data = bytearray(encode_manifest("1.2.840.10008.1.2", PROVENANCE, ""))
    data[cut % len(data)] ^= flipped
    try:
        decode_manifest(bytes(data))
    except IntegrityError:
        return


@pytest.mark.parametrize(
    "content",
    [
        ["2", "1.2", 0, "dimse", "CT01", "", ""],  # of a newer release
        ["1", "1.2", 0, "front-door", "CT01", "", ""],
        ["1", "1.2", 2**62, "dimse", "CT01", "", ""],
        ["1", "1.2", -(2**62), "dimse", "CT01", "", ""],
        ["1", "1.2", 0, "dimse", "CT01", ""],
        ["1", 12, 0, "dimse", "CT01", "", ""],
        {"1": "1.2"},
        None,
    ],
)
def test_a_manifest_of_another_form_is_refused(content):
    with pytest.raises(IntegrityError, match="unknown form"):
        decode_manifest(msgspec.msgpack.encode(content))
