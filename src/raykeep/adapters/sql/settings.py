"""Section `[database]` of the settings."""

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import msgspec

from raykeep.domain.errors import SettingsError

SCHEME = "postgresql+psycopg"
_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")
_NAMES_HOST = ("host", "hostaddr")  # in the query of the address; they win over its beginning


class DatabaseSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Section `[database]`: where the index and the trail are kept.

    Attributes:
        url: Empty for the encrypted file in the data directory, or
            `postgresql+psycopg://USER@HOST/NAME`, without a password.
        keys_url: The same for the store of study keys, which has a schema and a role of its
            own; empty for the encrypted file `keys.db`.
        password_file: File with the password of `url`, readable by its owner alone.
        keys_password_file: File with the password of `keys_url`.
        ca_file: Certificates that the server's must lead to; empty for the system's.
        connections: Most connections of one process at a time.
        cache_mib: Page cache of one connection to the file, MiB.
        busy_timeout: Longest wait for another process that is writing, seconds.
        statement_timeout: Longest run of one statement, seconds; longer searches are refused.
        program_role: PostgreSQL role of the archive's processes; granted what they need when
            it exists.
        sealer_role: PostgreSQL role of the sealer.
        reader_role: PostgreSQL role that may only read the trail.
    """

    url: str = ""
    keys_url: str = ""
    password_file: str = ""
    keys_password_file: str = ""
    ca_file: str = ""
    connections: Annotated[int, msgspec.Meta(ge=2, le=500)] = 24
    cache_mib: Annotated[int, msgspec.Meta(ge=2, le=65_536)] = 32
    busy_timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 15.0
    statement_timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10.0
    program_role: str = "raykeep_program"
    sealer_role: str = "raykeep_sealer"
    reader_role: str = "raykeep_reader"

    def __post_init__(self) -> None:
        for name, url in (("url", self.url), ("keys_url", self.keys_url)):
            if url:
                _check(name, url)
        if self.url and not self.keys_url:
            msg = (
                "[database] keys_url is empty while url names a server: name the database of "
                "the study keys, too, with a role of its own"
            )
            raise SettingsError(msg)


def is_local(url: str) -> bool:
    """Whether the server is reached over a socket of this machine."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    hosts = [parts.hostname or ""]
    for name in _NAMES_HOST:
        hosts += [host for value in asked.get(name, []) for host in value.split(",")]
    # A folder is where the server's socket lies.
    return all(host in _LOCAL_HOSTS or host.startswith("/") for host in hosts)


def read_password(file: str) -> str | None:
    """The password that stands in `file`; None when no file is named.

    Raises:
        SettingsError: the file cannot be read, or others than its owner may.
    """
    if not file:
        return None
    path = Path(file)
    try:
        if path.stat().st_mode & 0o077:
            msg = f"{file} may be read by others than its owner: chmod 600 it"
            raise SettingsError(msg)
        return path.read_text().strip()
    except OSError as error:
        msg = f"the password file {file} cannot be read: {error.strerror}"
        raise SettingsError(msg) from error


def _check(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != SCHEME:
        msg = f"[database] {name} must begin with {SCHEME}://; leave it empty for the file"
        raise SettingsError(msg)
    if parts.password is not None:
        msg = f"[database] {name} holds a password: put it into a file of mode 600 instead"
        raise SettingsError(msg)
    sslmode = parse_qs(parts.query).get("sslmode", ["verify-full"])[-1]
    if not is_local(url) and sslmode != "verify-full":
        msg = f"[database] {name} asks for sslmode={sslmode}: only verify-full leaves the machine"
        raise SettingsError(msg)
