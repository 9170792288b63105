"""What is sealed for a record: its one canonical form."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from raykeep.crypto.canonical import LARGEST_INTEGER, member_order
from raykeep.domain.audit_event import AuditRecord


class _Entry(msgspec.Struct, frozen=True, gc=False):
    # In the order of their names, as RFC 8785 wants it: msgspec writes them as they stand.
    action: str
    actor: str
    actor_kind: str
    address: str
    at: str
    count: int | str
    details: Mapping[str, str | int]
    door: str
    event: int
    facility: str | None
    outcome: str
    patient: str
    reason: str
    record_id: str
    study_instance_uid: str
    v: int = 1


def _plain(value: object) -> str:
    """UIDs and facility names are texts of their own types."""
    if isinstance(value, str):
        return str(value)
    msg = f"{type(value).__name__} has no place on the trail"
    raise TypeError(msg)


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
_NO_DETAILS: Mapping[str, str | int] = {}


def canonical_entry(record: AuditRecord) -> bytes:
    """The bytes that are sealed for a record: canonical JSON (RFC 8785), version 1.

    Times are text of fixed width in UTC; whole numbers beyond 2^53 - 1 are text, too, as RFC 7493
    section 2.2 advises.

    Raises:
        TypeError: a value is of no kind that JSON knows.
        ValueError: the time has no zone, or a text is no Unicode.
    """
    details, count = record.details, record.count
    return _encode(
        _Entry(
            record.action,
            record.actor,
            record.actor_kind,
            record.address,
            _time(record.at),
            count if -LARGEST_INTEGER <= count <= LARGEST_INTEGER else str(count),
            _members(details) if details else _NO_DETAILS,
            record.door,
            record.event,
            record.facility,
            record.outcome,
            record.patient,
            record.reason,
            record.record_id,
            record.study_instance_uid,
        )
    )


def _time(at: datetime) -> str:
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            msg = "a record's time has no time zone"
            raise ValueError(msg)
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def _members(details: Mapping[str, str | int]) -> dict[str, str | int]:
    names = sorted(details)
    if not "".join(names).isascii():  # else the order of code points is that of UTF-16
        names.sort(key=member_order)
    members = {name: details[name] for name in names}
    for name, value in members.items():
        if isinstance(value, int) and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
            members[name] = str(value)
    return members
