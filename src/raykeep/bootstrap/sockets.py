"""Listening sockets, bound before anything else is done with them."""

import errno
import socket

from raykeep.domain.errors import SettingsError

BACKLOG = 1024  # connections that the kernel holds for us


def listen(host: str, port: int, what: str) -> socket.socket:
    """Listen on an address; port 0 takes a free one.

    Raises:
        SettingsError: the address cannot be taken; the message says whose it is.
    """
    listener = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        why = {
            errno.EADDRINUSE: "another program listens there",
            errno.EACCES: "this user may not listen there",
        }.get(error.errno or 0, str(error.strerror or error))
        msg = f"the {what} listener cannot take {host} port {port}: {why}. Choose another"
        raise SettingsError(msg) from error
    return listener
