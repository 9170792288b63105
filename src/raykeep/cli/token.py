"""`raykeep token …`."""

import click

from raykeep.cli import values
from raykeep.cli.output import conclude, day, fields, line, moment, table
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.steps import Plain


@click.group(cls=Section)
def token() -> None:
    """API tokens: for DICOMweb, a bearer each."""


@token.command("create", asks="token.create", here=("scope",))
@click.option("--name", required=True, metavar="N", help="What you call it.")
@click.option("--role", required=True, metavar="ROLE", help="What it may do, e.g. radiologist.")
@click.option("--facility", required=True, multiple=True, metavar="F", help="Where it may act.")
@click.option("--scope", multiple=True, metavar="S", help="Not offered yet.")
@click.option(
    "--expires",
    type=values.duration,
    default="30d",
    metavar="TIME",
    help="How long it lives, like 30d, 12h or 2w. Default: 30d.",
)
@click.option("--ip", multiple=True, metavar="CIDR", help="Where it may come from.")
@pass_place
def create(
    place: Place,
    *,
    name: str,
    role: str,
    facility: tuple[str, ...],
    scope: tuple[str, ...],
    expires: int,
    ip: tuple[str, ...],
) -> int:
    """Make a token. Its text is shown this once and kept nowhere."""
    if scope:
        # Passing over it would make a token that may do more than was asked for.
        msg = "scopes are not offered yet: leave --scope out and choose a narrower --role"
        raise click.UsageError(msg)
    parameters: Plain = {
        "name": name,
        "role": role,
        "facility": list(facility),
        "expires": expires,
        "ip": list(ip),
    }
    return conclude(place, run_command(place, "token.create", parameters), _show_new)


@token.command("list", asks="token.list")
@pass_place
def list_all(place: Place) -> int:
    """All tokens, the revoked ones included; never their text."""
    return conclude(place, run_command(place, "token.list", {}), _show_list)


@token.command("revoke", asks="token.revoke")
@click.argument("token_id", metavar="ID", help="Its id, as `token list` shows it.")
@pass_place
def revoke(place: Place, token_id: str) -> int:
    """Cut a token off: new requests at once, streams within five seconds."""
    finished = run_command(place, "token.revoke", {"token_id": token_id})
    return conclude(place, finished, lambda _: line("revoked"))


def _show_new(result: Plain) -> None:
    fields(
        (
            ("token", result["token"]),
            ("id", result["id"]),
            ("expires", moment(result["expires"])),
        )
    )
    line("The token is shown this once.")


def _show_list(result: Plain) -> None:
    rows = (
        (
            token["id"],
            token["name"],
            token["role"],
            ",".join(token["facilities"]),
            token["state"],
            day(token["expires"]),
            ",".join(token["ip"]) or "anywhere",
        )
        for token in result["tokens"]
    )
    headings = ("ID", "NAME", "ROLE", "FACILITIES", "STATE", "UNTIL", "FROM")
    table(headings, rows, none="there is no token. `raykeep token create` makes one")
