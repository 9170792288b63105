"""Taking instances in: one path for C-STORE, STOW-RS and import."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from raykeep.dicom.head import Head
from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.scan import InstanceScanner
from raykeep.dicom.screening import first_refusal, fragment_finding, quarantine_finding
from raykeep.dicom.sop_classes import is_storage
from raykeep.dicom.stored_header import pack_header
from raykeep.domain.access import Action, Actor, StudyRef
from raykeep.domain.attributes import UNIQUE_KEY, Level
from raykeep.domain.blobs import BodyFacts, Place, SealedObject
from raykeep.domain.changes import AddInstance
from raykeep.domain.errors import (
    ChangeRefused,
    IdentifiersDiffer,
    InstanceRefused,
    LimitExceeded,
    SOPClassRefused,
)
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Instance, InstanceState, Provenance
from raykeep.domain.uids import UID
from raykeep.enforcement.door import Enforcer, Operation
from raykeep.services.ingest_settings import IngestSettings
from raykeep.services.manifest import encode_manifest

Buffer = bytes | bytearray | memoryview

_ENOUGH = 1_048_576  # bytes that are kept before an early head will do
_SMALL = 4_096  # bytes; shorter pieces are kept together

_PATIENT_ID = UNIQUE_KEY[Level.PATIENT].tag
_SAME_UID_OTHER_CONTENT = "the SOP Instance UID is stored already with other content"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One instance as it comes in.

    Attributes:
        transfer_syntax_uid: Negotiated, or of the file meta information.
        body: The data set's bytes, cut anywhere; a piece's memory is used again for the next.
        facility: Tenant that it shall belong to.
        sop_class_uid: As the command or the file meta information says; None when it does not.
        sop_instance_uid: The same.
        study_instance_uid: As the path of the request says.
        arrived_at: When.
    """

    transfer_syntax_uid: UID
    body: Iterable[Buffer]
    facility: FacilityName
    arrived_at: datetime
    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    study_instance_uid: str | None = None


class Verdict(StrEnum):
    """What became of an arrival that was not refused."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # the very same content was there: nothing changed
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer to an arrival."""

    verdict: Verdict
    sop_class_uid: UID
    sop_instance_uid: UID
    study_instance_uid: UID
    finding: str = ""
    series_instance_uid: str = ""


class _AlreadyStored(Exception):
    """The body that was just read is stored already."""


def store_instance(
    enforcer: Enforcer,
    actor: Actor,
    arrival: Arrival,
    settings: IngestSettings,
    action: Action = Action.INSTANCE_STORE,
) -> Stored:
    """Take one instance in, from C-STORE, STOW-RS and import alike.

    When this returns, the instance is sealed, durable, indexed (or quarantined) and on the
    audit trail; when it raises, no search can find it.

    Raises:
        AccessDenied: `actor` may not store, or not this.
        InstanceRefused: its content or its UIDs do not stand; nothing was kept.
        MalformedDataSet: it is not a data set, or it ends too early.
        LimitExceeded: it is larger or deeper than the limits.
        StorageFull: there is no room.
        StorageUnavailable: keys, database or store are away.
    """
    instance: Instance | None = None
    try:
        with enforcer.operation(actor, action) as op:
            body = _Body(arrival, settings.limits)
            head = body.head()
            study = _study_of(head, arrival.facility)
            op.on(study)
            finding = _screen(op, head, arrival, settings)
            instance = _seal(
                op,
                body=body,
                head=head,
                arrival=arrival,
                actor=actor,
                finding=finding,
                settings=settings,
            )
            if instance is None:
                op.note(count=1, details={"duplicate": head.sop_instance_uid})
                return _stored(Verdict.DUPLICATE, head)
            op.change(AddInstance(instance))
    except ChangeRefused:
        if instance is None:
            raise
        # Somebody stored the same UID while this body was coming in.
        return _after_a_race(enforcer, actor, action, instance, settings)
    verdict = Verdict.QUARANTINED if instance.finding else Verdict.STORED
    return _stored(verdict, head, instance.finding)


class _Body:
    """An arrival's bytes: read once, scanned on the way, handed on unchanged."""

    def __init__(self, arrival: Arrival, limits: DataSetLimits) -> None:
        self._scanner = InstanceScanner(arrival.transfer_syntax_uid, limits)
        self._pieces = iter(arrival.body)
        self._kept: list[Buffer] = []
        self._most = limits.header_bytes
        self.scanner = self._scanner

    def head(self) -> Head:
        """Read until everything before Pixel Data is there, or enough of it.

        Where much stands before Pixel Data, or instead of it, the head is an early one: it
        identifies the instance, and `scanner.head` has the rest once the body was read.

        Raises:
            LimitExceeded: too much stands before what identifies the instance.
        """
        length = 0
        for piece in self._pieces:
            self._keep(piece)
            if self._scanner.feed(piece):
                return self._scanner.head
            length += len(piece)
            if length > _ENOUGH and (early := self._scanner.early_head()) is not None:
                return early
            if length > self._most:
                raise LimitExceeded("bytes before the identifiers", length, self._most, "bytes")
        self._scanner.finish()
        return self._scanner.head

    def _keep(self, piece: Buffer) -> None:
        """Keep a copy: the piece's memory is used again once the next one is asked for."""
        if len(piece) >= _SMALL:
            self._kept.append(bytes(piece))
        elif self._kept and isinstance(last := self._kept[-1], bytearray):
            last += piece
        else:
            # Many small pieces in one buffer: each alone would cost many times its bytes.
            self._kept.append(bytearray(piece))

    def __iter__(self) -> Iterator[Buffer]:
        yield from self._kept
        self._kept.clear()
        for piece in self._pieces:
            self._scanner.feed(piece)
            yield piece
        self._scanner.finish()


def _study_of(head: Head, facility: FacilityName) -> StudyRef:
    modalities = frozenset(filter(None, head.modality.split("\\")))
    return StudyRef(facility, head.study_instance_uid, modalities, head.study_year)


def _screen(op: Operation, head: Head, arrival: Arrival, settings: IngestSettings) -> str:
    """Refuse, or return why the instance is to be quarantined, or nothing."""
    uid = head.sop_instance_uid
    for name, said, found in (
        ("SOP Class UID", arrival.sop_class_uid, head.sop_class_uid),
        ("SOP Instance UID", arrival.sop_instance_uid, uid),
        ("Study Instance UID", arrival.study_instance_uid, head.study_instance_uid),
    ):
        if said is not None and said != found:
            raise IdentifiersDiffer(uid, f"its {name} is not the one that was announced")
    if not (is_storage(head.sop_class_uid) or settings.private_sop_classes):
        raise SOPClassRefused(uid, f"SOP class {head.sop_class_uid} is no storage class")
    if finding := first_refusal(head, private_sop_classes=settings.private_sop_classes):
        raise InstanceRefused(uid, finding)
    patient = op.index.study_patient(arrival.facility, head.study_instance_uid)
    conflict = patient is not None and patient != patient_id(head)
    return quarantine_finding(head, patient_conflict=conflict) or ""


def _seal(
    op: Operation,
    *,
    body: _Body,
    head: Head,
    arrival: Arrival,
    actor: Actor,
    finding: str,
    settings: IngestSettings,
) -> Instance | None:
    """Seal and keep the body; None when the very same is stored already."""
    known = op.index.same_instance(arrival.facility, head.sop_instance_uid)
    origin = actor.origin
    provenance = Provenance(
        arrival.arrived_at,
        origin.door,
        actor.name,
        "" if origin.address is None else str(origin.address),
    )
    place = Place(arrival.facility, head.study_instance_uid, arrival.arrived_at.year)

    def manifest(facts: BodyFacts) -> bytes:
        # Called when the whole body has been read and nothing is visible yet: the place to
        # turn back without leaving anything behind.
        nonlocal finding
        if body.scanner.head is not head:  # an early one: now the rest can be looked at, too
            finding = finding or quarantine_finding(body.scanner.head) or ""
        if known is not None:
            if facts.digest == known[0]:
                raise _AlreadyStored
            op.note(alert=True, details={"sop_instance_uid": head.sop_instance_uid})
            if settings.conflicts == "refuse":
                raise InstanceRefused(head.sop_instance_uid, _SAME_UID_OTHER_CONTENT)
            finding = finding or _SAME_UID_OTHER_CONTENT
        finding = finding or fragment_finding(head, body.scanner.fragments) or ""
        return encode_manifest(arrival.transfer_syntax_uid, provenance, finding)

    try:
        sealed = op.vault.put(place, body, manifest)
    except _AlreadyStored:
        return None
    head = body.scanner.head
    patient = pseudonym_of(op, head, arrival.facility)
    op.note(
        patient=patient,
        count=1,
        details={
            "sop_instance_uid": head.sop_instance_uid,
            "sha256": sealed.digest.hex(),
            **({"quarantined": finding} if finding else {}),
        },
    )
    return instance_from(
        op,
        head,
        arrival=arrival,
        provenance=provenance,
        sealed=sealed,
        patient=patient,
        finding=finding,
        fragments=body.scanner.fragments,
    )


def patient_id(head: Head) -> str:
    """Patient ID, empty without one."""
    return head.attributes.values.get(_PATIENT_ID, "")


def pseudonym_of(op: Operation, head: Head, facility: FacilityName) -> str:
    """What the trail calls the patient, empty without a Patient ID."""
    known = patient_id(head)
    return op.vault.pseudonym(facility, known) if known else ""


def instance_from(
    op: Operation,
    head: Head,
    *,
    arrival: Arrival,
    provenance: Provenance,
    sealed: SealedObject,
    patient: str,
    finding: str,
    fragments: bytes,
) -> Instance:
    """The row of a sealed instance."""
    return Instance(
        facility=arrival.facility,
        study_instance_uid=head.study_instance_uid,
        series_instance_uid=head.series_instance_uid,
        sop_instance_uid=head.sop_instance_uid,
        sop_class_uid=head.sop_class_uid,
        transfer_syntax_uid=arrival.transfer_syntax_uid,
        attributes=head.attributes,
        sealed=sealed,
        sealed_header=op.vault.seal_header(
            arrival.facility,
            head.study_instance_uid,
            sealed.key.object_id,
            pack_header(head),
        ),
        provenance=provenance,
        patient_pseudonym=patient,
        state=InstanceState.QUARANTINED if finding else InstanceState.STORED,
        finding=finding,
        pixel_data_offset=head.pixel_data.offset if head.pixel_data else None,
        fragments=fragments,
    )


def _stored(verdict: Verdict, head: Head, finding: str = "") -> Stored:
    return Stored(
        verdict,
        head.sop_class_uid,
        head.sop_instance_uid,
        head.study_instance_uid,
        finding,
        head.series_instance_uid,
    )


def _after_a_race(
    enforcer: Enforcer,
    actor: Actor,
    action: Action,
    instance: Instance,
    settings: IngestSettings,
) -> Stored:
    """The same UID was stored while this body came in: the same content is a duplicate.

    The blob that was sealed for nothing is left to the sweeper.
    """
    uid = instance.sop_instance_uid
    ids = (instance.sop_class_uid, uid, instance.study_instance_uid)
    with enforcer.operation(actor, action) as op:
        known = op.index.same_instance(instance.facility, uid)
        op.note(facility=instance.facility, count=1, details={"sop_instance_uid": uid, "raced": 1})
        if known is not None and known[0] == instance.sealed.digest:
            return Stored(Verdict.DUPLICATE, *ids, series_instance_uid=instance.series_instance_uid)
        op.note(alert=True)
        if settings.conflicts == "refuse":
            raise InstanceRefused(uid, _SAME_UID_OTHER_CONTENT)
        finding = _SAME_UID_OTHER_CONTENT
        op.change(AddInstance(replace(instance, state=InstanceState.QUARANTINED, finding=finding)))
    return Stored(Verdict.QUARANTINED, *ids, finding)
