"""A real PostgreSQL for the contract suites: started here, thrown away afterwards."""

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

OWNER = "raykeep_owner"
EXTRA_ROLES = ("raykeep_program", "raykeep_sealer", "raykeep_reader")


def _programs() -> Path:
    """Where initdb and pg_ctl lie; a machine without them cannot run these tests."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    assert elsewhere, "the contract tests need PostgreSQL: install the package postgresql-15"
    return Path(elsewhere).resolve().parent


def _as_nobody_special() -> list[str]:
    """PostgreSQL refuses to run as root: take the user that the package made, or nobody."""
    if os.geteuid() != 0:
        return []
    users = Path("/etc/passwd").read_text()
    return ["runuser", "-u", "postgres" if "\npostgres:" in users else "nobody", "--"]


@dataclass(frozen=True)
class Server:
    """A running server, reached by a socket in `folder`, with SCRAM passwords."""

    folder: Path
    password: str

    def connect(self, database: str = "postgres", role: str = OWNER) -> psycopg.Connection:
        """Connect as a role; all have the same password."""
        return psycopg.connect(
            host=str(self.folder),
            dbname=database,
            user=role,
            password=self.password,
            autocommit=True,
        )

    def url(self, database: str, role: str = OWNER) -> str:
        """How the settings name a database of this server."""
        return f"postgresql+psycopg://{role}@/{database}?host={self.folder}"


class Postgres:
    """Starts and stops a server of its own."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._user = _as_nobody_special()
        self.folder = Path(tempfile.mkdtemp(prefix="raykeep-pg-"))
        self.password = secrets.token_urlsafe(16)

    def start(self) -> Server:
        """Make a cluster and start it; it listens on a socket in its folder alone."""
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self._user:
            shutil.chown(self.folder, self._user[2])
            shutil.chown(password_file, self._user[2])
        self._run(
            "initdb",
            f"--pgdata={self.folder / 'data'}",
            f"--username={OWNER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        )
        # Nothing needs to outlive the tests, so nothing is synced.
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c max_connections=200"
        data, log = self.folder / "data", self.folder / "log"
        self._run("pg_ctl", "-D", str(data), "-l", str(log), "-o", options, "-w", "start")
        # Readable by whoever runs the tests.
        self.folder.chmod(0o755)
        server = Server(self.folder, self.password)
        with server.connect() as connection:
            for role in EXTRA_ROLES:
                connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{self.password}'")
        return server

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._user, str(self._programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
        )
