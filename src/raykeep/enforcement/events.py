"""Which PS3.15 A.5.3 event each action is: one total table (a test walks it)."""

from raykeep.domain.access import Action
from raykeep.domain.audit_event import EventID, Outcome

EVENT_OF: dict[Action, EventID] = {
    Action.ARCHIVE_START: EventID.APPLICATION_ACTIVITY,
    Action.ARCHIVE_STOP: EventID.APPLICATION_ACTIVITY,
    Action.ARCHIVE_READ: EventID.APPLICATION_ACTIVITY,
    Action.ASSOCIATION_OPEN: EventID.USER_AUTHENTICATION,
    Action.ASSOCIATION_ECHO: EventID.APPLICATION_ACTIVITY,
    Action.AUDIT_READ: EventID.AUDIT_LOG_USED,
    Action.AUDIT_VERIFY: EventID.AUDIT_LOG_USED,
    Action.AUDIT_CHECKPOINT: EventID.AUDIT_LOG_USED,
    Action.AUDIT_EXPORT: EventID.AUDIT_LOG_USED,
    Action.BLOB_VERIFY: EventID.APPLICATION_ACTIVITY,
    Action.BLOB_SWEEP: EventID.APPLICATION_ACTIVITY,
    Action.DATABASE_READ: EventID.APPLICATION_ACTIVITY,
    Action.DATABASE_UPGRADE: EventID.SECURITY_ALERT,
    Action.DEVICE_READ: EventID.NETWORK_ENTRY,
    Action.DEVICE_ENROLL: EventID.NETWORK_ENTRY,
    Action.DEVICE_REVOKE: EventID.NETWORK_ENTRY,
    Action.DEVICE_RENEW: EventID.NETWORK_ENTRY,
    Action.FACILITY_READ: EventID.APPLICATION_ACTIVITY,
    Action.FACILITY_ADD: EventID.SECURITY_ALERT,
    Action.INSTANCE_STORE: EventID.INSTANCES_TRANSFERRED,
    Action.INSTANCE_IMPORT: EventID.IMPORT,
    Action.KEY_READ: EventID.APPLICATION_ACTIVITY,
    Action.POLICY_READ: EventID.APPLICATION_ACTIVITY,
    Action.SESSION_CREATE: EventID.USER_AUTHENTICATION,
    Action.STUDY_SEARCH: EventID.QUERY,
    Action.STUDY_READ: EventID.INSTANCES_ACCESSED,
    Action.TLS_READ: EventID.APPLICATION_ACTIVITY,
    Action.TOKEN_READ: EventID.SECURITY_ALERT,
    Action.TOKEN_CREATE: EventID.SECURITY_ALERT,
    Action.TOKEN_REVOKE: EventID.SECURITY_ALERT,
}


def event_of(action: Action, outcome: Outcome, *, alert: bool = False) -> EventID:
    """The event of an action; a denial is a Security Alert, save of an authentication.

    PS3.15 A.5.3.11 has alerts for what a policy refused; a refused log-in is
    a User Authentication with its outcome (A.5.3.12).

    Args:
        action: What was done or tried.
        outcome: What became of it.
        alert: Something was found that looks like tampering: an alert, whatever the action.
    """
    event = EVENT_OF[action]
    if alert:
        return EventID.SECURITY_ALERT
    if outcome is Outcome.DENIED and event is not EventID.USER_AUTHENTICATION:
        return EventID.SECURITY_ALERT
    return event
