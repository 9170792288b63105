"""Who is let in as a device: certificate, title and address belong together, or nobody is."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from itertools import count

import pytest

from raykeep.bootstrap.system import SystemEntropy
from raykeep.domain.access import Action, ActorKind, Door, Role, Rules
from raykeep.domain.ae_title import AETitle
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.device import DeviceRight
from raykeep.domain.errors import AccessDenied, AssociationRefused, StorageUnavailable
from raykeep.enforcement.door import Enforcer
from raykeep.policy.builtin import BUILTIN_RULES
from raykeep.services.authentication import (
    PresentedDevice,
    admit_device,
    still_admitted,
)
from raykeep.services.devices import renew_device
from raykeep.services.negotiation import refuse_service
from raykeep.services.verification import echo
from tests.fakes.archive import OPERATOR
from tests.fakes.pki import hospital_certificate

OURS = AETitle("RAYKEEP")
HERE = ip_address("10.1.2.3")

_numbers = count(1)


@pytest.fixture
def fresh(shared, monkeypatch):
    """The shared archive an hour later than the test before, so that no refusal is only counted."""
    later = 3600.0 * next(_numbers)
    monkeypatch.setattr(shared.clock, "monotonic", lambda: later)
    shared.enforcer.identities.poll()
    return shared


def presented(device, **changes):
    given = PresentedDevice(
        called="RAYKEEP         ",
        calling=device.ae_title.value.ljust(16),
        certificate_sha256=device.certificate_sha256[-1] if device.certificate_sha256 else None,
        address=HERE,
        tls=bool(device.certificate_sha256),
    )
    return replace(given, **changes)


def admit(archive, shown):
    return admit_device(archive.enforcer, shown, our_title=OURS, clock=archive.clock)


def last(archive):
    return archive.records()[-1]


def is_still(archive, admitted, after=timedelta()):
    archive.enforcer.identities.poll()
    return still_admitted(archive.enforcer, admitted, archive.clock.now() + after)


# --- let in ------------------------------------------------------------------------------------


def test_a_device_is_let_in_as_what_it_was_enrolled_for(fresh):
    device, _ = fresh.enroll("CT01", DeviceRight.STORE, DeviceRight.ECHO)
    shown = presented(device, user_identity_offered=True, implementation="1.2.3 SCANNER_9")

    admitted = admit(fresh, shown)

    actor = admitted.actor
    assert (actor.kind, actor.name, actor.version) == (ActorKind.DEVICE, "CT01", device.version)
    assert actor.roles == {Role.DEVICE_STORE, Role.DEVICE_ECHO}
    assert actor.facilities == {device.facility}
    assert (actor.origin.door, actor.origin.address) == (Door.DIMSE, HERE)
    assert (admitted.device, admitted.presented) == (device, shown)
    record = last(fresh)
    assert (record.action, record.outcome) == (Action.ASSOCIATION_OPEN, Outcome.SUCCESS)
    assert (record.event, record.facility) == (EventID.USER_AUTHENTICATION, device.facility)
    assert record.details == {
        "tls": 1,
        "certificate_sha256": device.certificate_sha256[0],
        "user_identity_offered": 1,
        "implementation": "1.2.3 SCANNER_9",
    }


def test_when_a_device_was_last_seen_is_kept_and_makes_nothing_old(fresh):
    device, _ = fresh.enroll("CT02")

    admitted = admit(fresh, presented(device))

    kept = fresh.stores.registry.device(device.ae_title)
    assert kept.last_seen_at is not None
    assert kept.version == device.version
    assert is_still(fresh, admitted)


def test_what_a_device_calls_itself_is_cut_on_the_trail(fresh):
    device, _ = fresh.enroll("CT03")

    admit(fresh, presented(device, implementation="x" * 500))

    assert last(fresh).details["implementation"] == "x" * 80


def test_after_a_renewal_the_old_and_the_new_certificate_let_it_in(fresh):
    old, _ = fresh.enroll("CT04")
    new = renew_device(fresh.enforcer, OPERATOR, old.ae_title, None).device
    fresh.enforcer.identities.poll()

    for sha256 in new.certificate_sha256:
        assert admit(fresh, presented(old, certificate_sha256=sha256)).device == new


def test_a_hospitals_own_certificate_lets_its_device_in(fresh):
    device = fresh.enroll_own("CT05", hospital_certificate("CT05").certificate_pem)

    assert admit(fresh, presented(device)).actor.name == "CT05"


def test_a_device_with_leave_is_let_in_without_tls(fresh):
    device = fresh.enroll_plain("CT06")

    admitted = admit(fresh, presented(device, address=ip_address("127.0.0.1")))

    assert admitted.actor.name == "CT06"
    assert (last(fresh).details["tls"], last(fresh).details["certificate_sha256"]) == (0, "")


# --- turned away -------------------------------------------------------------------------------


FAULTS = {
    "an AE title breaks the rules": {"calling": "CT\\07"},
    "unknown calling AE title": {"calling": "NOBODY"},
    "unknown called AE title": {"called": "ANY-SCP"},
    "the address is not one of the device's": {"address": ip_address("192.0.2.1")},
    "the certificate is not the device's": {"certificate_sha256": "0" * 64},
    "the device has no leave to speak without TLS": {"tls": False},
}


@pytest.fixture
def networked(fresh):
    found = fresh.stores.registry.device(AETitle("CT07"))
    return found or fresh.enroll("CT07", networks=(ip_network("10.0.0.0/8"),))[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_does_not_fit_is_refused_alike_and_the_trail_says_what(fresh, networked, fault):
    with pytest.raises(AssociationRefused) as refused:
        admit(fresh, presented(networked, **FAULTS[fault]))

    error = refused.value
    assert (error.result, error.source, error.diagnostic) == (1, 1, 3)
    record = last(fresh)
    assert (record.action, record.outcome) == (Action.SESSION_CREATE, Outcome.DENIED)
    assert record.reason == fault
    assert record.actor_kind is ActorKind.ANONYMOUS
    assert fresh.stores.registry.device(networked.ae_title).last_seen_at is None


def test_a_called_title_that_breaks_the_rules_is_refused(fresh, networked):
    with pytest.raises(AssociationRefused, match="an AE title breaks the rules"):
        admit(fresh, presented(networked, called=" " * 16))


@pytest.mark.parametrize("sha256", [None, ""])
def test_nobody_comes_in_over_tls_without_a_certificate(fresh, networked, sha256):
    with pytest.raises(AssociationRefused, match="the certificate is not the device's"):
        admit(fresh, presented(networked, certificate_sha256=sha256))


def test_a_device_with_leave_alone_does_not_come_in_over_tls(fresh):
    device = fresh.enroll_plain("CT08")

    with pytest.raises(AssociationRefused, match="the certificate is not the device's"):
        admit(fresh, presented(device, tls=True, address=ip_address("127.0.0.1")))


def test_another_devices_certificate_is_not_good_for_a_title(fresh):
    one, _ = fresh.enroll("CT09")
    other, _ = fresh.enroll("CT10")

    with pytest.raises(AssociationRefused, match="the certificate is not the device's"):
        admit(fresh, presented(one, certificate_sha256=other.certificate_sha256[0]))


def test_a_revoked_device_is_refused(fresh):
    device, _ = fresh.enroll("CT11")
    fresh.revoke("CT11")
    fresh.enforcer.identities.poll()

    with pytest.raises(AssociationRefused, match="the device is revoked"):
        admit(fresh, presented(device))


def test_a_device_whose_certificate_has_ended_is_refused(archive):
    device, _ = archive.enroll("CT12")
    archive.clock.ahead = timedelta(days=366)

    with pytest.raises(AssociationRefused, match="certificate has expired"):
        admit(archive, presented(device))


def test_leave_to_speak_without_tls_ends_on_its_day(archive):
    device = archive.enroll_plain("CT13", days=10)
    shown = presented(device, address=ip_address("127.0.0.1"))

    admit(archive, shown)
    archive.clock.ahead = timedelta(days=10)
    with pytest.raises(AssociationRefused, match="leave to speak without TLS has ended"):
        admit(archive, shown)


def test_what_a_stranger_calls_itself_does_no_harm_on_the_trail(fresh):
    device, _ = fresh.enroll("CT14")

    with pytest.raises(AssociationRefused):
        admit(fresh, presented(device, calling="\x1b[2J" + "A" * 40))

    assert last(fresh).actor == "'\\x1b[2JAAAAAAAAA…'"


def test_where_no_rule_lets_devices_associate_none_is_let_in(fresh):
    device, _ = fresh.enroll("CT15")
    rules = Rules(tuple(r for r in BUILTIN_RULES.rules if r.name != "devices associate"))
    strict = Enforcer(rules, fresh.stores, fresh.clock, SystemEntropy(), "strict-0")

    with pytest.raises(AssociationRefused, match="no rule permits association:open"):
        admit_device(strict, presented(device), our_title=OURS, clock=fresh.clock)

    assert (last(fresh).action, last(fresh).outcome) == (Action.ASSOCIATION_OPEN, Outcome.DENIED)


def test_nobody_is_let_in_without_a_record_of_it(fresh, monkeypatch):
    device, _ = fresh.enroll("CT16")

    def broken(_):
        raise StorageUnavailable("the trail cannot be written")

    monkeypatch.setattr(fresh.stores.unit_of_work, "commit", broken)
    with pytest.raises(StorageUnavailable):
        admit(fresh, presented(device))


# --- still in ----------------------------------------------------------------------------------


def test_an_association_goes_on_until_the_device_is_revoked(fresh):
    device, _ = fresh.enroll("MR01")
    admitted = admit(fresh, presented(device))
    assert is_still(fresh, admitted)

    fresh.revoke("MR01")

    assert not is_still(fresh, admitted)


def test_an_association_ends_when_its_device_is_renewed_or_enrolled_anew(fresh):
    device, _ = fresh.enroll("MR02")
    admitted = admit(fresh, presented(device))

    renew_device(fresh.enforcer, OPERATOR, device.ae_title, None)
    assert not is_still(fresh, admitted)

    fresh.revoke("MR02")
    fresh.enroll("MR02")
    assert not is_still(fresh, admitted)


def test_an_association_ends_with_its_certificate(fresh):
    device, _ = fresh.enroll("MR03")
    admitted = admit(fresh, presented(device))

    assert is_still(fresh, admitted, after=timedelta(days=364))
    assert not is_still(fresh, admitted, after=timedelta(days=366))


def test_a_plain_association_ends_with_its_leave(fresh):
    device = fresh.enroll_plain("MR04", days=10)
    admitted = admit(fresh, presented(device, address=ip_address("127.0.0.1")))

    assert is_still(fresh, admitted, after=timedelta(days=9))
    assert not is_still(fresh, admitted, after=timedelta(days=10))


def test_an_association_of_a_device_that_is_gone_ends(fresh, monkeypatch):
    device, _ = fresh.enroll("MR05")
    admitted = admit(fresh, presented(device))

    monkeypatch.setattr(fresh.enforcer.identities, "device", lambda _: None)

    assert not still_admitted(fresh.enforcer, admitted, fresh.clock.now())


# --- what it then may --------------------------------------------------------------------------


def test_an_echo_is_answered_and_recorded_where_the_right_is_there(fresh):
    may, _ = fresh.enroll("US01", DeviceRight.ECHO)
    may_not, _ = fresh.enroll("US02", DeviceRight.STORE)

    echo(fresh.enforcer, admit(fresh, presented(may)).actor)
    assert (last(fresh).action, last(fresh).outcome) == (Action.ASSOCIATION_ECHO, Outcome.SUCCESS)
    with pytest.raises(AccessDenied):
        echo(fresh.enforcer, admit(fresh, presented(may_not)).actor)
    assert (last(fresh).actor, last(fresh).outcome) == ("US02", Outcome.DENIED)


def test_a_service_that_is_proposed_without_the_right_is_recorded_as_denied(fresh):
    device, _ = fresh.enroll("US03", DeviceRight.STORE)
    actor = admit(fresh, presented(device)).actor

    refuse_service(fresh.enforcer, actor, Action.STUDY_SEARCH)

    record = last(fresh)
    assert (record.action, record.outcome) == (Action.STUDY_SEARCH, Outcome.DENIED)
    assert record.reason.startswith("no rule permits study:search")


def test_a_service_that_a_colleague_may_use_is_denied_in_the_devices_own_name(fresh):
    # The policy would permit: retrieving is one action, whether by C-GET or by C-MOVE.
    device, _ = fresh.enroll("US04", DeviceRight.MOVE)
    actor = admit(fresh, presented(device)).actor

    refuse_service(fresh.enforcer, actor, Action.STUDY_READ)

    record = last(fresh)
    assert (record.actor, record.outcome) == ("US04", Outcome.DENIED)
    assert record.reason == "the service was proposed and is not one of the device's rights"
