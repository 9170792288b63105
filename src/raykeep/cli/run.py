"""Running a command: in the archive that runs, or here when none does."""

import signal
from collections.abc import Callable, Generator
from contextlib import closing

from raykeep.cli.failures import CommandFailed
from raykeep.cli.output import progress_bar
from raykeep.cli.owner import become_owner, caller
from raykeep.cli.place import Place
from raykeep.domain.errors import ArchiveDown
from raykeep.servers.control.client import ask
from raykeep.servers.control.sockets import connect
from raykeep.servers.control.steps import Finished, Output, Plain, Progress
from raykeep.servers.control.wire import Failed, Reply, Request

Sink = Callable[[Output], None]


def run_command(
    place: Place,
    name: str,
    parameters: Plain,
    *,
    sink: Sink | None = None,
    running_only: bool = False,
) -> Finished:
    """Run a command of the archive's table, and show how far it has come.

    Args:
        place: The archive.
        name: The command.
        parameters: What it takes, plain.
        sink: Takes the pieces of files that the command gives out.
        running_only: Ask the archive that runs, or nobody.

    Raises:
        CommandFailed: it could not be done.
        ArchiveError: the archive could not be asked or opened.
    """
    request = Request(name, parameters)
    connection = connect(place.layout.control_socket)
    if connection is not None:
        return _heard(place, ask(connection, request), sink)
    if running_only:
        msg = f"no archive runs in {place.data}. Start it with `{place.command} serve`"
        raise ArchiveDown(msg)
    return _run_here(place, request, sink)


def is_running(place: Place) -> bool:
    """Whether an archive answers."""
    connection = connect(place.layout.control_socket)
    if connection is not None:
        connection.close()
    return connection is not None


def _run_here(place: Place, request: Request, sink: Sink | None) -> Finished:
    """Open the data directory in this process, as its owner, for this one command."""
    from raykeep.bootstrap.command import open_for_command  # noqa: PLC0415 - takes time
    from raykeep.bootstrap.keys import ask_for_passphrase  # noqa: PLC0415 - the same
    from raykeep.servers.control.context import local_operator  # noqa: PLC0415 - the same
    from raykeep.servers.control.running import replies  # noqa: PLC0415 - the same

    user = caller()
    become_owner(place.data)
    signal.signal(signal.SIGTERM, _as_interrupt)
    with open_for_command(place.layout, place.config, ask_for_passphrase) as (context, table):
        return _heard(place, replies(context, table, local_operator(user), request), sink)


def _heard(place: Place, said: Generator[Reply, None, None], sink: Sink | None) -> Finished:
    with closing(said), progress_bar(place) as show:
        for reply in said:
            match reply:
                case Progress():
                    show(reply)
                case Output():
                    if sink is not None:
                        sink(reply)
                case Finished():
                    return reply
                case Failed():
                    raise CommandFailed(reply.message, reply.exit_code)
    msg = "the command ended without a result. See with `raykeep audit tail` how far it came"
    raise ArchiveDown(msg)


def _as_interrupt(_number: int, _frame: object) -> None:
    """End like Ctrl-C, so that what is under way is recorded before the process is gone."""
    raise KeyboardInterrupt
