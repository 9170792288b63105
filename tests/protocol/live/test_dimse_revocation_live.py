"""Cut off means within five seconds: idle, in the middle of a transfer, by time (RT6)."""

import threading
import time
from datetime import timedelta

import pytest

from raykeep.domain.access import Action
from raykeep.domain.ae_title import AETitle
from raykeep.domain.audit_event import Outcome
from raykeep.servers.dimse import sentinel
from raykeep.servers.dimse.listener import TLSMaterial
from raykeep.services.devices import renew_device
from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.commands import CEchoRQ
from raykeep.wire.dimse.exchange import fragment
from tests.builders import ct_instance
from tests.fakes.archive import OPERATOR
from tests.fakes.dimse_server import RunningServer, StartServer
from tests.fakes.pki import hospital_certificate, pki, sha256_of
from tests.fakes.scu import CT, VERIFICATION, Scu
from tests.fakes.waiting import until


def seconds_until_cut(server: RunningServer) -> float:
    begun = time.monotonic()
    while server.counted("associations_open"):
        assert time.monotonic() - begun < 10
        time.sleep(0.02)
    return time.monotonic() - begun


def test_a_revoked_device_is_cut_off_while_it_is_idle(server: RunningServer):
    scu = server.call("CT01")
    assert scu.echo().status == 0

    server.archive.revoke("CT01")

    assert seconds_until_cut(server) < 5
    assert scu.pump.next_event() is not None  # the abort
    assert scu.pump.next_event() is None
    scu.close()


def test_a_revoked_device_is_cut_off_in_the_middle_of_a_transfer(server: RunningServer):
    scu = server.call("CT01")
    built = ct_instance(rows=512, columns=512)
    pdus = list(
        fragment(scu.context_of(CT), encode_command(scu.store_rq(built)), [built.data_set], 4096)
    )
    cut = threading.Event()

    def trickle() -> None:
        try:
            for pdu in pdus:
                scu.stream.send(pdu, 5)
                if cut.wait(0.1):
                    return
        except OSError:
            return

    sending = threading.Thread(target=trickle)
    sending.start()
    time.sleep(0.5)
    server.archive.revoke("CT01")

    assert seconds_until_cut(server) < 5
    cut.set()
    sending.join()
    scu.close()
    (record,) = server.archive.records(action=Action.INSTANCE_STORE)
    assert record.outcome is Outcome.FAILED
    assert server.archive.stores.index.totals()["instances"] == 0


def test_others_go_on(server: RunningServer):
    server.enroll("CT02")
    cut, other = server.call("CT01"), server.call("CT02")

    server.archive.revoke("CT01")

    time.sleep(2.5)
    assert other.echo().status == 0
    assert server.counted("associations_open") == 1
    other.release()
    cut.close()


def test_a_renewed_device_comes_again_with_its_new_certificate(server: RunningServer):
    scu = server.call("CT01")

    renew_device(server.archive.enforcer, OPERATOR, AETitle("CT01"), None)

    assert seconds_until_cut(server) < 5
    scu.close()
    again = server.call("CT01")  # the certificate before is good until it ends
    assert again.is_accepted
    again.release()


def test_the_end_of_a_certificate_ends_its_associations(server: RunningServer):
    scu = server.call("CT01")

    server.archive.clock.ahead = timedelta(days=400)

    assert seconds_until_cut(server) < 5
    scu.close()


def test_the_end_of_an_exemption_ends_its_associations(start_server: StartServer):
    server = start_server()
    server.archive.enroll_plain("OLD01", days=3)
    scu = server.call_plain("OLD01")
    assert scu.is_accepted

    server.archive.clock.ahead = timedelta(days=4)

    assert seconds_until_cut(server) < 5
    scu.close()


def test_whoever_does_not_read_the_abort_is_cut_off_too(server: RunningServer):
    scu: Scu = server.call("CT01")
    # The server's way out is full: it waits in a send when the revocation comes.

    echo = CEchoRQ(message_id=1, affected_sop_class_uid=VERIFICATION)
    (pdu,) = fragment(scu.context_of(VERIFICATION), encode_command(echo), None, 16_384)
    many = b"".join(bytes(buffer) for buffer in pdu) * 10_000

    def flood() -> None:
        try:
            while True:
                scu.stream.send([many], 60)
        except OSError:
            return

    flooding = threading.Thread(target=flood)
    flooding.start()
    time.sleep(2)
    server.archive.revoke("CT01")

    assert seconds_until_cut(server) < 5
    scu.close()
    flooding.join()


def test_new_server_certificates_are_taken_up_without_a_restart(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
):

    monkeypatch.setattr(sentinel, "REFRESH_PERIOD", 0.5)
    before = server.call("CT01")
    server.material = TLSMaterial(pki().server_pairs[1:], pki().client_ca_pem)

    deadline = time.monotonic() + 6
    shown = ""
    while time.monotonic() < deadline:
        scu = server.call("CT01")
        shown = scu.stream.peer_certificate_sha256
        scu.release()
        if shown == _sha256(1):
            break
        time.sleep(0.2)

    assert shown == _sha256(1)
    assert before.echo().status == 0  # the association of before goes on
    before.release()


def test_certificates_that_cannot_be_used_leave_the_ones_before(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    rsa, p256 = pki().server_pairs
    mixed = type(rsa)(rsa.certificate_chain_pem, p256.private_key_pem)
    server.material = TLSMaterial((mixed,), pki().client_ca_pem)
    server.archive.enroll_own("MR01", hospital_certificate("MR01").certificate_pem)

    assert until(lambda: "certificates cannot be used" in caplog.text)
    assert server.call("CT01").is_accepted


def _sha256(number: int) -> str:

    return sha256_of(pki().servers[number])
