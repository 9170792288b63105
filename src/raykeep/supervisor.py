"""Starts and watches the archive's processes: DICOM, web, worker, sealer.

The supervisor binds the sockets and holds the root key. Each other process is
a fresh interpreter that inherits its sockets and one connection to the
supervisor, over which it gets the secrets of its role and no others. One that
dies is started again; when the supervisor ends, all end.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path
from threading import Thread

from raykeep.domain.errors import StorageUnavailable

STOP_TIMEOUT = 10.0  # seconds that processes have to finish what they are at
KILL_TIMEOUT = 3.0  # seconds more, before they are killed
READY_TIMEOUT = 60.0  # seconds until every listener must answer
RESTART_DELAY = 0.2  # seconds before a process that died is started again, doubled each time
MAX_RESTART_DELAY = 10.0  # seconds
STEADY = 60.0  # seconds that a process must live to start from the short delay again

log = getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """One process.

    Attributes:
        name: Unique, e.g. `web-0`; it stands in records and logs.
        argv: Program and arguments; the JSON of what it is told comes behind them.
        told: What it is told: plain JSON, no secret.
        sockets: Those that it inherits, by name.
    """

    name: str
    argv: tuple[str, ...]
    told: Mapping[str, object]
    sockets: Mapping[str, socket.socket]


ServeKeys = Callable[[str, socket.socket], None]
"""Answers the requests of the process of that name for secrets, until the other end closes."""


class _StoppedError(BaseException):
    """A signal came while the keys were being opened."""


@dataclass(slots=True)
class _Child:
    plan: ProcessPlan
    process: subprocess.Popen[bytes] | None = None
    ready: socket.socket | None = None
    keys: socket.socket | None = None
    is_ready: bool = False
    started_at: float = 0.0
    restart_at: float | None = None
    delay: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Runs a set of processes until it is told to stop.

    Attributes:
        plans: The processes.
        prepare: Called once the processes are on their way, while they load what they are made
            of: it opens the keys and returns what answers for them. Until then they wait.
        on_ready: Called once, when every process has said that it is ready.
        environment: Of the processes.
    """

    plans: list[ProcessPlan]
    prepare: Callable[[], ServeKeys]
    on_ready: Callable[[], None]
    environment: Mapping[str, str]
    _serve_keys: ServeKeys | None = None
    _children: list[_Child] = field(default_factory=list)
    _stopping: bool = False
    _told_ready: bool = False
    _is_preparing: bool = False

    def run(self) -> int:
        """Start all, watch them, and return when all have ended after SIGTERM or SIGINT.

        Returns:
            0 when all ended by themselves, 1 when one had to be killed.

        Raises:
            StorageUnavailable: a process did not become ready in time; all were ended.
            ArchiveError: whatever `prepare` raises; all were ended.
        """
        wake, waker = socket.socketpair()
        wake.settimeout(0)
        waker.settimeout(0)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._children = [_Child(plan, delay=RESTART_DELAY) for plan in self.plans]
        with selectors.DefaultSelector() as selector, wake, waker:
            selector.register(wake, selectors.EVENT_READ, None)
            try:
                for child in self._children:
                    self._start(child, selector)
                self._open_keys()
                # Only now: somebody may have had to type a passphrase first.
                deadline = time.monotonic() + READY_TIMEOUT
                for child in self._children:
                    self._answer(child)
                while not self._stopping:
                    self._watch(selector, wake)
                    if not self._told_ready and time.monotonic() > deadline:
                        late = [c.plan.name for c in self._children if not c.is_ready]
                        msg = f"not ready in time: {', '.join(late)}. The log says more"
                        raise StorageUnavailable(msg)
            except _StoppedError:
                log.info("stopped before the keys were open")
            finally:
                killed = self._end(selector)
                signal.set_wakeup_fd(-1)
        return 1 if killed else 0

    def _stop(self, number: int, _frame: object) -> None:
        log.info("stopping on signal %d", number)
        self._stopping = True
        if self._is_preparing:
            raise _StoppedError

    def _open_keys(self) -> None:
        """Have the keys opened; a signal breaks that off, since somebody may be asked for one."""
        self._is_preparing = True
        try:
            self._serve_keys = self.prepare()
        finally:
            self._is_preparing = False

    def _start(self, child: _Child, selector: selectors.BaseSelector) -> None:
        plan = child.plan
        ours, theirs = socket.socketpair()
        ready, tell_ready = socket.socketpair()
        child.keys, child.ready = ours, ready
        selector.register(ready, selectors.EVENT_READ, (child, ready))
        with theirs, tell_ready:
            inherited = {**plan.sockets, "keys": theirs, "ready": tell_ready}
            told = {**plan.told, "sockets": {n: s.fileno() for n, s in inherited.items()}}
            child.process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [*plan.argv, json.dumps(told)],
                pass_fds=[s.fileno() for s in inherited.values()],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._answer(child)
        child.started_at = time.monotonic()
        child.restart_at = None

    def _answer(self, child: _Child) -> None:
        """Have the requests of a process for its secrets answered, once the keys are open."""
        if child.keys is None or self._serve_keys is None:
            return
        name = f"keys of {child.plan.name}"
        arguments = (child.plan.name, child.keys)
        child.keys = None
        Thread(target=self._serve_keys, args=arguments, name=name, daemon=True).start()

    def _watch(self, selector: selectors.BaseSelector, wake: socket.socket) -> None:
        """Wait for news: a signal, a process that is ready, one that died, one to start again."""
        now = time.monotonic()
        due = [c.restart_at for c in self._children if c.restart_at is not None]
        timeout = max(0.0, min(due) - now) if due else 1.0
        for key, _ in selector.select(min(timeout, 1.0)):
            if key.data is None:
                _drain(wake)
            else:
                child, ready = key.data
                self._hear(child, ready, selector)
        for child in self._children:
            process = child.process
            if process is not None and process.poll() is not None:
                self._died(child, process.returncode)
            if child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._start(child, selector)
        if not self._told_ready and all(child.is_ready for child in self._children):
            self._told_ready = True
            self.on_ready()

    def _hear(self, child: _Child, ready: socket.socket, selector: selectors.BaseSelector) -> None:
        # Nothing more is said there: the end of the process is told by its exit.
        selector.unregister(ready)
        with ready:
            said = ready.recv(64)
        # One that died may have left the other end to a process of its own: that is not heard.
        if ready is child.ready:
            child.is_ready = bool(said)
            child.ready = None

    def _died(self, child: _Child, code: int) -> None:
        lived = time.monotonic() - child.started_at
        delay = RESTART_DELAY if lived > STEADY else child.delay
        child.process = None
        child.ready = None
        child.is_ready = False
        child.restart_at = time.monotonic() + delay
        child.delay = min(delay * 2, MAX_RESTART_DELAY)
        log.error(
            "process %s ended with %d after %.1f s; starting it again in %.1f s",
            child.plan.name,
            code,
            lived,
            delay,
        )

    def _end(self, selector: selectors.BaseSelector) -> bool:
        """End all processes; returns whether one had to be killed."""
        alive = [c.process for c in self._children if c.process is not None]
        for process in alive:
            process.terminate()
        killed = False
        deadline = time.monotonic() + STOP_TIMEOUT + KILL_TIMEOUT
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed = True
        # Only now: nobody shall stumble over a socket that was closed while it was ending.
        unheard = [key.data[1] for key in selector.get_map().values() if key.data is not None]
        unanswered = [c.keys for c in self._children if c.keys is not None]
        for left in (*unheard, *unanswered):
            left.close()
        return killed


def _drain(wake: socket.socket) -> None:
    with suppress(BlockingIOError):
        while True:
            wake.recv(4096)


def python_argv(*arguments: str) -> tuple[str, ...]:
    """This interpreter running this package with `arguments`."""
    return (sys.executable, "-m", "raykeep", *arguments)


def write_whole(path: Path, content: str) -> None:
    """Write a small file so that a reader sees all of it or the one before."""
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    temporary.replace(path)
