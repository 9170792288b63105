"""`raykeep`: the root of all commands, and how each one ends."""

from collections.abc import Sequence

import click

from raykeep import __version__
from raykeep.cli.audit import audit
from raykeep.cli.blobs import blobs
from raykeep.cli.database import db
from raykeep.cli.device import device
from raykeep.cli.facility import facility
from raykeep.cli.failures import CommandFailed, OutputClosed
from raykeep.cli.importing import take_in
from raykeep.cli.init import init
from raykeep.cli.output import remark
from raykeep.cli.place import global_options
from raykeep.cli.policy import policy
from raykeep.cli.sections import Section
from raykeep.cli.serve import process, serve
from raykeep.cli.state import keys, status, tls
from raykeep.cli.token import token
from raykeep.domain.errors import ArchiveError
from raykeep.servers.control.statuses import (
    DONE,
    INTERRUPTED,
    UNAVAILABLE,
    WRONG_USAGE,
    exit_code_of,
)


@click.group(cls=Section, params=[*global_options(hidden=False)])
@click.version_option(__version__, prog_name="raykeep")
def raykeep() -> None:
    """A PACS that keeps patient images safe: encrypted, audited and closed by default.

    Exit codes: 0 done, 1 done and it found something wrong, 2 wrong usage or settings, 3 refused
    by policy, 4 not found, 5 the archive is not available.
    """


for _command in (
    init,
    serve,
    process,
    status,
    device,
    facility,
    token,
    take_in,
    audit,
    keys,
    blobs,
    db,
    tls,
    policy,
):
    raykeep.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    Args:
        arguments: Without the program's name; None for the process's own.
    """
    try:
        code = raykeep.main(arguments, prog_name="raykeep", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USAGE
    except OutputClosed:
        return DONE
    except (click.ClickException, click.Abort, CommandFailed, ArchiveError, OSError) as error:
        message, exit_code = _told(error)
        remark(f"raykeep: {message}")
        return exit_code
    return code if isinstance(code, int) else DONE


def _told(error: Exception) -> tuple[str, int]:
    """The one line for an error, and its exit code."""
    if isinstance(error, click.Abort):
        return "stopped. What was done so far stays", INTERRUPTED
    if isinstance(error, CommandFailed):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or type(error).__name__}. Mend that", UNAVAILABLE
    if not isinstance(error, click.ClickException):
        return str(error), exit_code_of(type(error))
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    where = context.command_path if isinstance(context, click.Context) else "raykeep"
    stop = "" if message.endswith("?") else "."
    return f"{message[:1].lower()}{message[1:]}{stop} See `{where} --help`", error.exit_code
