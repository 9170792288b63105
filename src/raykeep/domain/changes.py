"""What an operation wants changed: collected first, committed with its record as one unit."""

from dataclasses import dataclass, field
from datetime import datetime

from raykeep.domain.ae_title import AETitle
from raykeep.domain.audit_event import AuditRecord
from raykeep.domain.device import Device
from raykeep.domain.facility import Facility
from raykeep.domain.instance import Instance
from raykeep.domain.jobs import NewJob
from raykeep.domain.token import ApiToken


@dataclass(frozen=True, slots=True)
class AddInstance:
    """Index an instance, with its series, study and patient if they are new.

    Refused (`ChangeRefused`) when the facility holds a stored instance of that UID already.
    A quarantined one is kept beside it and found by nobody.
    """

    instance: Instance


@dataclass(frozen=True, slots=True)
class AddFacility:
    """Register a tenant; refused when the name is taken."""

    facility: Facility


@dataclass(frozen=True, slots=True)
class AddDevice:
    """Enrol a device; refused when the AE title is taken by one that is not revoked."""

    device: Device


@dataclass(frozen=True, slots=True)
class ReplaceDevice:
    """Put `device` in the place of the one with its AE title and `device.version - 1`."""

    device: Device


@dataclass(frozen=True, slots=True)
class RevokeDevice:
    """Cut a device off."""

    ae_title: AETitle
    at: datetime


@dataclass(frozen=True, slots=True)
class TouchDevice:
    """Note when a device was last admitted."""

    ae_title: AETitle
    at: datetime


@dataclass(frozen=True, slots=True)
class AddToken:
    """Register an API token."""

    token: ApiToken


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """Cut a token off."""

    token_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AddJob:
    """Queue a job for the worker."""

    job: NewJob


Change = (
    AddInstance
    | AddFacility
    | AddDevice
    | ReplaceDevice
    | RevokeDevice
    | TouchDevice
    | AddToken
    | RevokeToken
    | AddJob
)


@dataclass(frozen=True, slots=True)
class Unit:
    """Changes and the record of them: all of it is committed, or nothing."""

    records: tuple[AuditRecord, ...]
    changes: tuple[Change, ...] = field(default_factory=tuple)
