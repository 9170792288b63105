"""What an operator may want to know: state, keys, database, policy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from raykeep.crypto.certificates import CertificateFacts, certificate_facts
from raykeep.domain.access import Action, Actor, Rules, StudyRef
from raykeep.domain.errors import StudyNotFound, shown
from raykeep.enforcement.door import Enforcer
from raykeep.enforcement.insight import Explanation
from raykeep.ports.key_administration import FacilityKeyInfo


@dataclass(frozen=True, slots=True)
class ArchiveStatus:
    """State of the archive, without a patient in it."""

    totals: dict[str, int]
    free_bytes: int | None
    devices: int
    tokens: int
    facilities: int
    jobs_waiting: int
    unsealed_records: int
    sealed_records: int


def archive_status(enforcer: Enforcer, actor: Actor) -> ArchiveStatus:
    """How the archive stands.

    Raises:
        AccessDenied: `actor` may not.
        StorageUnavailable: the database is away.
    """
    with enforcer.operation(actor, Action.ARCHIVE_READ) as op:
        return ArchiveStatus(
            totals=op.index.totals(),
            free_bytes=op.vault.free_bytes(),
            devices=sum(device.revoked_at is None for device in op.registry.devices()),
            tokens=sum(token.revoked_at is None for token in op.registry.tokens()),
            facilities=len(op.registry.facilities()),
            jobs_waiting=op.jobs.waiting(),
            unsealed_records=op.trail.unsealed_count(),
            sealed_records=op.trail.size(),
        )


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The keys that are at hand, without any key."""

    provider: str
    facility_keys: list[FacilityKeyInfo]
    study_keys: dict[str, dict[int, int]]


def key_status(enforcer: Enforcer, actor: Actor) -> KeyStatus:
    """Which keys there are and how many study keys each facility key wraps.

    Raises:
        AccessDenied: `actor` may not.
        KeyUnavailable: the key store is away.
    """
    with enforcer.operation(actor, Action.KEY_READ) as op:
        facilities = op.registry.facilities()
        status = KeyStatus(
            provider=op.key_administration.provider(),
            facility_keys=op.vault.describe_keys(),
            study_keys={f.name: op.vault.count_study_keys(f.name) for f in facilities},
        )
        op.note(count=len(status.facility_keys))
    return status


def explain(
    enforcer: Enforcer, actor: Actor, subject: Actor, action: Action, study_instance_uid: str | None
) -> list[Explanation]:
    """Why `subject` may or may not do `action`; one answer for each facility that holds the study.

    Raises:
        AccessDenied: `actor` may not ask.
        StudyNotFound: no facility holds the study.
    """
    with enforcer.operation(actor, Action.POLICY_READ) as op:
        studies: list[StudyRef | None] = [None]
        if study_instance_uid is not None:
            studies = [*op.index.studies(study_instance_uid)]
            if not studies:
                msg = f"no study {shown(study_instance_uid)}. Leave --study out to ask in general"
                raise StudyNotFound(msg)
        answers = [op.explain(subject, action, study) for study in studies]
        op.note(count=len(answers), details={"subject": subject.name, "asked": action.value})
    return answers


def tls_status(
    enforcer: Enforcer, actor: Actor, certificates: list[tuple[str, str]]
) -> list[tuple[str, CertificateFacts]]:
    """What the archive's own certificates, (name, PEM), say; that it was asked is recorded.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.TLS_READ) as op:
        found = [(name, certificate_facts(pem)) for name, pem in certificates]
        op.note(count=len(found))
    return found


def ca_bundle(enforcer: Enforcer, actor: Actor) -> str:
    """The certificates that peers must trust, PEM.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.TLS_READ) as op:
        pem = op.authority.bundle_pem()
        op.note(details={"asked": "bundle"})
    return pem


def database_status(
    enforcer: Enforcer, actor: Actor, facts: Callable[[], dict[str, str]]
) -> dict[str, Any]:
    """Engine and revision, with the totals.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.DATABASE_READ) as op:
        return {**facts(), "totals": op.index.totals()}


def show_policy(enforcer: Enforcer, actor: Actor) -> Rules:
    """The rules in force.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.POLICY_READ) as op:
        rules = op.rules
        op.note(count=len(rules.rules))
    return rules
