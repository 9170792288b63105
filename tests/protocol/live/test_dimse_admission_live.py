"""Who is let in, over real TLS: certificate, titles and address must belong together."""

import socket
import ssl
import time
from datetime import timedelta
from ipaddress import ip_network

import pytest

from raykeep.crypto.issuing import CertifiedKey
from raykeep.domain.access import Action
from raykeep.domain.audit_event import AuditRecord, Outcome
from raykeep.domain.device import DeviceRight
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import ConnectionLost
from raykeep.wire.upperlayer.items import UserIdentity
from tests.fakes.dimse_server import RunningServer, StartServer, tls_for
from tests.fakes.pki import hospital_certificate, pki
from tests.fakes.scu import CT, STUDY_ROOT_FIND, VERIFICATION, associate_rq, associated
from tests.fakes.waiting import until

ALWAYS = (1, 1, 3)  # permanent, service user, calling AE title not recognized


def gets_no_answer(server: RunningServer, **how: object) -> bool:
    """Whether TLS ends before DICOM begins; in TLS 1.3 a client learns that with its first read."""
    try:
        return isinstance(server.call("CT01", **how).outcome, ConnectionLost)
    except OSError:
        return True


def denial(server: RunningServer) -> AuditRecord:
    """The record of the one who was turned away: it may come after the peer was told."""
    assert until(lambda: server.archive.records(outcome=Outcome.DENIED))
    (record,) = server.archive.records(outcome=Outcome.DENIED)
    return record


def test_an_enrolled_device_comes_in_and_its_coming_is_recorded(server: RunningServer):
    scu = server.call("CT01")

    assert scu.is_accepted
    scu.release()
    (record,) = server.archive.records(action=Action.ASSOCIATION_OPEN)
    assert (record.outcome, record.actor) == (Outcome.SUCCESS, "CT01")
    assert record.details["tls"] == 1
    assert record.details["implementation"] == "1.2.3.4 TESTER"


def test_the_same_answer_is_given_whatever_does_not_fit(start_server: StartServer):
    server = start_server()
    server.enroll("CT01")
    server.enroll("AWAY", networks=(ip_network("203.0.113.0/24"),))
    other = server.enroll("CT02")
    server.enroll("GONE")
    server.archive.revoke("GONE")

    answers = {
        "stolen title": server.call("CT01", key=other).rejection,
        "unknown calling title": server.call("NOBODY", key=other).rejection,
        "unknown called title": server.call("CT01", called="OTHERPACS").rejection,
        "address": server.call("AWAY").rejection,
        "revoked": server.call("GONE").rejection,
    }

    assert set(answers.values()) == {ALWAYS}, answers


def test_the_trail_says_what_the_peer_is_not_told(server: RunningServer):
    server.call("CT01", key=pki().device("CT01"))

    record = server.archive.records(outcome=Outcome.DENIED)[-1]
    assert record.reason == "the certificate is not the device's"
    assert (record.actor, record.address) == ("'CT01'", "127.0.0.1")


def test_a_client_without_a_certificate_reaches_no_dimse(server: RunningServer):
    assert gets_no_answer(server, context=tls_for(None))

    record = denial(server)
    assert "peer did not return a certificate" in record.reason


def test_a_certificate_of_another_authority_reaches_no_dimse(server: RunningServer):
    assert gets_no_answer(server, key=pki("other").device("CT01"))

    record = denial(server)
    assert "certificate verify failed" in record.reason


def test_speaking_without_tls_to_the_tls_port_gets_no_answer_of_dicom(server: RunningServer):
    with socket.create_connection(server.address, 5) as raw:
        raw.sendall(encode(associate_rq("CT01")))
        raw.settimeout(5)
        answer = raw.recv(1000)

    assert not answer or answer[0] == 0x15  # a TLS alert
    record = denial(server)
    assert "TLS handshake failed" in record.reason


def test_a_flood_of_strangers_is_one_record(server: RunningServer):
    for _ in range(5):
        assert server.call("NOBODY", key=pki().device("NOBODY")).rejection == ALWAYS

    assert len(server.archive.records(outcome=Outcome.DENIED)) == 1


def test_a_hospitals_own_certificate_is_trusted_once_it_is_enrolled(server: RunningServer):
    own = hospital_certificate("MR01")
    assert gets_no_answer(server, key=own)

    server.archive.enroll_own("MR01", own.certificate_pem)

    assert _until_accepted(server, own)
    # and ours are as good as before
    with associated(server.address, associate_rq("CT01"), tls_for(server.keys["CT01"])) as scu:
        assert scu.is_accepted


def _until_accepted(server: RunningServer, own: CertifiedKey) -> bool:
    for _ in range(50):
        try:
            scu = server.call("MR01", key=own)
        except OSError:
            scu = None
        if scu is not None and scu.is_accepted:
            scu.release()
            return True
        time.sleep(0.1)
    return False


def test_an_expired_registration_is_refused(server: RunningServer):
    server.archive.clock.ahead = timedelta(days=400)

    assert server.call("CT01").rejection == ALWAYS


def test_a_device_gets_only_the_contexts_that_it_has_rights_to(start_server: StartServer):
    server = start_server()
    server.enroll("MODALITY", DeviceRight.STORE, DeviceRight.ECHO)

    scu = server.call("MODALITY")

    assert scu.result_of(CT) == 0
    assert scu.result_of(VERIFICATION) == 0
    assert scu.result_of(STUDY_ROOT_FIND) == 1
    scu.release()
    (record,) = server.archive.records(outcome=Outcome.DENIED)
    assert (record.action, record.actor) == (Action.STUDY_SEARCH, "MODALITY")


def test_a_user_identity_is_read_and_not_answered(server: RunningServer):
    identity = UserIdentity(2, True, b"alice", b"secret")  # noqa: FBT003 - a field of the item

    scu = server.call("CT01", user_identity=identity)

    assert scu.is_accepted
    assert scu.outcome.answer.user_information.user_identity_response is None
    scu.release()
    (record,) = server.archive.records(action=Action.ASSOCIATION_OPEN)
    assert record.details["user_identity_offered"] == 1
    assert "alice" not in repr(record)


def test_a_plain_device_needs_its_exemption(start_server: StartServer):
    server = start_server()
    server.enroll("CT01")
    server.archive.enroll_plain("OLD01")

    assert server.call_plain("CT01").rejection == ALWAYS
    scu = server.call_plain("OLD01")
    assert scu.is_accepted
    scu.release()
    record = server.archive.records(action=Action.ASSOCIATION_OPEN)[-1]
    assert (record.actor, record.details["tls"]) == ("OLD01", 0)


def test_an_exemption_ends(start_server: StartServer):
    server = start_server()
    server.archive.enroll_plain("OLD01", days=3)
    server.archive.clock.ahead = timedelta(days=4)

    assert server.call_plain("OLD01").rejection == ALWAYS


def test_a_device_with_leave_to_speak_plainly_does_not_come_in_by_tls(server: RunningServer):
    server.archive.enroll_plain("OLD01")

    assert server.call("OLD01", key=pki().device("OLD01")).rejection == ALWAYS


def test_each_device_has_its_number_of_associations(start_server: StartServer):
    server = start_server(max_associations_per_device=2)
    server.enroll("CT01")
    server.enroll("CT02")
    first, second = server.call("CT01"), server.call("CT01")

    assert server.call("CT01").rejection == (2, 3, 2)
    with associated(server.address, associate_rq("CT02"), tls_for(server.keys["CT02"])) as other:
        assert other.is_accepted
    first.release()
    second.release()


def test_there_is_a_number_of_associations_in_all(start_server: StartServer):
    server = start_server(max_associations=1)
    server.enroll("CT01")
    server.enroll("CT02")
    first = server.call("CT01")

    assert server.call("CT02").rejection == (2, 3, 2)
    first.release()


def test_whoever_keeps_trying_titles_is_answered_slowly(start_server: StartServer):
    server = start_server()
    key = server.enroll("CT01")
    for number in range(10):
        assert server.call(f"GUESS{number}", key=key).rejection == ALWAYS
    begun = time.monotonic()

    assert server.call("GUESS11", key=key).rejection == ALWAYS

    assert 0.9 < time.monotonic() - begun < 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_are_served(server: RunningServer, version: ssl.TLSVersion):
    context = tls_for(server.keys["CT01"])
    context.maximum_version = version

    scu = server.call("CT01", context=context)

    assert scu.stream.version == version.name.replace("TLSv1_", "TLSv1.")
    scu.release()
