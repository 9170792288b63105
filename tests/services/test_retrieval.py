"""Retrieval through windows of access: begun before the first byte, counted, closed."""

import json
import zlib

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.errors import AccessDenied, FrameNotFound, NotFound, StudyNotFound
from raykeep.domain.facility import FacilityName
from raykeep.enforcement.transfer import Windows
from raykeep.services.retrieve import bulk_data, frames, metadata_json, part10
from tests.builders import (
    codestream,
    ct_instance,
    encapsulated_instance,
    multi_frame_instance,
    sr_instance,
)
from tests.services.stored import actor, store

RADIOLOGIST = actor(Role.RADIOLOGIST)


def path(built) -> tuple[str, str, str]:
    ds = built.dataset
    return str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)


def records(archive, event):
    return [r for r in archive.records() if r.event is event and r.action is Action.STUDY_READ]


def test_an_instance_comes_back_as_a_file(archive):
    built = ct_instance()
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")

    (row,) = transfer.find(*path(built))
    file = part10(transfer, row)
    content = file.prefix + b"".join(file.data_set)

    assert content[:132] == bytes(128) + b"DICM"
    assert content.endswith(built.data_set)
    assert len(content) == file.length


def test_a_window_begins_before_the_first_byte_and_ends_with_the_counts(archive):
    built = ct_instance()
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))

    pieces = transfer.read(row)
    (begin,) = records(archive, EventID.BEGIN_TRANSFERRING)
    assert b"".join(pieces) == built.data_set
    transfer.header(row)
    assert len(records(archive, EventID.BEGIN_TRANSFERRING)) == 1
    assert records(archive, EventID.INSTANCES_TRANSFERRED) == []

    archive.enforcer.windows.close_all()
    (end,) = records(archive, EventID.INSTANCES_TRANSFERRED)
    assert end.count == 1
    assert end.details["begin"] == begin.record_id
    assert (end.details["reads"], end.details["bytes"]) == (2, len(built.data_set))
    assert (end.patient, end.study_instance_uid) == (begin.patient, path(built)[0])


def test_a_window_that_idles_is_closed_and_the_next_read_begins_another(archive, monkeypatch):
    built = ct_instance()
    store(archive, built)
    now = 1000.0
    monkeypatch.setattr(archive.clock, "monotonic", lambda: now)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))
    transfer.read(row)

    now += 59
    archive.enforcer.windows.close_idle()
    assert records(archive, EventID.INSTANCES_TRANSFERRED) == []
    now += 2
    archive.enforcer.windows.close_idle()
    assert len(records(archive, EventID.INSTANCES_TRANSFERRED)) == 1

    transfer.read(row)
    assert len(records(archive, EventID.BEGIN_TRANSFERRING)) == 2


def test_the_windows_of_an_actor_end_with_its_association(archive):
    built = ct_instance()
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "c-get")
    (row,) = transfer.find(*path(built))
    transfer.read(row)

    archive.enforcer.windows.close_of(actor(Role.TECHNOLOGIST, door=RADIOLOGIST.origin.door))

    assert len(records(archive, EventID.INSTANCES_TRANSFERRED)) == 1


def test_what_a_crash_left_open_is_closed_by_the_next_process_of_that_name(archive):
    built = ct_instance()
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))
    transfer.read(row)
    recorder = archive.enforcer.windows._recorder
    stores, rules = archive.stores, archive.enforcer._rules
    same = Windows(recorder, rules, stores, archive.clock, "test-1")
    another = Windows(recorder, rules, stores, archive.clock, "test-2")

    assert another.recover() == 0
    assert same.recover() == 1
    assert same.recover() == 0

    (end,) = records(archive, EventID.INSTANCES_TRANSFERRED)
    assert end.outcome is Outcome.FAILED


def test_hidden_and_unknown_look_the_same_but_not_on_the_trail(archive):
    built = ct_instance()
    store(archive, built)
    other = actor(Role.RADIOLOGIST, facility=FacilityName("other"))
    transfer = archive.enforcer.transfer(other, "wado")

    with pytest.raises(StudyNotFound) as hidden:
        transfer.find(*path(built))
    assert archive.records()[-1].outcome is Outcome.DENIED
    with pytest.raises(StudyNotFound) as unknown:
        transfer.find("1.2.3")
    assert archive.records()[-1].outcome is Outcome.SUCCESS

    assert str(hidden.value) == str(unknown.value)


def test_who_may_not_read_is_denied_and_recorded(archive):
    with pytest.raises(AccessDenied):
        archive.enforcer.transfer(actor(Role.UPLOADER), "wado").find("1.2.3")

    assert archive.records()[-1].outcome is Outcome.DENIED


def test_native_frames_are_cut_from_the_pixel_data(archive):
    built = multi_frame_instance()
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))
    ds = built.dataset
    size = ds.Rows * ds.Columns * ds.BitsAllocated // 8 * ds.SamplesPerPixel

    first, second = frames(transfer, row, (1, 2))

    assert b"".join(first.pieces) == ds.PixelData[:size]
    assert b"".join(second.pieces) == ds.PixelData[size : 2 * size]
    assert first.length == size
    with pytest.raises(FrameNotFound):
        frames(transfer, row, (int(ds.NumberOfFrames) + 1,))


def test_encapsulated_frames_come_as_they_are_stored(archive):
    parts = [codestream(1), codestream(2)]
    built = ct_instance(
        transfer_syntax_uid="1.2.840.10008.1.2.4.90", frames=parts, NumberOfFrames="2"
    )
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))

    (second,) = frames(transfer, row, (2,))

    assert b"".join(second.pieces) == parts[1]
    assert second.transfer_syntax_uid == "1.2.840.10008.1.2.4.90"


def test_frames_of_a_deflated_data_set_are_inflated_as_far_as_needed(archive):
    built = ct_instance(rows=64, columns=64, transfer_syntax_uid="1.2.840.10008.1.2.1.99")
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))
    assert zlib.decompress(built.data_set, -15)

    (frame,) = frames(transfer, row, (1,))

    assert b"".join(frame.pieces) == built.dataset.PixelData


def test_an_instance_without_pixels_has_no_frames(archive):
    built = sr_instance()
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))

    with pytest.raises(FrameNotFound):
        frames(transfer, row, (1,))


def test_metadata_tells_long_values_by_reference_and_they_are_there(archive):
    document = b"%PDF-1.4 " + bytes(range(256)) * 400
    built = encapsulated_instance(document)
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(*path(built))

    (text,) = metadata_json(transfer, [row], "https://host/dicom-web")
    uri = json.loads(text)["00420011"]["BulkDataURI"]
    reference = uri.partition("/bulkdata/")[2]
    found = bulk_data(transfer, row, reference)

    assert b"".join(found.pieces).startswith(document)
    with pytest.raises(NotFound):
        bulk_data(transfer, row, "00420012")
