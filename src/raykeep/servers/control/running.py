"""Running one command: the same for the control socket and for an archive that is down."""

import logging
import pwd
from collections.abc import Generator
from secrets import token_hex

from raykeep.domain.access import Actor
from raykeep.domain.errors import ArchiveError
from raykeep.servers.control.context import Context
from raykeep.servers.control.statuses import FOUND_WRONG, exit_code_of
from raykeep.servers.control.table import CommandTable
from raykeep.servers.control.wire import Failed, Reply, Request

log = logging.getLogger(__name__)


def replies(
    context: Context, table: CommandTable, actor: Actor, request: Request
) -> Generator[Reply, None, None]:
    """What a command says, its failure included; closing the generator ends the command."""
    try:
        yield from table.run(context, actor, request.command, request.parameters)
    except ArchiveError as error:
        yield failed(error)
    except Exception as error:  # one command's failure must not end the rest
        error_id = token_hex(8)
        log.exception("error %s: %s", error_id, type(error).__name__)
        message = f"the archive could not do this; its log tells why under error {error_id}"
        yield Failed("internal", message, FOUND_WRONG)


def failed(error: ArchiveError) -> Failed:
    """How an error is told to the command line."""
    return Failed(type(error).__name__, str(error), exit_code_of(type(error)))


def user_name(uid: int) -> str:
    """What the operating system calls a user; its number where it knows no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
