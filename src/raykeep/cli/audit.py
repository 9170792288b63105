"""`raykeep audit …`."""

import json
from pathlib import Path

import click

from raykeep.cli import values
from raykeep.cli.export_files import ExportFolder
from raykeep.cli.output import conclude, counted, harmless, line, moment, raw, remark, table
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.steps import Finished, Plain

MAX_RECORDS = 10_000  # that one answer may hold

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Section)
def audit() -> None:
    """The trail: who did what, who was refused, and the proof that it was not bent."""


@audit.command("tail", asks="audit.search")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, MAX_RECORDS),
    default=20,
    metavar="N",
    help="How many records. Default: 20.",
)
@pass_place
def tail(place: Place, limit: int) -> int:
    """The newest records, the newest last."""
    return conclude(place, run_command(place, "audit.search", {"limit": limit}), _show_records)


@audit.command("search", asks="audit.search")
@click.option("--since", type=values.since, metavar="TIME", help="A day, a time, or 2h (ago).")
@click.option("--until", type=values.since, metavar="TIME", help="The same.")
@click.option("--actor", metavar="NAME", help="AE title, token id, user or process.")
@click.option("--action", metavar="ACTION", help="For example instance:store.")
@click.option("--outcome", metavar="OUTCOME", help="success, denied or failed.")
@click.option("--event", type=int, metavar="CODE", help="PS3.15 event, e.g. 110114.")
@click.option("--facility", metavar="F", help="Tenant concerned.")
@click.option("--study", metavar="UID", help="Study concerned.")
@click.option("--patient-id", metavar="ID", help="Patient concerned; with --facility.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_RECORDS),
    default=100,
    metavar="N",
    help="The newest so many. Default: 100.",
)
@pass_place
def search(place: Place, /, **conditions: object) -> int:
    """Records that fit all conditions, the newest last; the search is recorded, too."""
    return conclude(place, run_command(place, "audit.search", conditions), _show_records)


@audit.command("verify", asks="audit.verify")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="A checkpoint that was kept elsewhere; the trail must still agree with it.",
)
@pass_place
def verify(place: Place, checkpoints: tuple[Path, ...]) -> int:
    """Walk the whole trail.

    Exit code 1: something does not hold; the first record that does not is named.
    """
    texts = [values.text_of(path) for path in checkpoints]
    return conclude(place, run_command(place, "audit.verify", {"checkpoints": texts}), _show_report)


@audit.command("checkpoint", asks="audit.checkpoint")
@pass_place
def checkpoint(place: Place) -> int:
    """Print a signed checkpoint over the trail as it stands, to be kept elsewhere."""
    finished = run_command(place, "audit.checkpoint", {})
    return conclude(place, finished, lambda result: raw(result["checkpoint"]))


@audit.command("prove", asks="audit.prove")
@click.argument("record", metavar="ID", help="Its id, as `audit tail` shows it.")
@pass_place
def prove(place: Place, record: str) -> int:
    """Print the proof that a record stands on the trail, for whoever has the public key alone."""
    return conclude(place, run_command(place, "audit.prove", {"record": record}), _show_proof)


@audit.command("export", asks="audit.export", here=("out",))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="A new or empty folder.",
)
@pass_place
def export(place: Place, out: Path) -> int:
    """Write all sealed records, the checkpoints and the public key as files (mode 0600)."""
    with ExportFolder(out, place.data) as folder:
        finished = run_command(place, "audit.export", {}, sink=folder.take)
    result = {**finished.result, "out": str(out)}
    return conclude(place, Finished(result, finished.exit_code), _show_export)


def _show_records(result: Plain) -> None:
    headings = (
        *("TIME", "OUTCOME", "ACTOR", "FROM", "ACTION", "ON"),
        *("FACILITY", "COUNT", "ID", "REASON"),
    )
    rows = (
        (
            moment(record["at"]),
            record["outcome"],
            record["actor"],
            record["address"],
            record["action"],
            record["details"].get("device") or record["details"].get("token"),
            record["facility"],
            record["count"] or None,
            record["id"],
            record["reason"],
        )
        for record in reversed(result["records"])
    )
    table(headings, rows, none="no record fits", fold=False)


def _show_report(result: Plain) -> None:
    for kind in ("findings", "warnings"):
        for one in result[kind]:
            leaf = f"leaf {one['leaf']}: " if one["leaf"] is not None else ""
            record = f"record {one['record']}: " if one["record"] else ""
            line(harmless(f"{kind[:-1]}: {leaf}{record}{one['what']}"))
    verdict = "the trail holds" if result["holds"] else "the trail does NOT hold"
    line(
        f"{verdict}: {counted(result['leaves'], 'record')} sealed, {result['signed_leaves']} of "
        f"them signed by {counted(result['checkpoints'], 'checkpoint')}, "
        f"{result['unsealed']} not sealed yet"
    )


def _show_proof(result: Plain) -> None:
    raw(result["proof"])
    entry = json.loads(result["entry"])
    what = f"{entry['actor']} {entry['action']} {entry['outcome']} at {entry['at']}"
    remark(f"leaf {result['leaf']} of {result['tree_size']}: {what}")
    remark(f"public key: {result['public_key']}")


def _show_export(result: Plain) -> None:
    records, checkpoints = result["records"], result["checkpoints"]
    counts = f"{counted(records, 'record')}, {counted(checkpoints, 'checkpoint')}"
    line(harmless(f"{counts} in {result['out']}"))
