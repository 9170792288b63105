"""`raykeep audit …`."""

import time
from datetime import datetime
from typing import TypeVar

from raykeep.domain.access import Action, Actor
from raykeep.domain.audit_event import AuditRecord, EventID, Outcome, RecordFilter
from raykeep.domain.errors import InvalidInput, RecordNotFound, shown
from raykeep.domain.facility import FacilityName
from raykeep.servers.control.context import Context
from raykeep.servers.control.steps import Finished, Output, Plain, Progress, Steps
from raykeep.servers.control.table import CommandTable, Nothing, Parameters
from raykeep.services import audit_review

COMMANDS = CommandTable()

MAX_RECORDS = 10_000  # that one answer may hold


class Search(Parameters, frozen=True):
    """`audit search`; `audit tail` is a search for the newest few."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    event: int | None = None
    facility: str | None = None
    study: str | None = None
    patient_id: str | None = None
    limit: int = 100


class Verify(Parameters, frozen=True):
    """`audit verify`. Checkpoints are the texts of the files that the operator named."""

    checkpoints: tuple[str, ...] = ()


class ById(Parameters, frozen=True):
    """`audit prove`."""

    record: str


@COMMANDS.answer("audit.search", Search)
def search(context: Context, actor: Actor, given: Search) -> Plain:
    """Records that fit, newest first."""
    if not 1 <= given.limit <= MAX_RECORDS:
        msg = f"--limit is {given.limit}, not between 1 and {MAX_RECORDS}. Ask for fewer"
        raise InvalidInput(msg)
    facility = None if given.facility is None else FacilityName(given.facility)
    patient = None
    if given.patient_id is not None:
        if facility is None:
            msg = "a patient is searched for within a facility. Name it with --facility"
            raise InvalidInput(msg)
        patient = audit_review.pseudonym(context.enforcer, actor, facility, given.patient_id)
    wanted = RecordFilter(
        since=given.since,
        until=given.until,
        actor=given.actor,
        action=_one(Action, given.action),
        outcome=_one(Outcome, given.outcome),
        event=_event(given.event),
        facility=facility,
        study_instance_uid=given.study,
        patient=patient,
        limit=given.limit,
    )
    records = audit_review.search_trail(context.enforcer, actor, wanted)
    return {"records": [_told(record) for record in records]}


@COMMANDS.answer("audit.verify", Verify)
def verify(context: Context, actor: Actor, given: Verify) -> Finished:
    """Walk the whole trail; exit code 1 names the first place that does not hold."""
    report = audit_review.verify_trail(
        context.enforcer, actor, context.trail_keys, context.clock, list(given.checkpoints)
    )
    result: Plain = {
        "holds": report.holds,
        "leaves": report.leaves,
        "checkpoints": report.checkpoints,
        "signed_leaves": report.signed_leaves,
        "unsealed": report.unsealed,
        "findings": [
            {"leaf": f.leaf_index, "record": f.record_id, "what": f.what} for f in report.findings
        ],
        "warnings": [
            {"leaf": f.leaf_index, "record": f.record_id, "what": f.what} for f in report.warnings
        ],
    }
    return Finished(result, 0 if report.holds else 1)


@COMMANDS.answer("audit.checkpoint", Nothing)
def checkpoint(context: Context, actor: Actor, _: Nothing) -> Plain:
    """A signed checkpoint over the trail as it stands."""
    note = audit_review.sign_checkpoint(
        context.enforcer, actor, context.trail_keys, context.clock, time.sleep
    )
    return {"checkpoint": note, "public_key": str(context.trail_keys.verifier())}


@COMMANDS.answer("audit.prove", ById)
def prove(context: Context, actor: Actor, given: ById) -> Plain:
    """Proof that a record stands on the trail, by a checkpoint that is made if need be."""
    archive = (context.enforcer, actor, context.trail_keys, context.clock)
    try:
        proof = audit_review.prove_record(*archive, given.record)
    except RecordNotFound:
        # It may be younger than the last checkpoint.
        audit_review.sign_checkpoint(*archive, time.sleep)
        proof = audit_review.prove_record(*archive, given.record)
    return {
        "leaf": proof.leaf_index,
        "tree_size": proof.tree_size,
        "entry": proof.entry.decode(),
        "proof": proof.text(),
        "public_key": str(context.trail_keys.verifier()),
    }


@COMMANDS.command("audit.export", Nothing)
def export(context: Context, actor: Actor, _: Nothing) -> Steps:
    """All sealed entries, the checkpoints and the public key, as files."""
    count = 0
    for entries in audit_review.export_trail(context.enforcer, actor):
        count += len(entries)
        yield Output("trail.jsonl", "".join(f"{entry.decode()}\n" for entry in entries))
        yield Progress(count, "records")
    kept = audit_review.kept_checkpoints(context.enforcer, actor)
    for size, note in kept:
        yield Output(f"checkpoint-{size:012d}.txt", note)
    yield Output("public-key.txt", f"{context.trail_keys.verifier()}\n")
    yield Finished({"records": count, "checkpoints": len(kept)})


def _event(code: int | None) -> EventID | None:
    if code is None:
        return None
    try:
        return EventID(code)
    except ValueError:
        allowed = ", ".join(str(event.value) for event in EventID)
        msg = f"{code} is no event of the trail. Take one of: {allowed}"
        raise InvalidInput(msg) from None


K = TypeVar("K", Action, Outcome)


def _one(kind: type[K], text: str | None) -> K | None:
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(sorted(kind))
        msg = f"{shown(text)} is not known. Take one of: {allowed}"
        raise InvalidInput(msg) from None


def _told(record: AuditRecord) -> Plain:
    return {
        "id": record.record_id,
        "at": record.at.isoformat(),
        "event": int(record.event),
        "action": record.action.value,
        "outcome": record.outcome.value,
        "actor_kind": record.actor_kind.value,
        "actor": record.actor,
        "door": record.door.value,
        "address": record.address,
        "facility": record.facility,
        "study": record.study_instance_uid,
        "patient": record.patient,
        "count": record.count,
        "reason": record.reason,
        "details": dict(record.details),
    }
