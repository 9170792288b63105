"""The door: no store without a permit, no permit without a record.

Read this file first. An operation asks the policy, hands out the stores,
collects the changes, and commits them together with the record of what was
done; when the record cannot be written, nothing was done.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from raykeep.domain.access import (
    Action,
    Actor,
    ActorKind,
    Denial,
    Origin,
    Permit,
    Request,
    Rules,
    StudyRef,
)
from raykeep.domain.audit_event import Outcome
from raykeep.domain.changes import Change, Unit
from raykeep.domain.errors import AccessDenied, IntegrityError
from raykeep.domain.facility import FacilityName
from raykeep.enforcement.first_of_window import FirstOfWindow
from raykeep.enforcement.identities import Identities
from raykeep.enforcement.insight import Explanation, explain
from raykeep.enforcement.recorder import Detail, Recorder
from raykeep.enforcement.stores import ScopedIndex, Stores
from raykeep.enforcement.transfer import Transfer, Windows
from raykeep.policy.decide import decide
from raykeep.ports.audit import AuditTrail
from raykeep.ports.authority import CertificateAuthority
from raykeep.ports.clock import Clock, Entropy
from raykeep.ports.jobs import Jobs
from raykeep.ports.key_administration import KeyAdministration
from raykeep.ports.registry import Registry
from raykeep.vault import Vault

STRANGER_WINDOW = 60.0  # seconds: further refusals of one source and reason are counted
AUTHENTICATION_WINDOW = 3600.0  # seconds: a token's further requests are no new authentication


class Operation:
    """What an actor may use while one permit holds: given out by `Enforcer.operation`."""

    def __init__(self, permit: Permit, stores: Stores, rules: Rules, recorder: Recorder) -> None:
        self._stores = stores
        self._rules = rules
        self._recorder = recorder
        self.permit = permit
        self.index = ScopedIndex(stores.index, permit)
        self._changes: list[Change] = []
        self.study: StudyRef | None = permit.request.study
        self._facility: FacilityName | None = None
        self._patient = ""
        self._count = 0
        self._details: dict[str, Detail] = {}
        self._alert = False

    @property
    def vault(self) -> Vault:
        """Where plaintext becomes a stored object, and back."""
        return self._stores.vault

    @property
    def registry(self) -> Registry:
        """Devices, tokens and facilities."""
        return self._stores.registry

    @property
    def trail(self) -> AuditTrail:
        """The audit trail, for reading."""
        return self._stores.trail

    @property
    def jobs(self) -> Jobs:
        """Work for later."""
        return self._stores.jobs

    @property
    def key_administration(self) -> KeyAdministration:
        """Facility keys, above the study keys."""
        return self._stores.key_administration

    @property
    def authority(self) -> CertificateAuthority:
        """The archive's own certificate authority."""
        return self._stores.authority

    @property
    def rules(self) -> Rules:
        """The policy, for reading."""
        return self._rules

    def explain(self, subject: Actor, action: Action, study: StudyRef | None) -> Explanation:
        """The decision that `subject` would get; nothing comes of it."""
        return explain(self._rules, subject, action, study, self.permit.request.now)

    def on(self, study: StudyRef) -> None:
        """Decide again, now that the study is known.

        Raises:
            AccessDenied: not on this study; the operation ends with that record.
        """
        self.study = study
        decision = decide(self._rules, replace(self.permit.request, study=study))
        if isinstance(decision, Denial):
            raise AccessDenied(decision.reason)
        self.permit = decision
        self.index = ScopedIndex(self._stores.index, self.permit)

    def change(self, change: Change) -> None:
        """Have `change` committed with the operation's record."""
        self._changes.append(change)

    def note(
        self,
        *,
        facility: FacilityName | None = None,
        patient: str | None = None,
        count: int | None = None,
        details: Mapping[str, Detail] | None = None,
        alert: bool = False,
    ) -> None:
        """Say more in the record. Never a name, a birth date or a secret.

        `alert` makes it a Security Alert: something was found that looks like tampering.
        """
        self._alert = self._alert or alert
        if facility is not None:
            self._facility = facility
        if patient is not None:
            self._patient = patient
        if count is not None:
            self._count = count
        if details is not None:
            self._details.update(details)

    def unit(self, outcome: Outcome, reason: str) -> Unit:
        """What is committed when the operation ends so; changes only with success."""
        record = self._recorder.record(
            self.permit.request.actor,
            self.permit.request.action,
            outcome,
            reason,
            study=self.study,
            facility=self._facility,
            patient=self._patient,
            count=self._count,
            details=self._details,
            alert=self._alert,
        )
        changes = tuple(self._changes) if outcome is Outcome.SUCCESS else ()
        return Unit((record,), changes)


class Enforcer:
    """Holds the stores; gives them out against a permit."""

    def __init__(
        self, rules: Rules, stores: Stores, clock: Clock, entropy: Entropy, process: str
    ) -> None:
        self._rules = rules
        self._stores = stores
        self._clock = clock
        self._recorder = Recorder(clock, entropy)
        self.identities = Identities(stores.registry)
        self.windows = Windows(self._recorder, rules, stores, clock, process)
        self._strangers = FirstOfWindow(STRANGER_WINDOW)
        self._authenticated = FirstOfWindow(AUTHENTICATION_WINDOW)

    @contextmanager
    def operation(
        self, actor: Actor, action: Action, study: StudyRef | None = None
    ) -> Iterator[Operation]:
        """Run the block as `actor`, then commit its changes with its record, or raise.

        Raises:
            AccessDenied: the policy said no; the denial is already recorded.
            ChangeRefused: a change did not fit what others committed meanwhile.
            StorageUnavailable: the record could not be written; nothing was done.
        """
        request = Request(actor, action, study, self._clock.now())
        decision = decide(self._rules, request)
        if isinstance(decision, Denial):
            self._commit_alone(actor, action, Outcome.DENIED, decision.reason, study=study)
            raise AccessDenied(decision.reason)
        operation = Operation(decision, self._stores, self._rules, self._recorder)
        try:
            yield operation
        except AccessDenied as error:
            self._stores.unit_of_work.commit(operation.unit(Outcome.DENIED, error.reason))
            raise
        except BaseException as error:
            reason = getattr(error, "finding", "") or getattr(error, "reason", "")
            name = type(error).__name__
            operation.note(alert=isinstance(error, IntegrityError))
            self._stores.unit_of_work.commit(
                operation.unit(Outcome.FAILED, f"{name}: {reason}" if reason else name)
            )
            raise
        try:
            self._stores.unit_of_work.commit(operation.unit(Outcome.SUCCESS, decision.rule))
        except Exception as error:
            self._commit_alone(
                actor, action, Outcome.FAILED, type(error).__name__, study=operation.study
            )
            raise

    def transfer(self, actor: Actor, purpose: str) -> Transfer:
        """Let `actor` retrieve, for `purpose`: within windows of access (`transfer.py`)."""
        return self.windows.transfer(actor, purpose)

    def note_authentication(self, actor: Actor) -> None:
        """Record that `actor` showed a good credential; once for each address and hour."""
        source = f"{actor.name} {actor.version} {actor.origin.address}"
        self._commit_first(
            self._authenticated, source, actor, Outcome.SUCCESS, "credential is good"
        )

    def refuse_stranger(
        self, origin: Origin, claimed: str, reason: str, *, certificate_sha256: str | None = None
    ) -> None:
        """Record that somebody unknown was turned away; a flood of it is counted, not written.

        Args:
            origin: The way in and the address.
            claimed: Name that it gave, harmless to print; not believed.
            reason: Why, in words of which there are few: the first refusal of each address and
                reason within a minute is recorded.
            certificate_sha256: Fingerprint of the TLS certificate that it showed, if any.
        """
        stranger = Actor(ActorKind.ANONYMOUS, claimed, frozenset(), frozenset(), origin)
        self._commit_first(
            self._strangers,
            f"{origin.door} {origin.address} {reason}",
            stranger,
            Outcome.DENIED,
            reason,
            counted_as="refused_before",
            details={"certificate_sha256": certificate_sha256} if certificate_sha256 else {},
        )

    def _commit_first(
        self,
        window: FirstOfWindow,
        source: str,
        actor: Actor,
        outcome: Outcome,
        reason: str,
        *,
        counted_as: str = "",
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        """Record an authentication if it is the first of its window; else it is counted."""
        counted = window.happened(source, self._clock.monotonic())
        if counted is None:
            return
        told = {**(details or {}), **({counted_as: counted} if counted and counted_as else {})}
        try:
            self._commit_alone(actor, Action.SESSION_CREATE, outcome, reason, details=told)
        except BaseException:
            window.take_back(source, counted)
            raise

    def _commit_alone(
        self,
        actor: Actor,
        action: Action,
        outcome: Outcome,
        reason: str,
        *,
        study: StudyRef | None = None,
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        record = self._recorder.record(actor, action, outcome, reason, study=study, details=details)
        self._stores.unit_of_work.commit(Unit((record,)))
