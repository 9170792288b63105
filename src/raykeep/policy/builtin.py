"""The rules that an archive starts with: least privilege, one line a job.

Referrer and researcher have no rule yet: what they may see hangs on referral
and de-identification, and without a rule there is no permit.
"""

from raykeep.domain.access import Action, Door, Effect, Role, Rule, Rules, StudyCondition

_DEVICES = frozenset(role for role in Role if role.value.startswith("device-"))
_LOOK_ROUND = {Action.ARCHIVE_READ, Action.FACILITY_READ}


def _permit(
    name: str, roles: set[Role], actions: set[Action], doors: set[Door] | None = None
) -> Rule:
    return Rule(
        name,
        Effect.PERMIT,
        frozenset(roles),
        frozenset(actions),
        StudyCondition(),
        None if doors is None else frozenset(doors),
    )


BUILTIN_RULES = Rules(
    (
        _permit(
            "the host's operator runs the archive",
            {Role.LOCAL_OPERATOR},
            set(Action),
            {Door.COMMAND_LINE, Door.SUPERVISOR},
        ),
        _permit(
            "the archive's own processes keep house",
            {Role.SERVICE},
            {
                Action.ARCHIVE_START,
                Action.ARCHIVE_STOP,
                Action.AUDIT_CHECKPOINT,
                Action.AUDIT_VERIFY,
                Action.BLOB_SWEEP,
                Action.BLOB_VERIFY,
            },
        ),
        _permit("devices associate", set(_DEVICES), {Action.ASSOCIATION_OPEN}, {Door.DIMSE}),
        _permit("devices echo", {Role.DEVICE_ECHO}, {Action.ASSOCIATION_ECHO}, {Door.DIMSE}),
        _permit("devices store", {Role.DEVICE_STORE}, {Action.INSTANCE_STORE}, {Door.DIMSE}),
        _permit("devices search", {Role.DEVICE_FIND}, {Action.STUDY_SEARCH}, {Door.DIMSE}),
        _permit(
            "devices retrieve",
            {Role.DEVICE_GET, Role.DEVICE_MOVE},
            {Action.STUDY_READ},
            {Door.DIMSE},
        ),
        _permit(
            "radiologists read",
            {Role.RADIOLOGIST},
            {Action.STUDY_SEARCH, Action.STUDY_READ},
        ),
        _permit(
            "technologists read and store",
            {Role.TECHNOLOGIST},
            {Action.STUDY_SEARCH, Action.STUDY_READ, Action.INSTANCE_STORE},
        ),
        _permit("uploaders store", {Role.UPLOADER}, {Action.INSTANCE_STORE}),
        _permit(
            "administrators run it without seeing images",
            {Role.ADMINISTRATOR},
            _LOOK_ROUND
            | {
                Action.DATABASE_READ,
                Action.DEVICE_ENROLL,
                Action.DEVICE_READ,
                Action.DEVICE_RENEW,
                Action.DEVICE_REVOKE,
                Action.KEY_READ,
                Action.TLS_READ,
                Action.TOKEN_CREATE,
                Action.TOKEN_READ,
                Action.TOKEN_REVOKE,
            },
        ),
        _permit(
            "security officers watch",
            {Role.SECURITY_OFFICER},
            _LOOK_ROUND
            | {
                Action.AUDIT_READ,
                Action.AUDIT_VERIFY,
                Action.DEVICE_READ,
                Action.DEVICE_REVOKE,
                Action.KEY_READ,
                Action.POLICY_READ,
                Action.TLS_READ,
                Action.TOKEN_READ,
                Action.TOKEN_REVOKE,
            },
        ),
        _permit(
            "auditors read the trail", {Role.AUDITOR}, {Action.AUDIT_READ, Action.AUDIT_VERIFY}
        ),
    )
)
