"""The way into one process of a running archive: what the supervisor starts."""

import ctypes
import json
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from raykeep.adapters.keys.agent_client import AgentKeys
from raykeep.adapters.keys.names import ProcessRole
from raykeep.bootstrap.memory import keep_memory_private
from raykeep.bootstrap.process import Process
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout, read_manifest
from raykeep.config.settings import read_settings

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def run_process(role: str, told: str) -> int:
    """Be one of the archive's processes until the supervisor says stop, or is gone."""
    content: dict[str, Any] = json.loads(told)
    _be_a_child(int(content["supervisor"]))
    name = str(content["process"])
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s {name} %(name)s: %(message)s",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # talks of itself at each start
    stop = threading.Event()
    layout = Layout(Path(content["data"]))
    sockets = {n: socket.socket(fileno=fd) for n, fd in content["sockets"].items()}
    process = Process(
        name=name,
        role=ProcessRole(role),
        layout=layout,
        manifest=read_manifest(layout),
        settings=read_settings(Path(content["config"])),
        keys=AgentKeys(sockets["keys"]),
        sockets=sockets,
        ports=content["ports"],
        clock=SystemClock(),
        stop=stop,
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Each role imports its own rooms alone: the sealer has no business with pixels.
    if process.role is ProcessRole.DIMSE:
        from raykeep.bootstrap.dimse import run_dimse  # noqa: PLC0415

        return run_dimse(process)
    if process.role is ProcessRole.WEB:
        from raykeep.bootstrap.web import run_web  # noqa: PLC0415

        return run_web(process)
    if process.role is ProcessRole.WORKER:
        from raykeep.bootstrap.work import run_worker  # noqa: PLC0415

        return run_worker(process)
    from raykeep.bootstrap.seal import run_sealer  # noqa: PLC0415

    return run_sealer(process)


def _be_a_child(supervisor: int) -> None:
    """End when the supervisor ends, leave no core file, gain no privileges (prctl(2))."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    keep_memory_private()
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != supervisor:
        raise SystemExit(0)
