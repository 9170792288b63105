"""Windows of access: many reads of one study by one actor, recorded as one transfer.

*Begin Transferring* is committed before the first byte; what follows in the
window is only counted, and *Instances Transferred* closes it with the counts:
when the association ends, after a minute without a read, or by recovery after
a crash. A begin without an end is a finding (PS3.15 A.5.3.7).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

from raykeep.domain.access import Action, Actor, Denial, Permit, Request, Rules, StudyRef
from raykeep.domain.audit_event import AuditRecord, EventID, Outcome, RecordFilter
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.changes import Unit
from raykeep.domain.errors import AccessDenied, BlobNotFound, IntegrityError, StudyNotFound
from raykeep.domain.instance import StoredInstance
from raykeep.enforcement.recorder import Recorder
from raykeep.enforcement.stores import ScopedIndex, Stores
from raykeep.policy.decide import decide, everything
from raykeep.ports.clock import Clock

IDLE = 60.0  # seconds without a read that end a window

Key = tuple[str, str, str, str, str]


@dataclass
class _Window:
    """One open window; all of it is guarded by the lock of `Windows`."""

    key: Key
    begin: AuditRecord
    actor: Actor
    study: StudyRef
    last_read: float
    instances: set[str] = field(default_factory=set)
    reads: int = 0
    bytes_sent: int = 0


class Windows:
    """The open windows of a process.

    Args:
        recorder: Makes the records.
        rules: The policy.
        stores: What is read.
        clock: Tells idle time.
        process: Name of the process, part of each begin record, so that the process that
            comes after a crash can close what the one before it left open.
    """

    def __init__(
        self, recorder: Recorder, rules: Rules, stores: Stores, clock: Clock, process: str
    ) -> None:
        self._recorder = recorder
        self._rules = rules
        self._stores = stores
        self._clock = clock
        self._process = process
        self._open: dict[Key, _Window] = {}
        self._lock = Lock()

    def transfer(self, actor: Actor, purpose: str) -> "Transfer":
        """Let `actor` retrieve, for `purpose` (`wado`, `c-get`, …: it stands in the record)."""
        return Transfer(self, actor, purpose)

    def permit(self, actor: Actor, study: StudyRef | None) -> Permit:
        """The policy's yes to reading; the denial is recorded.

        Raises:
            AccessDenied: the policy said no.
        """
        request = Request(actor, Action.STUDY_READ, study, self._clock.now())
        decision = decide(self._rules, request)
        if isinstance(decision, Denial):
            self._record(actor, Outcome.DENIED, decision.reason, study)
            raise AccessDenied(decision.reason)
        return decision

    def find(
        self,
        actor: Actor,
        permit: Permit,
        study_uid: str,
        series_uid: str | None,
        sop_uid: str | None,
    ) -> list[StoredInstance]:
        """The instances of that path in scope, by number.

        Raises:
            StudyNotFound: nothing there in scope; the trail says whether it was hidden.
        """
        index = ScopedIndex(self._stores.index, permit)
        found = list(index.instances(study_uid, series_uid, sop_uid))
        if not found:
            hidden = self._stores.index.studies(study_uid, everything())
            seen = {study.facility for study in index.studies(study_uid)}
            outside = [study for study in hidden if study.facility not in seen]
            if outside:
                self._record(actor, Outcome.DENIED, "outside the actor's scope", outside[0])
            else:
                self._record(actor, Outcome.SUCCESS, "nothing of that UID", None)
            msg = "no such study, series or instance. Check the UIDs"
            raise StudyNotFound(msg)
        return found

    def count(self, actor: Actor, purpose: str, instance: StoredInstance, read_bytes: int) -> None:
        """Count a read within its window; the first one commits the begin record.

        Raises:
            StorageUnavailable: the record cannot be written; nothing may be sent.
        """
        study = instance.study
        address = str(actor.origin.address)
        key = (actor.name, address, purpose, study.facility, study.study_instance_uid)
        now = self._clock.monotonic()
        with self._lock:
            window = self._open.get(key)
            if window is not None:
                window.last_read = now
                window.reads += 1
                window.bytes_sent += read_bytes
                window.instances.add(instance.sop_instance_uid)
                return
        # Outside the lock: a commit waits for the disk. Two first readers may both begin; the
        # later begin then stands for its own window and is closed with it.
        begin = self._begin(actor, purpose, instance)
        self._stores.unit_of_work.commit(Unit((begin,)))
        with self._lock:
            other = self._open.pop(key, None)
            self._open[key] = _Window(
                key, begin, actor, study, now, {instance.sop_instance_uid}, 1, read_bytes
            )
        if other is not None:
            self._close([other], "window opened again")

    def close_idle(self) -> None:
        """End the windows that nobody has read through for a minute. Call every few seconds."""
        now = self._clock.monotonic()
        with self._lock:
            idle = [k for k, w in self._open.items() if now - w.last_read >= IDLE]
            windows = [self._open.pop(k) for k in idle]
        self._close(windows, "idle")

    def close_of(self, actor: Actor) -> None:
        """End the windows of an actor: its association has ended."""
        address = str(actor.origin.address)
        with self._lock:
            ended = [k for k in self._open if k[0] == actor.name and k[1] == address]
            windows = [self._open.pop(k) for k in ended]
        self._close(windows, "association ended")

    def close_all(self) -> None:
        """End all: the process stops."""
        with self._lock:
            windows = list(self._open.values())
            self._open.clear()
        self._close(windows, "process ended")

    def recover(self) -> int:
        """Close what an earlier process of this name left open; returns how many."""
        begun = self._stores.trail.search(
            RecordFilter(event=EventID.BEGIN_TRANSFERRING, action=Action.STUDY_READ, limit=10_000)
        )
        ended = self._stores.trail.search(
            RecordFilter(
                event=EventID.INSTANCES_TRANSFERRED, action=Action.STUDY_READ, limit=20_000
            )
        )
        closed = {record.details.get("begin") for record in ended}
        left = [
            record
            for record in begun
            if record.details.get("process") == self._process and record.record_id not in closed
        ]
        for begin in left:
            end = replace(
                begin,
                record_id=self._recorder.fresh_id(),
                at=self._clock.now(),
                event=EventID.INSTANCES_TRANSFERRED,
                outcome=Outcome.FAILED,
                reason="the process ended without counting what it sent",
                details={**begin.details, "begin": begin.record_id},
            )
            self._stores.unit_of_work.commit(Unit((end,)))
        return len(left)

    def read(
        self, actor: Actor, instance: StoredInstance, span: ByteRange | None
    ) -> Iterator[bytes | memoryview]:
        """Open the stored data set; see `Vault.open`. What does not open is an alert.

        Each chunk is authenticated, and the sealed digest is compared with the row's; hashing
        the plaintext once more is for verification.
        """
        with self._alerting(actor, instance):
            pieces = self._stores.vault.open(instance.sealed, span, rehash=False)
        return self._watched(pieces, actor, instance)

    def header(self, actor: Actor, instance: StoredInstance) -> bytes:
        """Open the header's raw bytes; see `Vault.open_header`. What does not open is an alert."""
        with self._alerting(actor, instance):
            return self._stores.vault.open_header(instance.sealed, instance.sealed_header)

    def _watched(
        self, pieces: Iterator[bytes | memoryview], actor: Actor, instance: StoredInstance
    ) -> Iterator[bytes | memoryview]:
        with self._alerting(actor, instance):
            yield from pieces

    @contextmanager
    def _alerting(self, actor: Actor, instance: StoredInstance) -> Iterator[None]:
        """Record that an object is damaged or gone before its reader is told."""
        try:
            yield
        except (IntegrityError, BlobNotFound) as error:
            record = self._recorder.record(
                actor,
                Action.STUDY_READ,
                Outcome.FAILED,
                type(error).__name__,
                study=instance.study,
                patient=instance.patient_pseudonym,
                details={
                    "sop_instance_uid": instance.sop_instance_uid,
                    "blob": str(instance.sealed.key),
                },
                alert=True,
            )
            self._stores.unit_of_work.commit(Unit((record,)))
            raise

    def _begin(self, actor: Actor, purpose: str, instance: StoredInstance) -> AuditRecord:
        record = self._recorder.record(
            actor,
            Action.STUDY_READ,
            Outcome.SUCCESS,
            "window of access opened",
            study=instance.study,
            patient=instance.patient_pseudonym,
            details={"purpose": purpose, "process": self._process},
        )
        return replace(record, event=EventID.BEGIN_TRANSFERRING)

    def _close(self, windows: list[_Window], why: str) -> None:
        for place, window in enumerate(windows):
            record = self._recorder.record(
                window.actor,
                Action.STUDY_READ,
                Outcome.SUCCESS,
                why,
                study=window.study,
                patient=window.begin.patient,
                count=len(window.instances),
                details={
                    **window.begin.details,
                    "begin": window.begin.record_id,
                    "reads": window.reads,
                    "bytes": window.bytes_sent,
                },
            )
            ended = replace(record, event=EventID.INSTANCES_TRANSFERRED)
            try:
                self._stores.unit_of_work.commit(Unit((ended,)))
            except BaseException:
                # What could not be told now is told when they have idled: counts are not lost.
                with self._lock:
                    for left in windows[place:]:
                        self._open.setdefault(left.key, left)
                raise

    def _record(self, actor: Actor, outcome: Outcome, reason: str, study: StudyRef | None) -> None:
        record = self._recorder.record(
            actor,
            Action.STUDY_READ,
            outcome,
            reason,
            study=study,
        )
        self._stores.unit_of_work.commit(Unit((record,)))


class Transfer:
    """One retrieval by one actor: find first, then read what was found."""

    def __init__(self, windows: Windows, actor: Actor, purpose: str) -> None:
        self._windows = windows
        self._actor = actor
        self._purpose = purpose

    def find(
        self, study_uid: str, series_uid: str | None = None, sop_uid: str | None = None
    ) -> list[StoredInstance]:
        """The instances of that path which the actor may read, by series and instance number.

        Raises:
            AccessDenied: the actor may read nothing at all.
            StudyNotFound: nothing there, or nothing that this actor may know of.
        """
        permit = self._windows.permit(self._actor, None)
        return self._windows.find(self._actor, permit, study_uid, series_uid, sop_uid)

    def read(
        self, instance: StoredInstance, span: ByteRange | None = None
    ) -> Iterator[bytes | memoryview]:
        """The stored data set or a part of it, in pieces of at most 64 KiB.

        The window is open and on the trail when this returns.

        Raises:
            AccessDenied: no longer permitted.
            IntegrityError: it does not open.
        """
        self._windows.permit(self._actor, instance.study)
        length = instance.sealed.length if span is None else span.length
        self._windows.count(self._actor, self._purpose, instance, length)
        return self._windows.read(self._actor, instance, span)

    def header(self, instance: StoredInstance) -> bytes:
        """The header's raw bytes: everything before Pixel Data.

        Raises:
            AccessDenied: no longer permitted.
            IntegrityError: it does not open.
        """
        self._windows.permit(self._actor, instance.study)
        self._windows.count(self._actor, self._purpose, instance, 0)
        return self._windows.header(self._actor, instance)
