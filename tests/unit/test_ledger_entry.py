"""What is sealed for a record."""

import json
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given

from raykeep.crypto.canonical import LARGEST_INTEGER, canonical_json
from raykeep.domain.audit_event import AuditRecord
from raykeep.domain.uids import UID
from raykeep.ledger import canonical_entry
from tests.fakes.records import START, audit_record, audit_records


def by_the_book(record: AuditRecord) -> bytes:
    """The same by the slow encoder that follows RFC 8785 to the letter."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    at = record.at.astimezone(START.tzinfo)
    values["at"] = at.strftime("%Y").zfill(4) + at.strftime("-%m-%dT%H:%M:%S.%fZ")
    return canonical_json({**values, "v": 1})


@given(audit_records)
def test_the_fast_encoder_writes_what_rfc_8785_says(record: AuditRecord) -> None:
    assert canonical_entry(record) == by_the_book(record)


@given(audit_records, audit_records)
def test_two_records_have_one_entry_only_when_they_are_the_same(
    one: AuditRecord, other: AuditRecord
) -> None:
    assert (canonical_entry(one) == canonical_entry(other)) == (one == other)


def test_an_entry_can_be_read_by_anybody() -> None:
    assert json.loads(canonical_entry(audit_record(7, facility=None))) == {
        "v": 1,
        "record_id": audit_record(7).record_id,
        "at": "2026-03-04T05:09:37.000000Z",
        "event": 110104,
        "action": "instance:store",
        "outcome": "success",
        "actor_kind": "device",
        "actor": "CT01",
        "door": "dimse",
        "address": "10.1.2.3",
        "facility": None,
        "study_instance_uid": "1.2.840.7",
        "patient": f"{7:032x}",
        "count": 7,
        "reason": "devices may store",
        "details": {"bytes": 524288, "digest": f"{7:064x}"},
    }


def test_a_time_is_the_same_in_every_zone() -> None:
    there = timezone(timedelta(hours=-5, minutes=-30))

    assert canonical_entry(audit_record(1, at=START.astimezone(there))) == canonical_entry(
        audit_record(1, at=START)
    )


def test_plain_values_as_a_table_gives_them_are_as_good_as_our_types() -> None:
    record = audit_record(1)
    plain = replace(
        record,
        event=int(record.event),
        action=record.action.value,
        outcome=record.outcome.value,
        actor_kind=record.actor_kind.value,
        door=record.door.value,
        facility="main",
    )
    typed = replace(record, study_instance_uid=UID(record.study_instance_uid))

    assert canonical_entry(plain) == canonical_entry(record) == canonical_entry(typed)


def test_numbers_that_readers_would_round_are_written_as_text() -> None:
    record = audit_record(1, count=LARGEST_INTEGER + 1, details={"a": -(2**64), "b": 1})

    entry = json.loads(canonical_entry(record))

    assert entry["count"] == "9007199254740992"
    assert entry["details"] == {"a": "-18446744073709551616", "b": 1}


def test_a_time_without_zone_is_no_time() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        canonical_entry(audit_record(1, at=datetime(2026, 1, 1)))  # noqa: DTZ001 (that is the point)


@pytest.mark.parametrize("changes", [{"details": {"a": object()}}, {"reason": object()}])
def test_values_of_no_kind_that_json_knows_are_refused(changes) -> None:
    with pytest.raises(TypeError, match="no place on the trail"):
        canonical_entry(audit_record(1, **changes))
