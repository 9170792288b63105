"""A real archive in a folder of its own, driven through its command line as an operator would."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from raykeep.cli.main import main

READY_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 20.0  # seconds


class CommandFailed(Exception):
    """A command ended with another exit code than was expected."""


@dataclass
class RunningArchive:
    """One archive: its data directory, its root key beside it, and its processes."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def root_key(self) -> Path:
        return self.folder / "root.key"

    @property
    def log(self) -> Path:
        return self.folder / "serve.log"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "RAYKEEP_DATA": str(self.data),
        }

    def command(self, *arguments: str, expect: int = 0, **kwargs: Any) -> str:
        """Run `raykeep ARGUMENTS`; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "raykeep", *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=300,
            check=False,
            **kwargs,
        )
        if done.returncode != expect:
            raise CommandFailed(
                f"raykeep {' '.join(arguments)} ended with {done.returncode}, not {expect}:\n"
                f"{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def json(self, *arguments: str, expect: int = 0, **kwargs: Any) -> Any:
        """Run `raykeep --json ARGUMENTS`; the document."""
        return json.loads(self.command("--json", *arguments, expect=expect, **kwargs))

    def ask(self, *arguments: str, expect: int = 0) -> Any:
        """Run `raykeep --json ARGUMENTS` within this process, which takes a hundredth of the time.

        For work on an archive that runs: it is that archive which does it.
        """
        assert self.process is not None, "the archive does not run"
        told, said = StringIO(), StringIO()
        with redirect_stdout(told), redirect_stderr(said):
            code = main(["--data", str(self.data), "--json", *arguments])
        if code != expect:
            raise CommandFailed(
                f"raykeep {' '.join(arguments)} ended with {code}, not {expect}:\n{said.getvalue()}"
            )
        return json.loads(told.getvalue() or "{}")

    def init(self, *arguments: str) -> Any:
        """Make the archive; its root key lies beside the data directory, also for root."""
        if not {"--key-file", "--key-provider"} & set(arguments):
            arguments = ("--key-file", str(self.root_key), *arguments)
        return self.json("init", *arguments)

    def start(self, *arguments: str) -> "RunningArchive":
        """Serve on free ports until `stop`."""
        (self.data / "run" / "ready.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "raykeep",
                    "serve",
                    "--dimse-port",
                    "0",
                    "--https-port",
                    "0",
                    *arguments,
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment,
            )
        deadline = time.monotonic() + READY_TIMEOUT
        path = self.data / "run" / "ready.json"
        while not path.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"the archive did not come up:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.ready = json.loads(path.read_text())
        return self

    def stop(self) -> int:
        """SIGTERM, and wait."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill(process)
            raise

    def kill(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """SIGKILL to every process of the archive, all at once."""
        process = process or self.process
        self.process = None
        if process is None:
            return
        pids = [process.pid, *self.children(process.pid)]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        deadline = time.monotonic() + STOP_TIMEOUT
        while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.01)

    @staticmethod
    def children(pid: int) -> list[int]:
        """The processes that `pid` has started."""
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]

    # --- what tests need most -----------------------------------------------------------------

    def enroll(self, aet: str, *arguments: str, facility: str = "main") -> dict[str, Any]:
        """Enrol a device with all rights that exist and its files in a folder of its own."""
        out = self.folder / "devices"
        out.mkdir(exist_ok=True)
        may = () if "--may" in arguments else ("--may", "store,find,echo")
        return self.ask(
            "device",
            "enroll",
            aet,
            "--facility",
            facility,
            *may,
            "--out",
            str(out),
            *arguments,
        )

    def token(self, role: str = "technologist", facility: str = "main") -> str:
        made = self.ask("token", "create", "--name", role, "--role", role, "--facility", facility)
        return str(made["token"])

    @property
    def dicomweb(self) -> str:
        return f"https://127.0.0.1:{self.ready['https_port']}/dicom-web"

    @property
    def ca(self) -> str:
        return str(self.ready["ca"])


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@contextmanager
def running_archive(folder: Path, *arguments: str) -> Iterator[RunningArchive]:
    """An archive with the facility `main`, serving on free ports."""
    archive = RunningArchive(folder)
    archive.init()
    try:
        yield archive.start(*arguments)
    finally:
        if archive.process is not None:
            archive.stop()
