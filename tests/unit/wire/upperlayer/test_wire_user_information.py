"""User information items (PS3.7 D.3.3)."""

import contextlib
import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import InvalidInput, LimitExceeded, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.items import (
    ExtendedNegotiation,
    RoleSelection,
    UserIdentity,
    UserIdentityType,
    UserInformation,
    item,
    items,
)
from raykeep.wire.upperlayer.user_information import (
    decode_user_information,
    encode_user_information,
)
from tests.unit.wire.associations import LIMITS, user_information


@given(user_information)
def test_user_information_survives_the_wire(info):
    assert decode_user_information(encode_user_information(info), LIMITS) == info


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_raise_a_domain_error(raw):
    with contextlib.suppress(InvalidInput, LimitExceeded):
        decode_user_information(raw, LIMITS)


@given(user_information, st.data())
def test_user_information_cut_anywhere_is_refused_or_whole_items_shorter(info, data):
    raw = encode_user_information(info)
    end = data.draw(st.integers(0, len(raw)))
    boundaries = {0}
    at = 0
    for _, value in items(raw):
        at += 4 + len(value)
        boundaries.add(at)
    if end in boundaries:
        decode_user_information(raw[:end], LIMITS)
    else:
        with pytest.raises(ProtocolError):
            decode_user_information(raw[:end], LIMITS)


def test_unknown_items_are_passed_over():
    raw = item(0x7F, b"new") + item(0x51, struct.pack(">I", 4096)) + item(0x01, b"")

    assert decode_user_information(raw, LIMITS) == UserInformation(max_pdu_length=4096)


@pytest.mark.parametrize(
    "twice",
    [
        item(0x51, bytes(4)),
        item(0x52, b"1.2"),
        item(0x53, bytes(4)),
        item(0x55, b"NAME"),
        item(0x58, bytes((1, 0, 0, 1)) + b"A" + bytes(2)),
        item(0x59, bytes(2)),
    ],
)
def test_an_item_that_stands_once_may_not_stand_twice(twice):
    decode_user_information(twice, LIMITS)
    with pytest.raises(ProtocolError, match="twice"):
        decode_user_information(twice + twice, LIMITS)


@pytest.mark.parametrize(
    ("item_type", "value"),
    [
        (0x51, bytes(3)),
        (0x51, bytes(5)),
        (0x53, bytes(5)),
        (0x54, b"\x00\x031.2\x01"),
        (0x54, b"\x00\x031.2\x01\x01\x01"),
        (0x56, b"\x00\x091.2"),
        (0x57, b"\x00\x031.2"),
        (0x58, b"\x01\x00\x00\x05AB\x00\x00"),
        (0x58, b"\x01\x00\x00\x01A\x00\x00X"),
        (0x59, b"\x00\x01AB"),
    ],
)
def test_lengths_that_lie_are_refused(item_type, value):
    with pytest.raises(ProtocolError):
        decode_user_information(item(item_type, value), LIMITS)


def test_items_that_speak_of_no_uid_are_left_out():
    bad = struct.pack(">H", 4) + b"1.02"
    good = struct.pack(">H", 3) + b"1.2"
    raw = b"".join(
        (
            item(0x52, b"not a uid"),
            item(0x54, bad + b"\x01\x01"),
            item(0x56, bad + b"x"),
            item(0x57, bad + good + bytes(2)),
            item(0x57, good + bad + bytes(2)),
        )
    )

    assert decode_user_information(raw, LIMITS) == UserInformation()


def test_related_classes_that_are_no_uids_are_left_out_and_the_reserved_rest_is_not_read():
    good = struct.pack(">H", 3) + b"1.2"
    related = struct.pack(">H", 5 + 6) + good + struct.pack(">H", 4) + b"1.02"
    raw = item(0x57, good + good + related + b"reserved")

    (common,) = decode_user_information(raw, LIMITS).common_extended

    assert common.related_general_sop_class_uids == (UID("1.2"),)


def test_role_bytes_other_than_one_are_no():
    raw = item(0x54, struct.pack(">H", 3) + b"1.2" + b"\x02\x01")

    assert decode_user_information(raw, LIMITS).roles == (
        RoleSelection(UID("1.2"), scu=False, scp=True),
    )


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b" DCMTK_367 ", "DCMTK_367"),
        (b"ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOP"),
        (b"A\x1b[31m", "A\\x1b[31m"),
        (b"\xffX", "\\ufffdX"),
    ],
)
def test_a_version_name_is_cut_and_made_plain(sent, read):
    assert decode_user_information(item(0x55, sent), LIMITS).implementation_version_name == read


def test_too_many_items_are_refused():
    limits = dataclasses.replace(LIMITS, max_user_information_items=3)

    decode_user_information(item(0x7F, b"") * 3, limits)
    with pytest.raises(LimitExceeded):
        decode_user_information(item(0x7F, b"") * 4, limits)


def test_too_long_user_information_is_refused_unread():
    with pytest.raises(LimitExceeded):
        decode_user_information(bytes(LIMITS.max_user_information_length + 1), LIMITS)


def test_credentials_stay_out_of_repr():
    who = UserIdentity(
        UserIdentityType.USERNAME_AND_PASSCODE,
        positive_response_requested=True,
        primary_field=b"doe",
        secondary_field=b"s3cret",
    )

    assert "s3cret" not in repr(UserInformation(user_identity=who))
    assert "doe" not in repr(who)


def test_what_no_length_field_can_say_is_refused_before_it_is_sent():
    with pytest.raises(LimitExceeded):
        item(0x7F, bytes(0x10000))
    token = UserIdentity(5, positive_response_requested=False, primary_field=bytes(0x10000))
    with pytest.raises(LimitExceeded):
        encode_user_information(UserInformation(user_identity=token))
    with pytest.raises(LimitExceeded):
        encode_user_information(
            UserInformation(extended=(ExtendedNegotiation(UID("1.2"), bytes(0x10000)),))
        )
