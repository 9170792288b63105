"""`raykeep facility …`."""

import click

from raykeep.cli.output import conclude, fields, moment, table
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.steps import Plain


@click.group(cls=Section)
def facility() -> None:
    """Facilities: the tenants, each with keys and storage of its own."""


@facility.command("add", asks="facility.add")
@click.argument("name", help="1 to 32 lower-case letters, digits and inner hyphens.")
@click.option("--title", default="", metavar="TEXT", help="What people call it. Default: its name.")
@pass_place
def add(place: Place, name: str, title: str) -> int:
    """Register a tenant and make its key."""
    return conclude(
        place, run_command(place, "facility.add", {"name": name, "title": title}), _show
    )


@facility.command("list", asks="facility.list")
@pass_place
def list_all(place: Place) -> int:
    """All tenants."""
    return conclude(place, run_command(place, "facility.list", {}), _show_list)


@facility.command("show", asks="facility.show")
@click.argument("name", help="Its name.")
@pass_place
def show(place: Place, name: str) -> int:
    """One tenant."""
    return conclude(place, run_command(place, "facility.show", {"name": name}), _show)


def _show_list(result: Plain) -> None:
    rows = ((f["name"], f["title"], moment(f["created"])) for f in result["facilities"])
    table(("NAME", "TITLE", "SINCE"), rows, none="there is no facility")


def _show(result: Plain) -> None:
    fields(
        (("name", result["name"]), ("title", result["title"]), ("since", moment(result["created"])))
    )
