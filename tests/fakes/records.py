"""Audit records, plain and of every odd kind."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from raykeep.crypto.canonical import LARGEST_INTEGER
from raykeep.domain.access import Action, ActorKind, Door
from raykeep.domain.audit_event import AuditRecord, EventID, Outcome
from raykeep.domain.facility import FacilityName

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SPACING = timedelta(seconds=30)


def audit_record(number: int, **changes) -> AuditRecord:
    """Record `number` of a trail, half a minute after the one before."""
    at = START + number * SPACING
    values = {
        "record_id": f"{int(at.timestamp() * 1000):012x}{number:020x}",
        "at": at,
        "event": EventID.INSTANCES_TRANSFERRED,
        "action": Action.INSTANCE_STORE,
        "outcome": Outcome.SUCCESS,
        "actor_kind": ActorKind.DEVICE,
        "actor": "CT01",
        "door": Door.DIMSE,
        "address": "10.1.2.3",
        "facility": FacilityName("main"),
        "study_instance_uid": f"1.2.840.{number}",
        "patient": f"{number:032x}",
        "count": number,
        "reason": "devices may store",
        "details": {"digest": f"{number:064x}", "bytes": 524_288},
    }
    return AuditRecord(**{**values, **changes})


texts = st.text(st.characters(codec="utf-8"), max_size=20)
integers = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))) | st.just(UTC)

audit_records = st.builds(
    AuditRecord,
    record_id=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    # A day from either end of the calendar, so that every time has its place in UTC, too.
    at=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones),  # noqa: DTZ001 (zones are drawn)
    event=st.sampled_from(EventID),
    action=st.sampled_from(Action),
    outcome=st.sampled_from(Outcome),
    actor_kind=st.sampled_from(ActorKind),
    actor=texts,
    door=st.sampled_from(Door),
    address=texts,
    facility=st.none() | st.sampled_from([FacilityName("main"), FacilityName("north-2")]),
    study_instance_uid=texts,
    patient=texts,
    count=integers,
    reason=texts,
    details=st.dictionaries(texts, texts | integers | st.booleans(), max_size=5),
)
