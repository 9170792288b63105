"""`raykeep blobs …`."""

import click

from raykeep.cli.output import conclude, harmless, line, size
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.steps import Plain


@click.group(cls=Section)
def blobs() -> None:
    """Stored objects: check and repair."""


@blobs.command("verify", asks="blobs.verify")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Stop after this many objects."
)
@pass_place
def verify(place: Place, limit: int | None) -> int:
    """Read stored objects back and check that each one still opens.

    Exit code 1: at least one did not; each is named.
    """
    return conclude(place, run_command(place, "blobs.verify", {"limit": limit}), _show_verified)


@blobs.command("sweep", asks="blobs.sweep")
@pass_place
def sweep(place: Place) -> int:
    """Find a place for what no row of the index names; the archive does so each hour.

    What is whole and newer than the index is adopted, anything else is set aside for 35 days.
    """
    return conclude(place, run_command(place, "blobs.sweep", {}), _show_swept)


def _show_verified(result: Plain) -> None:
    for damage in result["damaged"]:
        what = f"study {damage['study']} instance {damage['instance']}: {damage['finding']}"
        line(harmless(f"damaged {damage['blob']} {what}"))
    checked = f"{result['checked']} checked ({size(result['bytes'])})"
    line(f"{checked}, {len(result['damaged'])} damaged")


def _show_swept(result: Plain) -> None:
    for blob in result["adopted"]:
        line(harmless(f"adopted {blob}"))
    for one in result["set_aside"]:
        line(harmless(f"set aside {one['blob']}: {one['why']}"))
    line(
        f"{result['looked_at']} looked at, {len(result['adopted'])} adopted, "
        f"{len(result['set_aside'])} set aside, {result['young']} too young to judge, "
        f"{result['unfinished_removed']} unfinished removed, {result['purged']} purged"
    )
