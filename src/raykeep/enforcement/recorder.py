"""Makes the records of the trail."""

from collections.abc import Mapping

from raykeep.domain.access import Action, Actor, StudyRef
from raykeep.domain.audit_event import AuditRecord, Outcome
from raykeep.domain.facility import FacilityName
from raykeep.domain.ids import time_ordered_id
from raykeep.enforcement.events import event_of
from raykeep.ports.clock import Clock, Entropy

Detail = str | int


class Recorder:
    """Makes records; writing them is the unit of work's."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def fresh_id(self) -> str:
        """Id for a record."""
        return time_ordered_id(self._clock.now(), self._entropy.bytes(10))

    def record(
        self,
        actor: Actor,
        action: Action,
        outcome: Outcome,
        reason: str,
        *,
        study: StudyRef | None = None,
        facility: FacilityName | None = None,
        patient: str = "",
        count: int = 0,
        details: Mapping[str, Detail] | None = None,
        alert: bool = False,
    ) -> AuditRecord:
        """The record of something that `actor` did or tried. `facility` None: the study's."""
        now = self._clock.now()
        address = actor.origin.address
        return AuditRecord(
            record_id=time_ordered_id(now, self._entropy.bytes(10)),
            at=now,
            event=event_of(action, outcome, alert=alert),
            action=action,
            outcome=outcome,
            actor_kind=actor.kind,
            actor=actor.name,
            door=actor.origin.door,
            address="" if address is None else str(address),
            facility=facility or (study.facility if study else None),
            study_instance_uid=study.study_instance_uid if study else "",
            patient=patient,
            count=count,
            reason=reason,
            details=dict(details or {}),
        )
