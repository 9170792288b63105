"""Where the root key comes from: a file outside the data directory, or a passphrase."""

import base64
import binascii
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from raykeep.adapters.keys.secret_files import create_file, read_file
from raykeep.crypto.passphrase import (
    PassphraseParameters,
    choose_passphrase,
    root_key_from,
)
from raykeep.crypto.secrets_at_rest import KEY_LENGTH, new_key
from raykeep.domain.errors import InvalidInput, KeyUnavailable, SettingsError, shown

MAX_KEY_FILE = 4096  # bytes

_HEADER = "# Raykeep root key"
_ARCHIVE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


class RootKey(Protocol):
    """Holds the key above all others, in the supervisor or in a command, nowhere else."""

    @property
    def provider(self) -> str:
        """Name of the kind, as `[keys] provider` has it."""
        ...

    def root_key(self) -> bytes:
        """The key, 32 bytes.

        Raises:
            KeyUnavailable: it cannot be had; the message says why and what to do.
        """
        ...


def default_key_path(archive_id: str, environ: Mapping[str, str], *, is_root: bool) -> Path:
    """Where the key file of an archive lies unless it is told otherwise.

    Raises:
        InvalidInput: the archive id is unfit for a file name.
        SettingsError: there is no home directory to put it in.
    """
    if _ARCHIVE_ID.fullmatch(archive_id) is None:
        msg = f"{shown(archive_id)} is not an archive id: letters, digits and hyphens, at most 64"
        raise InvalidInput(msg)
    name = f"{archive_id}.key"
    if is_root:
        return Path("/etc/raykeep") / name
    given, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    # The base directory specification has relative paths passed over.
    if given.startswith("/"):
        return Path(given) / "raykeep" / name
    if home.startswith("/"):
        return Path(home) / ".config" / "raykeep" / name
    msg = "there is no home directory to keep the root key in. Name a file: [keys] file"
    raise SettingsError(msg)


class KeyFileProvider:
    """The root key in a file of its own, readable by its owner alone."""

    provider = "file"

    def __init__(self, path: Path, data_dir: Path) -> None:
        """Name the file; it is read when the key is first asked for.

        Args:
            path: The key file.
            data_dir: The archive's data directory, where the key must not be: a copy of the
                data would then carry its key.
        """
        self.path = path
        self._data_dir = data_dir
        self._key: bytes | None = None

    @classmethod
    def create(cls, path: Path, data_dir: Path, archive_id: str) -> "KeyFileProvider":
        """Make a key and its file, mode 0600, in a directory that is made with mode 0700.

        Raises:
            AlreadyExists: there is such a file; it is unchanged.
            KeyUnavailable: it would lie in the data directory, or cannot be written.
        """
        provider = cls(path, data_dir)
        provider._check_place(path)
        encoded = base64.b64encode(new_key()).decode()
        text = f"{_HEADER} of archive {archive_id}. Without it nothing opens.\n{encoded}\n"
        create_file(path, text.encode())
        return provider

    def root_key(self) -> bytes:
        if self._key is None:
            self._key = self._read()
        return self._key

    def _read(self) -> bytes:
        try:
            content, status = read_file(self.path, MAX_KEY_FILE)
        except KeyUnavailable as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            msg = (
                f"the root key {self.path} is not there, and without it nothing opens. Bring it "
                "back from your copy, or name its place in [keys] file"
            )
            raise KeyUnavailable(msg) from error
        path = self.path.resolve()
        self._check_place(path)
        if not stat.S_ISREG(status.st_mode):
            msg = f"the root key {path} is not a regular file"
            raise KeyUnavailable(msg)
        if status.st_uid not in (os.geteuid(), 0):
            msg = (
                f"the root key {path} belongs to user {status.st_uid}, who could exchange it. "
                f"Run: chown {os.geteuid()} {path}"
            )
            raise KeyUnavailable(msg)
        if status.st_mode & 0o077:
            msg = f"the root key {path} is open to other users. Run: chmod 600 {path}"
            raise KeyUnavailable(msg)
        if path.parent.stat().st_mode & stat.S_IWOTH:
            msg = (
                f"anybody may write to {path.parent}, the directory of the root key. "
                f"Run: chmod o-w {path.parent}"
            )
            raise KeyUnavailable(msg)
        return _parsed(content, path)

    def _check_place(self, path: Path) -> None:
        if path.resolve().is_relative_to(self._data_dir.resolve()):
            msg = (
                f"the root key {path} lies in the data directory {self._data_dir}: a copy of the "
                "data would carry its key. Move it out and name its place in [keys] file"
            )
            raise KeyUnavailable(msg)


def _parsed(content: bytes, path: Path) -> bytes:
    lines = content.decode("ascii", "replace").splitlines()
    try:
        header, encoded = lines
        key = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        header, key = "", b""
    if not header.startswith(_HEADER) or len(key) != KEY_LENGTH:
        msg = (
            f"{path} is not a root key: a line '{_HEADER} …' and one of base64. "
            "Restore it from its copy"
        )
        raise KeyUnavailable(msg)
    return key


class PassphraseProvider:
    """The root key from a passphrase that somebody types when the archive starts."""

    provider = "passphrase"

    def __init__(self, parameters: PassphraseParameters, ask: Callable[[], str]) -> None:
        """Take the parameters from the archive's manifest; `ask` is called at first use."""
        self.parameters = parameters
        self._ask = ask
        self._key: bytes | None = None

    @classmethod
    def create(cls, ask: Callable[[], str]) -> "PassphraseProvider":
        """Choose a passphrase; `parameters` are then to be kept in the archive's manifest.

        Raises:
            InvalidInput: it is shorter than 12 characters.
        """
        parameters, root_key = choose_passphrase(ask())
        provider = cls(parameters, ask)
        provider._key = root_key
        return provider

    def root_key(self) -> bytes:
        if self._key is None:
            self._key = root_key_from(self._ask(), self.parameters)
        return self._key
