"""Devices: enrolled, renewed, revoked, and each time on the trail."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from raykeep.crypto.certificates import parse_peer
from raykeep.domain.access import Action, Role
from raykeep.domain.ae_title import AETitle
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.changes import AddDevice, ReplaceDevice
from raykeep.domain.device import DeviceRight, PlainExemption
from raykeep.domain.errors import (
    AccessDenied,
    AlreadyExists,
    ChangeRefused,
    DeviceNotFound,
    FacilityNotFound,
    InvalidInput,
)
from raykeep.domain.facility import FacilityName
from raykeep.services.devices import (
    CERTIFICATE_DAYS,
    MAX_EXEMPTION_DAYS,
    Enrolment,
    enroll_device,
    list_devices,
    renew_device,
    revoke_device,
    show_device,
)
from tests.fakes.archive import FACILITY, OPERATOR
from tests.fakes.pki import hospital_certificate
from tests.services.stored import actor

LOOPBACK = (ip_network("127.0.0.0/8"),)
STORE = frozenset({DeviceRight.STORE})
ADMINISTRATOR = actor(Role.ADMINISTRATOR)


def wish(title, **changes):
    return replace(Enrolment(AETitle(title), FACILITY, STORE), **changes)


def enroll(archive, title, who=OPERATOR, **changes):
    return enroll_device(archive.enforcer, who, wish(title, **changes), archive.clock)


def renew(archive, title, csr_pem=None):
    return renew_device(archive.enforcer, OPERATOR, AETitle(title), csr_pem)


def kept(archive, title):
    return archive.stores.registry.device(AETitle(title))


def last(archive):
    return archive.records()[-1]


def leave(archive, days=30.0, owner="radiology", reason="too old for TLS"):
    return PlainExemption(archive.clock.now() + timedelta(days=days), owner, reason)


def request(common_name="device"):
    """A key, and a request for a certificate over it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    return key, csr.public_bytes(Encoding.PEM).decode()


def public(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# --- enrolling ---------------------------------------------------------------------------------


def test_a_device_gets_a_certificate_for_its_title_and_a_key(shared):
    enrolled = enroll(shared, "CT01", networks=LOOPBACK)

    certificate = enrolled.certificate
    peer = parse_peer(
        x509.load_pem_x509_certificate(certificate.certificate_pem.encode()).public_bytes(
            Encoding.DER
        )
    )
    assert peer.ae_titles == (AETitle("CT01"),)
    assert certificate.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert enrolled.ca_pem.startswith("-----BEGIN CERTIFICATE-----")
    assert kept(shared, "CT01") == enrolled.device
    assert enrolled.device.certificate_sha256 == (peer.sha256,)
    assert enrolled.device.certificate_expires_at == certificate.not_after
    days = (certificate.not_after - shared.clock.now()).days
    assert days in {CERTIFICATE_DAYS - 1, CERTIFICATE_DAYS}


def test_an_enrolment_is_on_the_trail_without_a_key(shared):
    enrolled = enroll(shared, "CT02", networks=LOOPBACK, rights=frozenset(DeviceRight))

    record = last(shared)
    assert (record.action, record.outcome) == (Action.DEVICE_ENROLL, Outcome.SUCCESS)
    assert (record.event, record.facility) == (EventID.NETWORK_ENTRY, FACILITY)
    assert record.details == {
        "device": "CT02",
        "rights": "commit echo find get move mpps store worklist",
        "networks": "127.0.0.0/8",
        "certificates": enrolled.certificate.sha256,
        "version": 1,
    }


def test_a_device_that_brings_a_request_keeps_its_key_to_itself(shared):
    key, csr_pem = request()

    enrolled = enroll(shared, "CT03", csr_pem=csr_pem)

    issued = x509.load_pem_x509_certificate(enrolled.certificate.certificate_pem.encode())
    assert enrolled.certificate.private_key_pem is None
    assert public(issued.public_key()) == public(key.public_key())


def test_a_certificate_of_the_hospitals_own_is_kept_and_none_is_issued(shared):
    own = hospital_certificate("CT04").certificate_pem

    enrolled = enroll(shared, "CT04", certificate_pem=own)

    assert enrolled.certificate is None
    assert enrolled.device.own_certificates_pem == (own,)
    assert len(enrolled.device.certificate_sha256) == 1
    assert kept(shared, "CT04") == enrolled.device


def test_a_certificate_that_an_archive_issued_for_another_title_is_refused(shared):
    theirs = enroll(shared, "CT07").certificate.certificate_pem

    with pytest.raises(InvalidInput, match="was issued for AE title 'CT07'"):
        enroll(shared, "CT08", certificate_pem=theirs)
    assert kept(shared, "CT08") is None


def test_leave_to_speak_without_tls_is_kept_and_told_on_the_trail(shared):
    exemption = leave(shared, days=MAX_EXEMPTION_DAYS - 0.1)

    enrolled = enroll(shared, "CT05", exemption=exemption, networks=LOOPBACK)

    assert enrolled.certificate is None
    assert enrolled.device.certificate_sha256 == ()
    assert kept(shared, "CT05").exemption == exemption
    told = last(shared).details
    assert told["plain_until"] == exemption.until.isoformat()
    assert (told["plain_owner"], told["plain_reason"]) == ("radiology", "too old for TLS")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rights": frozenset()}, "no right at all"),
        ({"csr_pem": "x", "certificate_pem": "y"}, "exclude one another"),
        ({"csr_pem": "not a request"}, "not a certificate request"),
        ({"certificate_pem": "not a certificate"}, "not a certificate"),
    ],
)
def test_wishes_that_contradict_or_are_too_weak_are_refused(shared, changes, why):
    with pytest.raises(InvalidInput, match=why):
        enroll(shared, "NEVER", **changes)

    assert kept(shared, "NEVER") is None


def test_a_certificate_that_has_ended_is_refused(shared):
    own = hospital_certificate("CT06", days=0).certificate_pem

    with pytest.raises(InvalidInput, match="is valid until"):
        enroll(shared, "NEVER", certificate_pem=own)

    assert (last(shared).outcome, last(shared).reason) == (Outcome.FAILED, "InvalidInput")


@pytest.mark.parametrize(
    ("changes", "networks", "why"),
    [
        ({}, (), "must have an address"),
        ({"days": 0}, LOOPBACK, "ends after today"),
        ({"days": -1}, LOOPBACK, "ends after today"),
        ({"days": MAX_EXEMPTION_DAYS + 1}, LOOPBACK, "ends after today"),
        ({"owner": " "}, LOOPBACK, "needs an owner and a reason"),
        ({"reason": ""}, LOOPBACK, "needs an owner and a reason"),
    ],
)
def test_leave_to_speak_without_tls_needs_address_owner_reason_and_an_end(
    shared, changes, networks, why
):
    with pytest.raises(InvalidInput, match=why):
        enroll(shared, "NEVER", exemption=leave(shared, **changes), networks=networks)

    assert kept(shared, "NEVER") is None


def test_leave_to_speak_without_tls_goes_with_no_certificate(shared):
    own = hospital_certificate("CT07").certificate_pem

    with pytest.raises(InvalidInput, match="exclude one another"):
        enroll(
            shared,
            "NEVER",
            exemption=leave(shared),
            networks=LOOPBACK,
            certificate_pem=own,
        )


def test_an_unknown_facility_takes_no_device(shared):
    with pytest.raises(FacilityNotFound, match="raykeep facility add"):
        enroll(shared, "NEVER", facility=FacilityName("nowhere"))

    assert kept(shared, "NEVER") is None
    assert last(shared).outcome is Outcome.FAILED


def test_a_title_is_given_once(shared):
    first = enroll(shared, "CT08").device

    with pytest.raises(AlreadyExists, match="Revoke it first"):
        enroll(shared, "CT08", rights=frozenset(DeviceRight))

    assert kept(shared, "CT08") == first


def test_of_two_who_take_a_title_at_once_one_gets_it(shared, monkeypatch):
    real = shared.stores.unit_of_work.commit

    def overtaken(unit):
        if any(isinstance(change, AddDevice) for change in unit.changes):
            monkeypatch.setattr(shared.stores.unit_of_work, "commit", real)
            enroll(shared, "CT09", networks=LOOPBACK)
        real(unit)

    monkeypatch.setattr(shared.stores.unit_of_work, "commit", overtaken)
    with pytest.raises(AlreadyExists):
        enroll(shared, "CT09")

    assert kept(shared, "CT09").networks == LOOPBACK


def test_a_title_that_is_enrolled_anew_has_nothing_of_the_old(shared):
    enroll(shared, "CT10", networks=LOOPBACK)
    revoke_device(shared.enforcer, OPERATOR, AETitle("CT10"), shared.clock)
    old = kept(shared, "CT10")

    new = enroll(shared, "CT10", rights=frozenset({DeviceRight.ECHO})).device

    assert kept(shared, "CT10") == new
    assert new.version == old.version + 1
    assert new.revoked_at is None
    assert (new.networks, new.rights) == ((), {DeviceRight.ECHO})
    assert set(new.certificate_sha256).isdisjoint(old.certificate_sha256)


@pytest.mark.parametrize("role", [Role.RADIOLOGIST, Role.SECURITY_OFFICER, Role.AUDITOR])
def test_who_may_not_enrol_is_denied_before_anything_is_issued(shared, role):
    with pytest.raises(AccessDenied):
        enroll(shared, "NEVER", who=actor(role))

    assert kept(shared, "NEVER") is None
    assert (last(shared).action, last(shared).outcome) == (Action.DEVICE_ENROLL, Outcome.DENIED)


def test_an_administrator_enrols_over_the_network(shared):
    assert enroll(shared, "CT11", who=ADMINISTRATOR).device.ae_title == AETitle("CT11")


# --- renewing ----------------------------------------------------------------------------------


def test_after_a_renewal_the_certificate_before_is_still_good(shared):
    first = enroll(shared, "MR01").device
    second = renew(shared, "MR01")

    assert second.certificate.private_key_pem is not None
    assert kept(shared, "MR01") == second.device
    assert second.device.certificate_sha256 == (
        first.certificate_sha256[0],
        second.certificate.sha256,
    )
    assert second.device.version == first.version + 1
    assert last(shared).action is Action.DEVICE_RENEW


def test_after_a_second_renewal_the_first_certificate_is_good_no_more(shared):
    first = enroll(shared, "MR02").device
    renew(shared, "MR02")
    third = renew(shared, "MR02")

    assert len(third.device.certificate_sha256) == 2
    assert first.certificate_sha256[0] not in third.device.certificate_sha256


def test_a_renewal_takes_a_request_too(shared):
    enroll(shared, "MR03")
    key, csr_pem = request()

    renewed = renew(shared, "MR03", csr_pem)

    issued = x509.load_pem_x509_certificate(renewed.certificate.certificate_pem.encode())
    assert renewed.certificate.private_key_pem is None
    assert public(issued.public_key()) == public(key.public_key())


def test_what_the_archive_did_not_issue_it_does_not_renew(shared):
    enroll(shared, "MR04", certificate_pem=hospital_certificate("MR04").certificate_pem)
    enroll(shared, "MR05", exemption=leave(shared), networks=LOOPBACK)

    for title in ("MR04", "MR05"):
        with pytest.raises(InvalidInput, match="no certificate of this archive"):
            renew(shared, title)


def test_of_two_who_renew_at_once_one_is_told_to_look_again(shared, monkeypatch):
    enroll(shared, "MR06")
    real = shared.stores.unit_of_work.commit

    def overtaken(unit):
        if any(isinstance(change, ReplaceDevice) for change in unit.changes):
            monkeypatch.setattr(shared.stores.unit_of_work, "commit", real)
            renew(shared, "MR06")
        real(unit)

    monkeypatch.setattr(shared.stores.unit_of_work, "commit", overtaken)
    with pytest.raises(ChangeRefused):
        renew(shared, "MR06")

    assert kept(shared, "MR06").version == 2


def test_who_is_unknown_or_revoked_is_neither_renewed_nor_revoked(shared):
    enroll(shared, "MR07")
    revoke_device(shared.enforcer, OPERATOR, AETitle("MR07"), shared.clock)

    for title, why in (("NEVER", "no device 'NEVER'"), ("MR07", "is revoked already")):
        with pytest.raises(DeviceNotFound, match=why):
            renew(shared, title)
        with pytest.raises(DeviceNotFound, match=why):
            revoke_device(shared.enforcer, OPERATOR, AETitle(title), shared.clock)


# --- revoking, listing, showing ----------------------------------------------------------------


def test_a_revoked_device_stays_known_with_the_time_of_its_end(shared):
    enroll(shared, "US01")

    revoke_device(shared.enforcer, OPERATOR, AETitle("US01"), shared.clock)

    assert kept(shared, "US01").revoked_at is not None
    assert (last(shared).action, last(shared).facility) == (Action.DEVICE_REVOKE, FACILITY)
    assert last(shared).details == {"device": "US01"}
    shown = show_device(shared.enforcer, OPERATOR, AETitle("US01"))
    assert shown.revoked_at is not None


def test_all_devices_are_listed_by_title_and_the_look_is_recorded(shared):
    enroll(shared, "US03")
    enroll(shared, "US02")

    devices = list_devices(shared.enforcer, OPERATOR)

    titles = [device.ae_title.value for device in devices]
    assert titles == sorted(titles)
    assert {"US02", "US03"} <= set(titles)
    assert (last(shared).action, last(shared).count) == (Action.DEVICE_READ, len(devices))


def test_a_device_that_is_not_there_cannot_be_shown(shared):
    with pytest.raises(DeviceNotFound, match="raykeep device list"):
        show_device(shared.enforcer, OPERATOR, AETitle("NEVER"))
