"""The command line, called as a function, beside an archive that runs in this process."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from raykeep.cli.main import main
from raykeep.config.layout import Layout
from raykeep.crypto.signing import NoteSigner, new_signing_key, public_key_of
from raykeep.servers.control.context import Context
from raykeep.servers.control.server import ControlServer
from raykeep.servers.control.sockets import bind_control_socket
from raykeep.servers.control.tables import ALL_COMMANDS
from raykeep.services.audit_review import TrailKeys
from raykeep.services.ingest import IngestSettings
from tests.fakes.archive import FakeArchive, fake_archive
from tests.fakes.pki import pki


@dataclass
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass
class Beside:
    """An archive that answers commands."""

    archive: FakeArchive
    layout: Layout
    context: Context
    certificates: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture(scope="session")
def beside(tmp_path_factory) -> Iterator[Beside]:
    """One archive for all tests of this folder; each takes names of its own."""
    folder = tmp_path_factory.mktemp("beside")
    layout = Layout(folder / "data")
    layout.make()
    layout.ca_bundle.write_text(pki().root_pem)
    certificates = [("server-p256", pki().issuing.chain_pem)]
    key = new_signing_key()
    keys = TrailKeys("raykeep-test", public_key_of(key), NoteSigner("raykeep-test", key))
    with fake_archive(folder) as archive:
        context = Context(
            enforcer=archive.enforcer,
            clock=archive.clock,
            ingest=IngestSettings(),
            trail_keys=keys,
            facts={
                "archive": "00ff00ff00ff00ff",
                "version": "1",
                "data": str(layout.data),
                "running": True,
                "dimse_port": 2762,
                "https_port": 8443,
                "pid": os.getpid(),
            },
            ca_bundle=layout.ca_bundle,
            tls_certificates=lambda: certificates,
            database_facts=lambda: {"engine": "sqlcipher", "revision": "0001"},
        )
        listening = bind_control_socket(layout.control_socket)
        uids = frozenset({os.geteuid()})
        server = ControlServer(context, ALL_COMMANDS, listening, allowed_uids=uids)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Beside(archive, layout, context, certificates)
        server.shutdown()
        thread.join(10)
        listening.close()


Call = Callable[..., Said]


@pytest.fixture
def raykeep(beside, monkeypatch, capsys, tmp_path) -> Call:
    """Call `raykeep …` in a folder of its own; the archive beside is meant."""
    monkeypatch.setenv("RAYKEEP_DATA", str(beside.layout.data))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: Any) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"
