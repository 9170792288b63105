"""`raykeep serve`, and the processes that it starts."""

import logging
import sys
from contextlib import suppress
from typing import Any

import click

from raykeep.cli.failures import OutputClosed
from raykeep.cli.init import FIRST_FACILITY, make_archive, show_made, show_next
from raykeep.cli.output import document, line
from raykeep.cli.owner import become_owner
from raykeep.cli.place import Place, pass_place
from raykeep.cli.sections import Leaf
from raykeep.cli.values import words

PORT = click.IntRange(0, 65_535)


@click.command("serve", cls=Leaf)
@click.option(
    "--only", multiple=True, metavar="PARTS", help="Of dimse,web,worker. Default: all three."
)
@click.option("--host", metavar="ADDR", help="Address to listen on. Default: loopback.")
@click.option("--dimse-port", type=PORT, metavar="N", help="DICOM over TLS; 0 takes a free one.")
@click.option("--https-port", type=PORT, metavar="N", help="HTTPS; 0 takes a free one.")
@pass_place
def serve(
    place: Place,
    only: tuple[str, ...],
    host: str | None,
    dimse_port: int | None,
    https_port: int | None,
) -> int:
    """Run the archive until it gets SIGTERM or SIGINT.

    In an empty data directory it first does what `raykeep init` does. Once every listener
    answers, run/ready.json in the data directory has the ports.
    """
    from raykeep.bootstrap.keys import ask_for_passphrase  # noqa: PLC0415 - takes time
    from raykeep.bootstrap.serve import ServeWish  # noqa: PLC0415 - the same
    from raykeep.bootstrap.serve import serve as run_archive  # noqa: PLC0415 - the same

    become_owner(place.data)
    is_new = not place.layout.manifest.exists()
    if is_new:
        made = make_archive(place)
        if not place.as_json:
            show_made(made)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s supervisor %(name)s: %(message)s",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # talks of itself at each start

    def told_ready(ready: dict[str, Any]) -> None:
        # The archive goes on when nobody reads what it says here.
        with suppress(OutputClosed):
            if place.as_json:
                document(ready)
            else:
                _show_ready(place, ready, is_new=is_new)

    wish = ServeWish(frozenset(words(only)), host, dimse_port, https_port)
    return run_archive(place.layout, place.config, wish, ask_for_passphrase, told_ready)


@click.command(
    "_process",
    cls=Leaf,
    hidden=True,
    context_settings={"ignore_unknown_options": True},
)
@click.argument("role")
@click.argument("told")
def process(role: str, told: str) -> int:
    """Be one of the archive's processes; the supervisor calls this."""
    from raykeep.bootstrap.entry import run_process  # noqa: PLC0415 - takes time

    return run_process(role, told)


def _show_ready(place: Place, ready: dict[str, Any], *, is_new: bool) -> None:
    listeners = (
        ("DICOM over TLS", ready.get("dimse_port")),
        ("DICOM without TLS", ready.get("dimse_plain_port")),
        ("HTTPS", ready.get("https_port")),
    )
    told = ", ".join(f"{what} on port {port}" for what, port in listeners if port is not None)
    line(f"The archive runs: {told or 'no listener'}. Ctrl-C ends it.")
    if is_new:
        show_next(place, FIRST_FACILITY)
