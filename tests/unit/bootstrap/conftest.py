"""An archive as `init` makes it, once a run; each test that changes it gets a copy."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from raykeep.adapters.keys.agent_client import AgentKeys
from raykeep.adapters.keys.names import ProcessRole
from raykeep.bootstrap import prepare
from raykeep.bootstrap.initialise import Initialised, InitWish, initialise
from raykeep.bootstrap.keys import OpenKeys, open_keys
from raykeep.bootstrap.process import Process
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout, read_manifest
from raykeep.config.settings import Settings
from raykeep.domain.facility import FacilityName
from tests.fakes.archive import OPERATOR


def no_passphrase() -> str:
    pytest.fail("nobody should be asked for a passphrase")


def wish(key_file: Path | None = None, **changes: object) -> InitWish:
    given = {
        "policy": "nist",
        "facility": FacilityName("main"),
        "key_provider": "file",
        "key_file": key_file,
        "ask": no_passphrase,
    }
    return InitWish(**{**given, **changes})  # type: ignore[arg-type] # handed on


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Initialised, Path]:
    """A new archive, what was told of it, and its root key's file. Only to be read."""
    folder = tmp_path_factory.mktemp("made")
    layout, key_file = Layout(folder / "data"), folder / "safe" / "root.key"
    told = initialise(layout, Settings(), wish(key_file), lambda: OPERATOR)
    return layout, told, key_file


@pytest.fixture
def layout(made: tuple[Layout, Initialised, Path], tmp_path: Path) -> Layout:
    """A copy that a test may change."""
    shutil.copytree(made[0].data, tmp_path / "data")
    return Layout(tmp_path / "data")


@pytest.fixture
def opened(layout: Layout) -> Iterator[Callable[[], OpenKeys]]:
    """Opens the keys of the copy."""

    def keys() -> OpenKeys:
        manifest = read_manifest(layout)
        return open_keys(layout, manifest, SystemClock(), file=None, ask=no_passphrase)

    return keys


@pytest.fixture
def served(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], AgentKeys]]:
    """Answers as the supervisor does; gives the end of a process of that name."""
    monkeypatch.setattr(prepare, "_renew", lambda *_: None)
    serve = prepare.prepare_keys(layout, read_manifest(layout), Settings(), no_passphrase)
    started = []

    def connect(name: str) -> AgentKeys:
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=serve, args=(name, ours))
        thread.start()
        keys = AgentKeys(theirs)
        started.append((keys, thread))
        return keys

    yield connect
    for keys, thread in started:
        keys.close()
        thread.join()


def process_of(
    layout: Layout,
    role: str,
    keys: AgentKeys,
    sockets: dict[str, socket.socket],
    settings: Settings | None = None,
) -> Process:
    """What a process of that role is told."""
    return Process(
        name=f"{role}-0",
        role=ProcessRole(role),
        layout=layout,
        manifest=read_manifest(layout),
        settings=settings or Settings(),
        keys=keys,
        sockets=sockets,
        ports={},
        clock=SystemClock(),
        stop=threading.Event(),
    )
