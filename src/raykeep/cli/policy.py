"""`raykeep policy …`."""

from textwrap import fill

import click

from raykeep.cli.output import conclude, harmless, line
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.steps import Plain

WIDTH = 100  # columns of a rule as it is shown


@click.group(cls=Section)
def policy() -> None:
    """The policy: what is permitted to whom. What no rule permits is refused."""


@policy.command("show", asks="policy.show")
@pass_place
def show(place: Place) -> int:
    """The rules in force."""
    return conclude(place, run_command(place, "policy.show", {}), _show_rules)


@policy.command("explain", asks="policy.explain")
@click.option(
    "--user",
    required=True,
    metavar="NAME",
    help="device:AET, token:ID (or its name), role:ROLE or operator.",
)
@click.option("--action", required=True, metavar="ACTION", help="For example study:read.")
@click.option("--study", metavar="UID", help="On this study; in general without.")
@pass_place
def explain(place: Place, user: str, action: str, study: str | None) -> int:
    """Why somebody may or may not do something."""
    parameters: Plain = {"user": user, "action": action, "study": study}
    return conclude(place, run_command(place, "policy.explain", parameters), _show_answers)


def _show_rules(result: Plain) -> None:
    line(f"version {result['version']}")
    for rule in result["rules"]:
        doors = ["any"] if rule["doors"] is None else rule["doors"]
        line()
        line(harmless(f"{rule['effect']}: {rule['name']}"))
        for what, values in (("roles", rule["roles"]), ("doors", doors), ("to", rule["actions"])):
            listed = fill(
                harmless(", ".join(values)),
                width=WIDTH,
                initial_indent=f"  {what:<6} ",
                subsequent_indent=" " * 9,
                break_on_hyphens=False,
            )
            line(listed)


def _show_answers(result: Plain) -> None:
    for answer in result["answers"]:
        verdict = "permitted" if answer["permitted"] else "refused"
        where = f" in {answer['facility']}" if answer["facility"] else ""
        duties = f"; asks for {', '.join(answer['obligations'])}" if answer["obligations"] else ""
        line(harmless(f"{verdict}{where}: {answer['reason']}{duties}"))
