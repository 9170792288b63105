"""`raykeep import`."""

from pathlib import Path

import click

from raykeep.cli.output import conclude, counted, harmless, line, remark, size
from raykeep.cli.place import Place, absolute, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Leaf
from raykeep.servers.control.steps import Plain

MAX_SHOWN = 20  # refusals that are named one by one; --json names more


@click.command("import", cls=Leaf, asks="import")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH…",
    help="Folders, ZIP files, a DICOMDIR, DICOM files.",
)
@click.option("--facility", metavar="F", help="Tenant to import into. Default: the only one.")
@pass_place
def take_in(place: Place, paths: tuple[Path, ...], facility: str | None) -> int:
    """Take in folders, ZIP files, a DICOMDIR with its files, or single files.

    A file that is refused does not stop the others. Exit code 1: something was refused or
    quarantined. The archive's own user must be able to read the files.
    """
    parameters: Plain = {"paths": [str(absolute(path)) for path in paths], "facility": facility}
    return conclude(place, run_command(place, "import", parameters), _show)


def _show(result: Plain) -> None:
    counts = (
        (result["stored"], "stored"),
        (result["duplicates"], "there already"),
        (result["quarantined"], "quarantined"),
        (result["refused"], "refused"),
        (result["not_dicom"], "not DICOM"),
    )
    told = ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing found"
    read = size(result["bytes"])
    line(f"{harmless(result['facility'])}: {told} ({counted(result['files'], 'file')}, {read})")
    for refusal in result["refusals"][:MAX_SHOWN]:
        remark(f"refused {refusal['path']}: {refusal['why']}")
    if (more := result["refused"] - MAX_SHOWN) > 0:
        remark(f"and {more} more; --json names up to 1000 of them")
