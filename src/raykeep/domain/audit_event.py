"""Records of the audit trail (PS3.15 section A.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from raykeep.domain.access import Action, ActorKind, Door
from raykeep.domain.facility import FacilityName


class Outcome(StrEnum):
    """What became of the action."""

    SUCCESS = "success"
    DENIED = "denied"  # the policy, or admission, said no
    FAILED = "failed"  # permitted, but it did not come about


class EventID(IntEnum):
    """Event identification codes, coding scheme DCM (PS3.15 A.5.3; PS3.16 CID 400)."""

    APPLICATION_ACTIVITY = 110100
    AUDIT_LOG_USED = 110101
    BEGIN_TRANSFERRING = 110102
    INSTANCES_ACCESSED = 110103
    INSTANCES_TRANSFERRED = 110104
    STUDY_DELETED = 110105
    EXPORT = 110106
    IMPORT = 110107
    NETWORK_ENTRY = 110108
    QUERY = 110112
    SECURITY_ALERT = 110113
    USER_AUTHENTICATION = 110114


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the trail. It names no patient: `patient` is a keyed pseudonym.

    Attributes:
        record_id: 32 hexadecimal digits; the first 12 are milliseconds of Unix time, so that
            ids sort by time.
        at: When, UTC, to the microsecond.
        event: PS3.15 event.
        action: What was done or tried.
        outcome: What became of it.
        actor_kind: How the actor is known.
        actor: Its name: AE title, token id, operating-system user.
        door: The way in.
        address: Where it came from, empty for none.
        facility: The tenant concerned, None when no one facility is.
        study_instance_uid: The study concerned, empty for none.
        patient: Keyed hash of facility and Patient ID, empty for none.
        count: Instances, matches or objects concerned.
        reason: Rule that permitted, or why it was denied or failed.
        details: More, by fixed names; text and whole numbers alone. Never PHI or secrets.
    """

    record_id: str
    at: datetime
    event: EventID
    action: Action
    outcome: Outcome
    actor_kind: ActorKind
    actor: str
    door: Door
    address: str = ""
    facility: FacilityName | None = None
    study_instance_uid: str = ""
    patient: str = ""
    count: int = 0
    reason: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records a search of the trail wants; every part that is not None must hold."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: Action | None = None
    outcome: Outcome | None = None
    event: EventID | None = None
    facility: FacilityName | None = None
    study_instance_uid: str | None = None
    patient: str | None = None
    limit: int = 1000
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Leaf:
    """A sealed record: its place in the chain and in the Merkle tree.

    Attributes:
        index: Place on the trail, counted from 0 without gaps.
        record_id: The record.
        entry: Canonical JSON of the record (RFC 8785), with a version field.
        leaf_hash: SHA-256(0x00 ‖ entry), RFC 6962 section 2.1.
        chain: SHA-256(chain of the leaf before ‖ leaf_hash); 32 zero bytes before the first.
    """

    index: int
    record_id: str
    entry: bytes
    leaf_hash: bytes
    chain: bytes
