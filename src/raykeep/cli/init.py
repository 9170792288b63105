"""`raykeep init`."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from raykeep.cli.output import conclude, fields, line
from raykeep.cli.owner import become_owner, caller
from raykeep.cli.place import Place, absolute, pass_place
from raykeep.cli.sections import Leaf
from raykeep.servers.control.steps import Finished, Plain

FIRST_FACILITY = "main"


@click.command("init", cls=Leaf)
@click.option(
    "--policy",
    type=click.Choice(["classic", "nist"]),
    default="classic",
    help="Preset of the rules for accounts. Default: classic.",
)
@click.option(
    "--facility", default=FIRST_FACILITY, metavar="NAME", help="The first tenant. Default: main."
)
@click.option(
    "--key-provider",
    type=click.Choice(["file", "passphrase"]),
    help="Where the root key comes from. Default: what the settings say, else file.",
)
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="The root key's file, outside the data directory. Default: ARCHIVE-ID.key in "
    "$XDG_CONFIG_HOME/raykeep, for root in /etc/raykeep.",
)
@pass_place
def init(
    place: Place, policy: str, facility: str, key_provider: str | None, key_file: Path | None
) -> int:
    """Make an archive: keys, certificates, database, and a first facility.

    The data directory must be empty, or not there.
    """
    if key_provider == "passphrase" and key_file is not None:
        msg = "--key-file goes with --key-provider file. Leave one of them out"
        raise click.UsageError(msg)
    result = make_archive(
        place,
        policy=policy,
        facility=facility,
        key_provider=key_provider or ("file" if key_file else None),
        key_file=None if key_file is None else absolute(key_file),
    )
    return conclude(place, Finished(result), show_made)


def make_archive(
    place: Place,
    *,
    policy: str = "classic",
    facility: str = FIRST_FACILITY,
    key_provider: str | None = None,
    key_file: Path | None = None,
) -> Plain:
    """Make an archive; returns what the operator should know of it.

    Raises:
        ArchiveError: there is one already, or it cannot be made.
    """
    from raykeep.bootstrap.initialise import InitWish, initialise  # noqa: PLC0415 - takes time
    from raykeep.config.settings import read_settings  # noqa: PLC0415 - the same
    from raykeep.domain.facility import FacilityName  # noqa: PLC0415 - the same
    from raykeep.servers.control.context import local_operator  # noqa: PLC0415 - the same

    user = caller()
    become_owner(place.data)
    settings = read_settings(place.config)
    wish = InitWish(
        policy=policy,
        facility=FacilityName(facility),
        key_provider=key_provider or settings.keys.provider,
        key_file=key_file,
        ask=_new_passphrase(),
    )
    made = initialise(place.layout, settings, wish, lambda: local_operator(user))
    return {
        "archive": made.archive_id,
        "data": str(place.data),
        "facility": made.facility,
        "root_key": made.root_key,
        "ca": str(made.ca_bundle),
        "ca_sha256": made.ca_sha256,
        "audit_key": made.audit_key,
    }


def show_made(made: Plain) -> None:
    """Print what was made and what to do with it."""
    fields(
        (
            ("archive", made["archive"]),
            ("data", made["data"]),
            ("facility", made["facility"]),
            ("root key", made["root_key"]),
            ("CA", made["ca"]),
            ("CA SHA-256", made["ca_sha256"]),
            ("audit key", made["audit_key"]),
        )
    )
    line()
    line("Keep a copy of the root key in a safe place that is not this machine: without it nothing")
    line(
        "opens. Note the CA's fingerprint and the audit key elsewhere: they tell this archive from"
    )
    line("another that claims to be it.")


def show_next(place: Place, facility: str) -> None:
    """Print how to let the first device and the first program in."""
    line("Nobody may in yet. In a second terminal:")
    line(f"  {place.command} device enroll CT01 --facility {facility} --out keys")
    line(f"  {place.command} token create --name viewer --role radiologist --facility {facility}")


def _new_passphrase() -> Callable[[], str]:
    """Asks twice on a terminal, so that a slip does not lock the archive for good."""
    from raykeep.bootstrap.keys import ask_for_passphrase  # noqa: PLC0415 - takes time

    if not sys.stdin.isatty():
        return ask_for_passphrase
    return lambda: str(
        click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    )
