"""What every `Registry` promises, with the changes that fill it. Subclasses give `registry` and
`unit_of_work` over the same store."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest

from raykeep.domain.access import Role
from raykeep.domain.ae_title import AETitle
from raykeep.domain.changes import (
    AddDevice,
    AddFacility,
    AddInstance,
    AddToken,
    Change,
    ReplaceDevice,
    RevokeDevice,
    RevokeToken,
    TouchDevice,
    Unit,
)
from raykeep.domain.device import Device, DeviceRight, PlainExemption
from raykeep.domain.errors import AlreadyExists, ChangeRefused
from raykeep.domain.facility import Facility, FacilityName
from raykeep.domain.token import ApiToken
from tests.contracts.instances import MAIN, NOON, a_record, an_instance

LATER = NOON + timedelta(hours=1)
CT01 = Device(
    ae_title=AETitle("CT01"),
    facility=MAIN,
    rights=frozenset({DeviceRight.STORE, DeviceRight.FIND}),
    networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/64")),
    certificate_sha256=("ab" * 32, "cd" * 32),
    certificate_expires_at=NOON + timedelta(days=90),
    enrolled_at=NOON,
    own_certificates_pem=("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",),
)
OLD_US = Device(
    ae_title=AETitle("OLD US"),
    facility=MAIN,
    rights=frozenset({DeviceRight.STORE}),
    networks=(),
    certificate_sha256=(),
    certificate_expires_at=None,
    enrolled_at=NOON,
    exemption=PlainExemption(NOON + timedelta(days=30), "Ann O'Brien", "no TLS; replaced in May"),
)
UPLOAD = ApiToken(
    token_id="0123456789abcdef",
    name="upload from the trial's partner",
    role=Role.UPLOADER,
    facilities=frozenset({MAIN, FacilityName("north")}),
    secret_sha256="ef" * 32,
    networks=(ip_network("198.51.100.7/32"),),
    created_at=NOON,
    expires_at=NOON + timedelta(days=365),
)


class RegistryContract:
    """The promises."""

    @pytest.fixture
    def do(self, unit_of_work):
        def commit(*changes: Change) -> None:
            unit_of_work.commit(Unit((a_record(),), changes))

        return commit

    def test_nothing_is_known_at_first(self, registry) -> None:
        assert registry.device(AETitle("CT01")) is None
        assert registry.token("0123456789abcdef") is None
        assert registry.facility(MAIN) is None
        assert (registry.devices(), registry.tokens(), registry.facilities()) == ([], [], [])

    def test_what_is_added_comes_back_unchanged(self, registry, do) -> None:
        main, north = Facility(MAIN, "Main site", NOON), Facility(FacilityName("a"), "", LATER)
        newer = replace(UPLOAD, token_id="f" * 16, created_at=LATER, networks=())
        do(AddFacility(main), AddFacility(north))
        do(AddDevice(OLD_US), AddDevice(CT01))
        do(AddToken(UPLOAD), AddToken(newer))

        assert registry.devices() == [CT01, OLD_US]
        assert registry.device(AETitle("CT01")) == CT01
        assert registry.tokens() == [newer, UPLOAD]
        assert registry.token(UPLOAD.token_id) == UPLOAD
        assert registry.facilities() == [north, main]
        assert registry.facility(MAIN) == main

    def test_a_title_in_use_cannot_be_enrolled_again(self, registry, do) -> None:
        do(AddDevice(CT01))

        with pytest.raises(AlreadyExists, match="CT01"):
            do(AddDevice(replace(CT01, rights=frozenset())))

        assert registry.device(CT01.ae_title) == CT01

    def test_a_revoked_title_can_and_its_version_goes_on(self, registry, do) -> None:
        do(AddDevice(CT01))
        do(RevokeDevice(CT01.ae_title, LATER))
        do(AddDevice(replace(CT01, enrolled_at=LATER)))

        device = registry.device(CT01.ae_title)
        assert device == replace(CT01, enrolled_at=LATER, version=3)

    def test_revoking_marks_the_moment_and_moves_the_version(self, registry, do) -> None:
        do(AddDevice(CT01), AddToken(UPLOAD))
        do(RevokeDevice(CT01.ae_title, LATER), RevokeToken(UPLOAD.token_id, LATER))
        do(RevokeDevice(CT01.ae_title, LATER + timedelta(hours=1)))  # the first time counts

        assert registry.device(CT01.ae_title) == replace(CT01, revoked_at=LATER, version=2)
        assert registry.token(UPLOAD.token_id) == replace(UPLOAD, revoked_at=LATER, version=2)

    def test_a_device_is_replaced_only_by_its_next_version(self, registry, do) -> None:
        do(AddDevice(CT01))
        second = replace(CT01, networks=(), version=2)
        do(ReplaceDevice(second))

        with pytest.raises(ChangeRefused, match="CT01"):
            do(ReplaceDevice(replace(CT01, version=2)))  # somebody else was first
        with pytest.raises(ChangeRefused):
            do(ReplaceDevice(replace(second, ae_title=AETitle("NOBODY"), version=3)))

        assert registry.devices() == [second]

    def test_touching_keeps_the_latest_moment_and_moves_nothing_else(self, registry, do) -> None:
        do(AddDevice(CT01))
        before = registry.generation()
        do(TouchDevice(CT01.ae_title, LATER))
        do(TouchDevice(CT01.ae_title, NOON))

        assert registry.device(CT01.ae_title) == replace(CT01, last_seen_at=LATER)
        assert registry.generation() == before

    @pytest.mark.parametrize(
        "change",
        [
            RevokeDevice(AETitle("NOBODY"), NOON),
            TouchDevice(AETitle("NOBODY"), NOON),
            RevokeToken("0" * 16, NOON),
        ],
        ids=lambda change: type(change).__name__,
    )
    def test_what_is_not_there_cannot_be_changed(self, do, change: Change) -> None:
        with pytest.raises(ChangeRefused):
            do(change)

    def test_a_token_id_is_taken_once(self, registry, do) -> None:
        do(AddToken(UPLOAD))

        with pytest.raises(AlreadyExists, match=UPLOAD.token_id):
            do(AddToken(replace(UPLOAD, name="another")))

        assert registry.tokens() == [UPLOAD]

    def test_the_generation_moves_with_each_change_and_only_then(self, registry, do) -> None:
        seen = [registry.generation()]
        for changes in (
            [AddFacility(Facility(MAIN, "Main", NOON))],
            [AddDevice(CT01)],
            [ReplaceDevice(replace(CT01, version=2))],
            [RevokeDevice(CT01.ae_title, NOON)],
            [AddToken(UPLOAD)],
            [RevokeToken(UPLOAD.token_id, NOON)],
        ):
            do(*changes)
            seen.append(registry.generation())
        assert seen == sorted(set(seen))

        with pytest.raises(AlreadyExists):
            do(AddFacility(Facility(MAIN, "Again", NOON)))
        do(AddInstance(an_instance()))
        assert registry.generation() == seen[-1]
