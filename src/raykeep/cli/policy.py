"""`raykeep policy …`."""

import click

from raykeep.cli.output import conclude, harmless, line, table
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.steps import Plain


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
    rows = (
        (
            rule["name"],
            rule["effect"],
            ", ".join(rule["roles"]),
            ", ".join(rule["actions"]),
            "any" if rule["doors"] is None else ", ".join(rule["doors"]),
        )
        for rule in result["rules"]
    )
    line(f"version {result['version']}")
    table(("RULE", "EFFECT", "ROLES", "ACTIONS", "DOORS"), rows, none="there is no rule")


def _show_answers(result: Plain) -> None:
    for answer in result["answers"]:
        verdict = "permitted" if answer["permitted"] else "refused"
        where = f" in {answer['facility']}" if answer["facility"] else ""
        duties = f"; asks for {', '.join(answer['obligations'])}" if answer["obligations"] else ""
        line(harmless(f"{verdict}{where}: {answer['reason']}{duties}"))
