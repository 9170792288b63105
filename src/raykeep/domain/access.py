"""Who acts, what is done, and what an answer to 'may they?' looks like.

Words of NIST SP 800-162: the policy is the decision point, enforcement the
enforcement point. `Permit`, `Denial` and `Scope` are made in `raykeep.policy`
alone (a test holds that), so whoever holds one was given it by the policy.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from raykeep.domain.facility import FacilityName


class Action(StrEnum):
    """`noun:verb`. Never renamed: they stand in audit trails."""

    ARCHIVE_START = "archive:start"
    ARCHIVE_STOP = "archive:stop"
    ARCHIVE_READ = "archive:read"  # status, metrics for operators
    ASSOCIATION_OPEN = "association:open"
    ASSOCIATION_ECHO = "association:echo"
    AUDIT_READ = "audit:read"
    AUDIT_VERIFY = "audit:verify"
    AUDIT_CHECKPOINT = "audit:checkpoint"
    AUDIT_EXPORT = "audit:export"
    BLOB_VERIFY = "blob:verify"
    BLOB_SWEEP = "blob:sweep"
    DATABASE_READ = "database:read"
    DATABASE_UPGRADE = "database:upgrade"
    DEVICE_READ = "device:read"
    DEVICE_ENROLL = "device:enroll"
    DEVICE_REVOKE = "device:revoke"
    DEVICE_RENEW = "device:renew"
    FACILITY_READ = "facility:read"
    FACILITY_ADD = "facility:add"
    INSTANCE_STORE = "instance:store"
    INSTANCE_IMPORT = "instance:import"
    KEY_READ = "key:read"
    POLICY_READ = "policy:read"
    SESSION_CREATE = "session:create"  # any authentication: association, token, log-in
    STUDY_SEARCH = "study:search"
    STUDY_READ = "study:read"
    TLS_READ = "tls:read"
    TOKEN_READ = "token:read"
    TOKEN_CREATE = "token:create"
    TOKEN_REVOKE = "token:revoke"


class Role(StrEnum):
    """Names that rules speak of. A device's rights are roles, one a service."""

    LOCAL_OPERATOR = "local-operator"  # whoever may run commands on the host
    SERVICE = "service"  # the archive's own processes: worker, sealer
    ADMINISTRATOR = "administrator"  # runs the archive, sees no images
    SECURITY_OFFICER = "security-officer"  # trail and posture, no images
    RADIOLOGIST = "radiologist"
    TECHNOLOGIST = "technologist"
    REFERRER = "referrer"
    RESEARCHER = "researcher"
    AUDITOR = "auditor"
    UPLOADER = "uploader"  # a token that only stores
    DEVICE_ECHO = "device-echo"
    DEVICE_STORE = "device-store"
    DEVICE_FIND = "device-find"
    DEVICE_GET = "device-get"
    DEVICE_MOVE = "device-move"
    DEVICE_COMMIT = "device-commit"
    DEVICE_WORKLIST = "device-worklist"
    DEVICE_MPPS = "device-mpps"


class ActorKind(StrEnum):
    """How an actor came to be known."""

    ANONYMOUS = "anonymous"
    DEVICE = "device"
    TOKEN = "token"
    LOCAL_OPERATOR = "local-operator"
    SERVICE = "service"


class Door(StrEnum):
    """The way in."""

    DIMSE = "dimse"
    DICOMWEB = "dicomweb"
    COMMAND_LINE = "command-line"
    WORKER = "worker"
    SEALER = "sealer"
    SUPERVISOR = "supervisor"


Address = IPv4Address | IPv6Address


_HOST_BITS = 64  # of an IPv6 address: one customer has them all


def source_of(address: Address) -> str:
    """What an address counts as where peers are counted: an IPv4 address, an IPv6 /64 network."""
    if isinstance(address, IPv4Address):
        return str(address)
    return f"{int(address) >> _HOST_BITS:x}/64"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    door: Door
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts (audit: active participant).

    Attributes:
        kind: How it is known.
        name: AE title, token id, operating-system user, process.
        roles: What rules speak of.
        facilities: Where it may act; `all_facilities` for the local operator and services.
        origin: The way in and the address.
        version: Version of the credential that was shown; a revocation makes it old.
    """

    kind: ActorKind
    name: str
    roles: frozenset[Role]
    facilities: frozenset[FacilityName]
    origin: Origin
    all_facilities: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class StudyRef:
    """What rules may ask about a study.

    Attributes:
        facility: Its tenant.
        study_instance_uid: Which one; empty where a rule may not depend on it.
        modalities: The set of its modalities, never None; empty when none is known.
        year: Year of the study date; 0 when the study has no date.
    """

    facility: FacilityName
    study_instance_uid: str
    modalities: frozenset[str]
    year: int


class Effect(StrEnum):
    """What a rule does when it applies. Deny overrides permit."""

    PERMIT = "permit"
    DENY = "deny"


class Obligation(StrEnum):
    """What must be done before a store is handed out."""

    STEP_UP = "step-up"
    SECOND_PERSON = "second-person"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class StudyCondition:
    """Which studies a rule is about; every part that is not None must hold.

    Attributes:
        own_facilities: Only studies of the actor's facilities.
        facilities: Only studies of these.
        years: Inclusive ranges of the year of study.
        any_modality: The study has one of these.
        all_modalities: The study's set of modalities is within these, and not empty.
    """

    own_facilities: bool = True
    facilities: frozenset[FacilityName] | None = None
    years: tuple[tuple[int, int], ...] | None = None
    any_modality: frozenset[str] | None = None
    all_modalities: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy.

    Attributes:
        name: Unique; it stands in decisions and on the trail.
        effect: Permit or deny.
        roles: It is about actors with one of these.
        actions: It is about these.
        studies: Which studies, for actions on studies.
        doors: Only these ways in; None for all.
        obligations: Asked for with the permit.
    """

    name: str
    effect: Effect
    roles: frozenset[Role]
    actions: frozenset[Action]
    studies: StudyCondition = field(default_factory=StudyCondition)
    doors: frozenset[Door] | None = None
    obligations: frozenset[Obligation] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy: all its rules and a version that goes up with every change."""

    rules: tuple[Rule, ...]
    version: int = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the policy. `study` None: before the study is known, or none is meant."""

    actor: Actor
    action: Action
    study: StudyRef | None
    now: datetime


@dataclass(frozen=True, slots=True)
class ScopeClause:
    """A set of studies; every part that is not None must hold (see `StudyCondition`)."""

    facilities: frozenset[FacilityName] | None = None
    years: tuple[tuple[int, int], ...] | None = None
    any_modality: frozenset[str] | None = None
    all_modalities: frozenset[str] | None = None

    def contains(self, study: StudyRef) -> bool:
        """Whether `study` is of this set."""
        if self.facilities is not None and study.facility not in self.facilities:
            return False
        if self.years is not None and not any(a <= study.year <= b for a, b in self.years):
            return False
        if self.any_modality is not None and not (study.modalities & self.any_modality):
            return False
        return self.all_modalities is None or (
            bool(study.modalities) and study.modalities <= self.all_modalities
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """The studies that an actor may see: in one `allowed` clause and in no `denied` one."""

    allowed: tuple[ScopeClause, ...]
    denied: tuple[ScopeClause, ...] = ()

    def contains(self, study: StudyRef) -> bool:
        """Whether `study` is in sight."""
        return any(c.contains(study) for c in self.allowed) and not any(
            c.contains(study) for c in self.denied
        )


@dataclass(frozen=True, slots=True)
class Permit:
    """The policy's yes, to one request."""

    request: Request
    rule: str
    scope: Scope
    obligations: frozenset[Obligation] = frozenset()


@dataclass(frozen=True, slots=True)
class Denial:
    """The policy's no. `reason` is for the trail and the operator, not for the peer."""

    request: Request
    reason: str


Decision = Permit | Denial
