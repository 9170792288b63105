"""`raykeep import` and `raykeep blobs …`."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from raykeep.domain.access import Actor
from raykeep.domain.errors import InvalidInput
from raykeep.domain.facility import FacilityName
from raykeep.servers.control.context import Context
from raykeep.servers.control.steps import Finished, Plain, Progress, Steps
from raykeep.servers.control.table import CommandTable, Nothing, Parameters
from raykeep.services.importing import ImportReport, import_paths
from raykeep.services.integrity import sweep_blobs, verify_blobs
from raykeep.services.tenants import list_facilities, show_facility

COMMANDS = CommandTable()

MAX_PATHS = 10_000  # of one import


class Import(Parameters, frozen=True):
    """`import`. Paths are absolute; without a facility, the only one is meant."""

    paths: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_PATHS)]
    facility: str | None = None


class Verify(Parameters, frozen=True):
    """`blobs verify`."""

    limit: Annotated[int, Meta(ge=1)] | None = None


@COMMANDS.command("import", Import)
def take_in(context: Context, actor: Actor, given: Import) -> Steps:
    """Take in folders, ZIP files, media."""
    facility = _facility(context, actor, given.facility)
    report = ImportReport()
    for report in import_paths(
        context.enforcer,
        actor,
        [Path(path) for path in given.paths],
        facility=facility,
        settings=context.ingest,
        clock=context.clock,
    ):
        yield Progress(report.files, "files")
    result: Plain = {
        "facility": facility,
        "files": report.files,
        "stored": report.stored,
        "duplicates": report.duplicates,
        "quarantined": report.quarantined,
        "not_dicom": report.not_dicom,
        "refused": report.refused,
        "bytes": report.bytes_read,
        "refusals": [{"path": r.path, "why": r.why} for r in report.refusals],
    }
    yield Finished(result, exit_code=1 if report.refused or report.quarantined else 0)


@COMMANDS.command("blobs.verify", Verify)
def verify(context: Context, actor: Actor, given: Verify) -> Steps:
    """Read stored objects back."""
    for report in verify_blobs(context.enforcer, actor, limit=given.limit):
        yield Progress(report.checked, "objects")
    damaged = [
        {
            "blob": str(d.key),
            "study": d.study_instance_uid,
            "instance": d.sop_instance_uid,
            "finding": d.finding,
        }
        for d in report.damaged
    ]
    result = {"checked": report.checked, "bytes": report.bytes_read, "damaged": damaged}
    yield Finished(result, exit_code=1 if damaged else 0)


@COMMANDS.answer("blobs.sweep", Nothing)
def sweep(context: Context, actor: Actor, _: Nothing) -> Plain:
    """Find a place for what no row names."""
    report = sweep_blobs(context.enforcer, actor, context.clock, known_until=context.known_until)
    return {
        "looked_at": report.looked_at,
        "young": report.young,
        "adopted": [str(key) for key in report.adopted],
        "set_aside": [{"blob": str(key), "why": why} for key, why in report.set_aside],
        "unfinished_removed": report.unfinished_removed,
        "purged": report.purged,
    }


def _facility(context: Context, actor: Actor, wanted: str | None) -> FacilityName:
    """The facility that is meant.

    Raises:
        FacilityNotFound: there is none of that name.
        InvalidInput: none is named, and there is not just one.
    """
    if wanted is not None:
        return show_facility(context.enforcer, actor, FacilityName(wanted)).name
    names = [facility.name for facility in list_facilities(context.enforcer, actor)]
    if len(names) != 1:
        known = ", ".join(names) or "none yet"
        msg = f"the archive has not just one facility ({known}). Name one with --facility"
        raise InvalidInput(msg)
    return names[0]
