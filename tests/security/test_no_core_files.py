"""Whoever holds the root key leaves no core file, and is open to no debugger of its own user."""

import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import RunningArchive

# Opens the root key as the supervisor does, then tells what the kernel would do with a crash.
ASK = """
import ctypes, resource, sys
from pathlib import Path
from raykeep.bootstrap.keys import open_keys
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout, read_manifest
layout = Layout(Path(sys.argv[1]))
open_keys(layout, read_manifest(layout), SystemClock(), file=None, ask=str)
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
print(dumpable, resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


@pytest.fixture
def archive(tmp_path: Path) -> RunningArchive:
    made = RunningArchive(tmp_path)
    made.init()
    return made


def test_who_opens_the_root_key_is_dumpable_no_longer(archive: RunningArchive) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(archive.data)],
        capture_output=True,
        text=True,
        check=True,
        env=archive.environment,
        preexec_fn=_with_core_files,
    )

    assert done.stdout.split() == ["0", "0"]


def test_a_supervisor_that_crashes_leaves_no_core_file(
    archive: RunningArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        archive.start()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    process = archive.process
    assert process is not None
    children = archive.children(process.pid)

    os.kill(process.pid, signal.SIGABRT)

    assert process.wait(30) == -signal.SIGABRT
    assert not list(folder.iterdir())
    for child in children:  # they end with it
        _wait_for_end(child)


def _with_core_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def _wait_for_end(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 20)[0], f"process {pid} goes on"
    finally:
        os.close(descriptor)
