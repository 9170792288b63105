"""Opening the keys: from the root key's provider to the archive's own secrets."""

import base64
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from getpass import getpass
from pathlib import Path
from typing import Any

from raykeep.adapters.keys.authority import LocalAuthority
from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.local import LocalKeys, prepare_secrets
from raykeep.adapters.keys.providers import (
    KeyFileProvider,
    PassphraseProvider,
    RootKey,
    default_key_path,
)
from raykeep.bootstrap.memory import keep_memory_private
from raykeep.config.layout import Layout, Manifest
from raykeep.crypto.passphrase import PassphraseParameters
from raykeep.domain.errors import KeyUnavailable, SettingsError
from raykeep.ports.clock import Clock

CREDENTIAL = "raykeep-passphrase"  # name of a systemd credential (systemd.exec(5))

Ask = Callable[[], str]


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """All keys, opened with the root key: for the supervisor, and for commands."""

    keyring: KeyRing
    local: LocalKeys
    authority: LocalAuthority


def open_keys(
    layout: Layout, manifest: Manifest, clock: Clock, *, file: Path | None, ask: Ask
) -> OpenKeys:
    """Open the keyring of an archive.

    Args:
        layout: The data directory.
        manifest: Its manifest.
        clock: Time.
        file: The root key's file as settings name it; None for where `init` put it.
        ask: Gives the passphrase, where the root key hangs on one.

    Raises:
        KeyUnavailable: the root key is missing, another one, or open to others.
    """
    keep_memory_private()
    root: RootKey
    if manifest.key_provider == "passphrase":
        root = PassphraseProvider(_parameters(manifest.key), ask)
    elif manifest.key_provider == "file":
        root = KeyFileProvider(file or _path(manifest.key), layout.data)
    else:
        msg = (
            f"{layout.manifest} names a key provider '{manifest.key_provider}' that is unknown here"
        )
        raise SettingsError(msg)
    return _opened(KeyRing(layout.keyring, root, clock), clock)


def create_keys(
    layout: Layout,
    clock: Clock,
    *,
    archive_id: str,
    provider: str,
    file: Path | None,
    ask: Ask,
) -> tuple[OpenKeys, dict[str, Any]]:
    """Make root key, keyring and secrets; returns them and what the manifest keeps of the key.

    Raises:
        AlreadyExists: there are some already.
        KeyUnavailable: a file cannot be written, or would lie in the data directory.
        InvalidInput: the passphrase is too short.
    """
    keep_memory_private()
    root: RootKey
    if provider == "passphrase":
        by_passphrase = PassphraseProvider.create(ask)
        root, kept = by_passphrase, _plain(by_passphrase.parameters)
    else:
        path = file or default_key_path(archive_id, os.environ, is_root=os.geteuid() == 0)
        root = KeyFileProvider.create(path.absolute(), layout.data, archive_id)
        kept = {"path": str(path.absolute())}
    keys = _opened(KeyRing.create(layout.keyring, root, clock, archive_id), clock)
    prepare_secrets(keys.keyring)
    return keys, kept


def ask_for_passphrase() -> str:
    """The passphrase: from systemd's credentials, or typed on the terminal.

    Raises:
        KeyUnavailable: there is neither.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is not None and (path := Path(folder, CREDENTIAL)).is_file():
        return path.read_text().rstrip("\n")
    if not sys.stdin.isatty():
        msg = (
            "the root key hangs on a passphrase, and there is no terminal to type it. "
            f"Give it as the systemd credential '{CREDENTIAL}'"
        )
        raise KeyUnavailable(msg)
    return getpass("Passphrase of the archive: ")


def _opened(keyring: KeyRing, clock: Clock) -> OpenKeys:
    return OpenKeys(keyring, LocalKeys(keyring), LocalAuthority(keyring, clock))


def _plain(parameters: PassphraseParameters) -> dict[str, Any]:
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in asdict(parameters).items()
    }


def _path(kept: dict[str, Any]) -> Path:
    path = kept.get("path")
    if not isinstance(path, str):
        msg = (
            "the manifest does not say where the root key lies. Name its file in [keys] file, or "
            "restore archive.json from a backup"
        )
        raise KeyUnavailable(msg)
    return Path(path)


def _parameters(kept: dict[str, Any]) -> PassphraseParameters:
    try:
        return PassphraseParameters(
            salt=base64.b64decode(kept["salt"]),
            verifier=base64.b64decode(kept["verifier"]),
            memory_kib=int(kept["memory_kib"]),
            iterations=int(kept["iterations"]),
            lanes=int(kept["lanes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = "the manifest's passphrase parameters are damaged. Restore archive.json from a backup"
        raise KeyUnavailable(msg) from error
