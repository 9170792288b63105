"""`raykeep db …`."""

import click

from raykeep.cli.failures import CommandFailed
from raykeep.cli.output import conclude, fields, line
from raykeep.cli.owner import become_owner
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import is_running, run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.statuses import WRONG_USAGE
from raykeep.servers.control.steps import Finished, Plain


@click.group(cls=Section)
def db() -> None:
    """The database: index, registry and trail."""


@db.command("status", asks="db.status")
@pass_place
def status(place: Place) -> int:
    """Which engine, which revision, and how much is in it."""
    return conclude(place, run_command(place, "db.status", {}), _show_status)


@db.command("upgrade")
@pass_place
def upgrade(place: Place) -> int:
    """Bring the tables up to this release, while the archive is down; each start does so, too."""
    if is_running(place):
        msg = "the archive is running. Stop it first; when it starts again it upgrades by itself"
        raise CommandFailed(msg, WRONG_USAGE)
    from raykeep.bootstrap.command import upgrade_database  # noqa: PLC0415 - takes time
    from raykeep.bootstrap.keys import ask_for_passphrase  # noqa: PLC0415 - the same

    become_owner(place.data)
    applied = upgrade_database(place.layout, place.config, ask_for_passphrase)
    return conclude(place, Finished({"applied": applied}), _show_applied)


def _show_status(result: Plain) -> None:
    totals = result["totals"]
    facts = ((name.replace("_", " "), v) for name, v in result.items() if name != "totals")
    fields((*facts, *totals.items()))


def _show_applied(result: Plain) -> None:
    for revision in result["applied"]:
        line(f"applied {revision}")
    if not result["applied"]:
        line("nothing to do: the database is of this release")
