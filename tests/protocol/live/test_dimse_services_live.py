"""C-ECHO, C-STORE and C-FIND over a real association, through the door, into the stores."""

import time

import pytest
from pydicom.dataset import Dataset

from raykeep.domain.access import Action, Actor, ActorKind, Door, Origin, Role
from raykeep.domain.audit_event import Outcome
from raykeep.domain.errors import StorageFull
from raykeep.domain.uids import UID
from raykeep.servers.dimse import association as server_association
from raykeep.servers.dimse import find_scp
from raykeep.services import search as search_service
from raykeep.services.ingest_settings import IngestSettings
from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.commands import CCancelRQ, CEchoRQ, CEchoRSP, CGetRQ, CStoreRQ
from raykeep.wire.dimse.exchange import fragment
from tests.builders import EXPLICIT_VR_LITTLE_ENDIAN, ct_instance, encode
from tests.fakes.archive import FACILITY
from tests.fakes.dimse_server import RunningServer, StartServer
from tests.fakes.scu import CT, IMPLICIT, PATIENT_ROOT_FIND, STUDY_ROOT_FIND, VERIFICATION, Scu
from tests.fakes.waiting import until


def study_query(**keys: str) -> bytes:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = ""
    for name, value in keys.items():
        setattr(identifier, name, value)
    return encode(identifier, EXPLICIT_VR_LITTLE_ENDIAN)


def test_an_echo_is_answered_and_recorded(server: RunningServer):
    scu = server.call("CT01")

    assert scu.echo().status == 0

    scu.release()
    (record,) = server.archive.records(action=Action.ASSOCIATION_ECHO)
    assert (record.outcome, record.actor) == (Outcome.SUCCESS, "CT01")


def test_many_requests_go_over_one_association(server: RunningServer):
    scu = server.call("CT01")

    assert {scu.echo().status for _ in range(50)} == {0}

    scu.release()
    assert server.counted("echoes_total") == 50
    assert server.counted("associations_total") == 1


def test_an_instance_is_durable_found_and_recorded_when_it_is_acknowledged(server: RunningServer):
    built = ct_instance(patient_id="P1")
    scu = server.call("CT01")

    response = scu.store(built)

    assert response.status == 0
    assert response.affected_sop_instance_uid == built.sop_instance_uid
    (record,) = server.archive.records(action=Action.INSTANCE_STORE)
    assert record.outcome is Outcome.SUCCESS
    assert record.study_instance_uid == built.study_instance_uid
    found, final = scu.find(study_query(PatientID="P1"))
    assert final.status == 0
    assert len(found) == 1
    scu.release()


def test_what_is_stored_is_what_was_sent(server: RunningServer):
    built = ct_instance(rows=512, columns=512)
    scu = server.call("CT01")
    scu.store(built)
    scu.release()

    transfer = server.archive.enforcer.transfer(_reader(), "test")
    (stored,) = transfer.find(built.study_instance_uid)

    assert b"".join(bytes(piece) for piece in transfer.read(stored)) == built.data_set


def _reader() -> Actor:
    return Actor(
        ActorKind.TOKEN, "reader", frozenset({Role.RADIOLOGIST}), frozenset({FACILITY}),
        Origin(Door.DICOMWEB),
    )  # fmt: skip


def test_instances_of_many_associations_all_arrive(server: RunningServer):
    scus = [server.call("CT01") for _ in range(4)]

    for number in range(12):
        assert scus[number % 4].store(ct_instance()).status == 0

    for scu in scus:
        scu.release()
    assert server.counted("instances_stored_total") == 12


def test_a_refused_instance_gets_a_status_and_a_comment_and_the_association_goes_on(
    server: RunningServer,
):
    built = ct_instance()
    scu = server.call("CT01")
    other = CStoreRQ(
        message_id=77,
        affected_sop_class_uid=CT,
        affected_sop_instance_uid=UID("1.2.3.4"),
    )

    response = scu.store(built, other)

    assert response.status == 0xA900
    assert "SOP Instance UID" in response.error_comment
    assert scu.store(built).status == 0
    scu.release()
    assert server.counted("instances_refused_total") == 1


def test_rubbish_instead_of_a_data_set_is_refused(server: RunningServer):
    scu = server.call("CT01")
    request = scu.store_rq(ct_instance())

    scu.send(scu.context_of(CT), request, [b"\xff" * 500_000])

    assert scu.response().status >> 12 in {0xA, 0xC}
    assert scu.echo().status == 0
    scu.release()


def test_the_rest_of_a_refused_body_is_passed_over_only_within_a_limit(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_association, "MAX_UNREAD_LENGTH", 100_000)
    scu = server.call("CT01")
    request = scu.store_rq(ct_instance())

    try:
        scu.send(scu.context_of(CT), request, [b"\xff" * 50_000_000])
        assert scu.response() is None
    except OSError:
        pass  # the server hung up while we were sending
    scu.close()


def test_a_full_archive_says_so(server: RunningServer, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> int:
        raise StorageFull("no room")

    monkeypatch.setattr(server.archive.blobs, "put", full)
    scu = server.call("CT01")

    response = scu.store(ct_instance())

    assert (response.status, response.error_comment) == (0xA700, "the archive is full")
    scu.release()


def test_an_error_that_nobody_foresaw_costs_neither_the_association_nor_a_secret(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def break_down(*_: object) -> int:
        raise ZeroDivisionError("Doe^John 19700101")

    monkeypatch.setattr(server.archive.blobs, "put", break_down)
    scu = server.call("CT01")

    response = scu.store(ct_instance())

    assert response.status == 0x0110
    error_id = response.error_comment.removeprefix("internal error ")
    assert error_id in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "Doe" not in caplog.text
    assert scu.echo().status == 0
    scu.release()
    assert server.counted("errors_total") == 1


def test_nothing_of_a_patient_is_logged(server: RunningServer, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    scu = server.call("CT01")
    scu.store(ct_instance(patient_id="SECRET-ID", patient_name="Secret^Name"))
    scu.find(study_query(PatientID="SECRET-ID", PatientName="Secret^Name"))
    scu.release()

    assert "secret" not in caplog.text.lower()


def test_an_association_that_breaks_off_within_an_instance_leaves_nothing(server: RunningServer):
    built = ct_instance(rows=512, columns=512)
    scu = server.call("CT01")
    pdus = list(
        fragment(scu.context_of(CT), encode_command(scu.store_rq(built)), [built.data_set], 65_536)
    )
    for pdu in pdus[:-2]:
        scu.stream.send(pdu, 5)
    scu.abort()

    assert until(lambda: not server.counted("associations_open"))
    (record,) = server.archive.records(action=Action.INSTANCE_STORE)
    assert record.outcome is Outcome.FAILED
    assert server.archive.stores.index.totals()["instances"] == 0


@pytest.mark.parametrize("model", [STUDY_ROOT_FIND, PATIENT_ROOT_FIND])
def test_a_search_gives_what_matches(server: RunningServer, model: UID):
    scu = server.call("CT01")
    for number in range(5):
        scu.store(ct_instance(patient_id=f"P{number}", study_date=f"2026010{number + 1}"))
    keys = {"PatientID": "P3"} if model == PATIENT_ROOT_FIND else {"StudyDate": "20260104"}

    found, final = scu.find(study_query(**keys), model)

    assert final.status == 0
    assert len(found) == 1
    scu.release()


def test_a_long_answer_arrives_whole(server: RunningServer):
    scu = server.call("CT01")
    for number in range(250):
        assert scu.store(ct_instance(rows=2, columns=2, patient_id=f"P{number}")).status == 0

    found, final = scu.find(study_query(PatientID=""))

    assert final.status == 0
    assert len(found) == 250
    assert len(set(found)) == 250
    scu.release()
    assert server.counted("find_matches_total") == 250


def test_a_cancel_ends_a_search(server: RunningServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(find_scp, "MATCHES_AT_ONCE", 2)
    scu = server.call("CT01", max_pdu_length=4096)
    for number in range(60):
        scu.store(ct_instance(rows=2, columns=2, patient_id=f"P{number}"))
    real_send = server_association.Messages.flush

    def slow_flush(messages: object) -> None:
        real_send(messages)
        time.sleep(0.05)

    monkeypatch.setattr(server_association.Messages, "flush", slow_flush)
    found, final = scu.find(study_query(PatientID=""), cancel_after=1)

    assert final.status == 0xFE00
    assert len(found) < 60
    assert scu.echo().status == 0
    scu.release()


def test_what_a_cancelled_search_gave_out_is_recorded(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search_service, "AT_ONCE", 3)
    monkeypatch.setattr(find_scp, "MATCHES_AT_ONCE", 4)
    monkeypatch.setattr(server_association.Messages, "is_cancelled", lambda *_: True)
    scu = server.call("CT01")
    for number in range(8):
        scu.store(ct_instance(rows=2, columns=2, patient_id=f"P{number}"))

    found, final = scu.find(study_query(PatientID=""))

    assert (len(found), final.status) == (4, 0xFE00)
    scu.release()
    first, last = server.archive.records(action=Action.STUDY_SEARCH)
    assert (first.count, first.details["complete"]) == (3, 0)
    assert (last.count, last.details["complete"]) == (4, 1)


def test_a_command_that_cannot_be_read_is_answered_and_the_association_goes_on(
    server: RunningServer,
):
    scu = server.call("CT01")
    echo = CEchoRQ(message_id=9, affected_sop_class_uid=VERIFICATION)
    raw = encode_command(echo).replace(b"1.2.840.10008.1.1", b"1.2.840.10008.x.1")

    scu.messages.send_encoded(scu.context_of(VERIFICATION), raw)
    response = scu.response()

    assert response.message_id_being_responded_to == 9
    assert response.status >> 8 in {0x01, 0x02}
    assert scu.echo().status == 0
    scu.release()


def test_a_response_that_cannot_be_read_ends_the_association(server: RunningServer):
    scu = server.call("CT01")
    answer = CEchoRSP(
        message_id_being_responded_to=9, status=0, affected_sop_class_uid=VERIFICATION
    )
    raw = encode_command(answer).replace(b"1.2.840.10008.1.1", b"1.2.840.10008.x.1")

    scu.messages.send_encoded(scu.context_of(VERIFICATION), raw)

    assert scu.response() is None
    scu.close()


def test_a_cancel_that_comes_too_late_is_no_breach(server: RunningServer):
    scu = server.call("CT01")
    scu.find(study_query(PatientID="NOBODY"))

    scu.send(scu.context_of(STUDY_ROOT_FIND), CCancelRQ(message_id_being_responded_to=1))

    assert scu.echo().status == 0
    scu.release()


def test_a_query_that_does_not_fit_its_model_is_refused(server: RunningServer):
    scu = server.call("CT01")
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "NONSENSE"

    _, final = scu.find(encode(identifier, EXPLICIT_VR_LITTLE_ENDIAN))

    assert final.status == 0xA900
    assert scu.echo().status == 0
    scu.release()


def test_an_endless_identifier_is_refused(server: RunningServer):
    scu = server.call("CT01")

    _, final = scu.find(bytes(3_000_000))

    assert final.status == 0xA700
    assert scu.echo().status == 0
    scu.release()


def test_an_operation_on_the_wrong_context_is_refused(server: RunningServer):
    scu = server.call("CT01")
    request = CEchoRQ(message_id=5, affected_sop_class_uid=VERIFICATION)

    scu.send(scu.context_of(CT), request)
    assert scu.response().status == 0x0211

    get = CGetRQ(message_id=6, affected_sop_class_uid=STUDY_ROOT_FIND)
    scu.send(scu.context_of(STUDY_ROOT_FIND), get, [study_query()])
    assert scu.response().status == 0x0211
    assert scu.echo().status == 0
    scu.release()


def test_another_sop_class_than_that_of_the_context_is_refused(server: RunningServer):
    built = ct_instance()
    scu = server.call("CT01")
    request = CStoreRQ(
        message_id=3,
        affected_sop_class_uid=UID("1.2.840.10008.5.1.4.1.1.4"),
        affected_sop_instance_uid=UID(built.sop_instance_uid),
    )

    assert scu.store(built, request).status == 0x0122
    assert scu.store(built).status == 0
    scu.release()


def test_implicit_vr_is_stored_and_searched_too(server: RunningServer):
    scu = server.call("CT01", transfer_syntaxes=(IMPLICIT,))
    built = ct_instance(transfer_syntax_uid=IMPLICIT)

    assert scu.store(built).status == 0
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = built.study_instance_uid
    found, _ = scu.find(encode(identifier, IMPLICIT))

    assert len(found) == 1
    scu.release()


def test_private_sop_classes_are_stored_where_the_operator_wants_it(start_server: StartServer):
    private = UID("1.3.12.2.1107.5.9.1")
    server = start_server(ingest=IngestSettings(private_sop_classes=True))
    server.enroll("CT01")
    scu: Scu = server.call("CT01", abstract_syntaxes=[private])
    built = ct_instance()
    built.dataset.SOPClassUID = private

    assert scu.store(built).status == 0
    scu.release()


def test_the_bytes_that_came_in_are_counted(server: RunningServer):
    built = ct_instance(rows=256, columns=256)
    scu = server.call("CT01")
    scu.store(built)
    scu.release()

    assert until(lambda: server.counted("bytes_received_total"))
    assert server.counted("bytes_received_total") > len(built.data_set)
