"""`raykeep import` and `raykeep blobs …`."""

from pathlib import Path

from raykeep.domain.access import Actor
from raykeep.domain.facility import FacilityName
from raykeep.servers.control.context import Context, Finished, Plain, Progress, Steps
from raykeep.servers.control.devices import Nothing
from raykeep.servers.control.table import CommandTable, Parameters
from raykeep.services.importing import ImportReport, import_paths
from raykeep.services.integrity import sweep_blobs, verify_blobs
from raykeep.services.tenants import show_facility

COMMANDS = CommandTable()


class Import(Parameters):
    """`import`. Paths are absolute."""

    paths: list[str]
    facility: str


class Verify(Parameters):
    """`blobs verify`."""

    limit: int | None = None


@COMMANDS.command("import", Import)
def take_in(context: Context, actor: Actor, given: Import) -> Steps:
    """Take in folders, ZIP files, media."""
    facility = FacilityName(given.facility)
    show_facility(context.enforcer, actor, facility)
    report = ImportReport()
    for report in import_paths(
        context.enforcer,
        actor,
        [Path(path) for path in given.paths],
        facility,
        context.ingest,
        context.clock,
    ):
        yield Progress(report.files, "files")
    result: Plain = {
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
    report = sweep_blobs(context.enforcer, actor, context.clock)
    return {
        "looked_at": report.looked_at,
        "young": report.young,
        "adopted": [str(key) for key in report.adopted],
        "set_aside": [{"blob": str(key), "why": why} for key, why in report.set_aside],
        "unfinished_removed": report.unfinished_removed,
        "purged": report.purged,
    }
