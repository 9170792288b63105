"""Devices and tokens: where they may come from, and until when they are good."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.access import Role
from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import Device, DeviceRight
from raykeep.domain.facility import FacilityName
from raykeep.domain.ids import time_ordered_id
from raykeep.domain.token import ApiToken

MAIN = FacilityName("main")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

addresses = st.ip_addresses()
networks = st.tuples(addresses, st.integers(0, 128)).map(
    lambda pair: ip_network((pair[0], min(pair[1], pair[0].max_prefixlen)), strict=False)
)


def device(*rights, networks=()):
    return Device(AETitle("CT01"), MAIN, frozenset(rights), networks, ("ab",), None, NOW)


def token(networks=(), **changes):
    given_ = {
        "token_id": "0" * 16,
        "name": "viewer",
        "role": Role.RADIOLOGIST,
        "facilities": frozenset({MAIN}),
        "secret_sha256": "0" * 64,
        "networks": networks,
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    return ApiToken(**{**given_, **changes})


@given(address=addresses, allowed=st.lists(networks, max_size=3).map(tuple))
def test_an_address_is_allowed_when_a_network_of_its_own_kind_holds_it(address, allowed):
    holds = any(address.version == n.version and address in n for n in allowed)

    assert device(networks=allowed).may_come_from(address) == (not allowed or holds)
    assert token(allowed).may_come_from(address) == (not allowed or holds)


@given(address=addresses, network=networks)
def test_more_networks_never_shut_an_address_out_once_there_is_one(address, network):
    one = device(networks=(ip_network("10.0.0.0/8"),))
    two = device(networks=(ip_network("10.0.0.0/8"), network))

    assert two.may_come_from(address) >= one.may_come_from(address)


def test_addresses_of_the_two_kinds_are_not_taken_for_one_another():
    everywhere = (ip_network("0.0.0.0/0"),)

    assert not device(networks=everywhere).may_come_from(ip_address("::1"))
    assert not token(everywhere).may_come_from(ip_address("::ffff:10.0.0.1"))


def test_a_token_for_some_addresses_is_good_for_nobody_without_one():
    assert token().may_come_from(None)
    assert not token((ip_network("0.0.0.0/0"),)).may_come_from(None)


def test_a_devices_roles_follow_from_its_rights():
    assert device().roles == frozenset()
    assert device(DeviceRight.STORE, DeviceRight.ECHO).roles == {
        Role.DEVICE_STORE,
        Role.DEVICE_ECHO,
    }


@pytest.mark.parametrize(
    ("expires", "revoked", "is_good"),
    [
        (NOW + timedelta(microseconds=1), None, True),
        (NOW, None, False),
        (NOW - timedelta(days=1), None, False),
        (NOW + timedelta(days=1), NOW - timedelta(days=1), False),
    ],
)
def test_a_token_is_good_until_it_expires_or_is_revoked(expires, revoked, is_good):
    assert token(expires_at=expires, revoked_at=revoked).is_good_at(NOW) == is_good


@given(
    one=st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zones are drawn
    later=st.timedeltas(timedelta(milliseconds=1), timedelta(days=300)),
    entropies=st.tuples(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10)),
)
def test_ids_of_different_milliseconds_sort_by_time(one, later, entropies):
    first, second = time_ordered_id(one, entropies[0]), time_ordered_id(one + later, entropies[1])

    assert first < second
    assert len(first) == len(second) == 32
    assert first.endswith(entropies[0].hex())
