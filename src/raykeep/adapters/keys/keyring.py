"""The keyring: one file with every secret of the archive, each sealed under the root key."""

import contextlib
import hmac
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from raykeep.adapters.keys.names import facility_key_name
from raykeep.adapters.keys.providers import RootKey
from raykeep.adapters.keys.secret_files import create_file, locked, read_file, replace_file
from raykeep.crypto.canonical import canonical_json
from raykeep.crypto.secrets_at_rest import derive_key, new_key, open_secret, seal_secret
from raykeep.domain.errors import IntegrityError, KeyUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.ports.clock import Clock
from raykeep.ports.key_administration import FacilityKeyInfo

MAX_FILE = 16_777_216  # bytes; some 50,000 secrets
MAX_SECRET = 65_536  # bytes

_FORMAT = "raykeep-keyring-1"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}(?:/[a-z0-9][a-z0-9-]{0,63}){0,2}")


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    version: int  # counts how often this name was put
    created_at: datetime
    sealed: bytes


class _Content(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    format: str
    archive_id: str
    root_key_id: str
    secrets: dict[str, _Entry]
    seal: bytes = b""  # HMAC-SHA256 over all the rest: nothing is taken out or put back unseen


class KeyRing:
    """Named secrets in one small file, mode 0600, replaced whole with each change.

    Each secret is sealed with its name, its version and the archive's id as associated data, and
    all together carry a seal, so that none can be changed, moved, dropped or brought back. An
    older copy of the whole file does open: only a copy elsewhere can tell.
    Safe for many threads and processes; changes that others make are seen.
    """

    def __init__(self, path: Path, root: RootKey, clock: Clock) -> None:
        """Open the keyring.

        Raises:
            KeyUnavailable: it is missing or damaged, or the root key is another one or away.
        """
        self.path = path
        self._root = root
        self._clock = clock
        self._load()

    @classmethod
    def create(cls, path: Path, root: RootKey, clock: Clock, archive_id: str) -> "KeyRing":
        """Make an empty keyring.

        Raises:
            AlreadyExists: there is one; it is unchanged.
            KeyUnavailable: it cannot be written, or the root key is away.
        """
        key_id = _root_key_id(root.root_key())
        content = _Content(_FORMAT, archive_id, key_id, {})
        create_file(path, _encoded(content, root.root_key()))
        return cls(path, root, clock)

    @property
    def archive_id(self) -> str:
        """The archive that it belongs to."""
        return self._current().archive_id

    @property
    def root_key_id(self) -> str:
        """What tells root keys apart: 16 hexadecimal digits that do not give the key away."""
        return self._current().root_key_id

    @property
    def provider(self) -> str:
        """Name of the root key's provider."""
        return self._root.provider

    def names(self) -> list[str]:
        """Names of all secrets, sorted."""
        return sorted(self._current().secrets)

    def has(self, name: str) -> bool:
        """Whether there is a secret of that name."""
        return name in self._current().secrets

    def get(self, name: str) -> bytes:
        """A secret.

        Raises:
            KeyUnavailable: there is none of that name, or it does not open.
        """
        return self._open(self._current(), name)

    def put(self, name: str, secret: bytes) -> None:
        """Keep a secret, in the place of what had its name; durable when this returns.

        Raises:
            KeyUnavailable: it cannot be written.
        """
        with self._changing() as content:
            self._save(self._with(content, name, secret))

    def ensure(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The secret of that name; `make` gives one when there is none yet.

        Raises:
            KeyUnavailable: it does not open or cannot be written.
        """
        if not self.has(name):
            with self._changing() as content:
                if name not in content.secrets:
                    self._save(self._with(content, name, make()))
        return self.get(name)

    def delete(self, name: str) -> None:
        """Remove a secret for good; nothing happens when there is none of that name.

        Raises:
            KeyUnavailable: the file cannot be written.
        """
        with self._changing() as content:
            secrets = {key: entry for key, entry in content.secrets.items() if key != name}
            self._save(msgspec.structs.replace(content, secrets=secrets))

    # --- facility keys ---------------------------------------------------------------------------

    def create_facility_key(self, facility: FacilityName) -> FacilityKeyInfo:
        """Make the first key of a facility, or tell of the current one.

        Raises:
            KeyUnavailable: it cannot be written.
        """
        if not _versions(self._current(), facility):
            with self._changing() as content:
                if not _versions(content, facility):
                    self._save(self._with(content, facility_key_name(facility, 1), new_key()))
        return next(
            key for key in self.facility_keys() if key.facility == facility and key.is_current
        )

    def facility_key(self, facility: FacilityName, version: int | None = None) -> tuple[int, bytes]:
        """A facility's key and its version; the current one unless a version is named.

        Raises:
            KeyUnavailable: it is not here.
        """
        content = self._current()
        if version is None:
            versions = _versions(content, facility)
            if not versions:
                msg = f"facility {facility} has no key. Add it first: raykeep facility add"
                raise KeyUnavailable(msg)
            version = max(versions)
        return version, self._open(content, facility_key_name(facility, version))

    def facility_keys(self) -> list[FacilityKeyInfo]:
        """All facility keys, by facility and version."""
        content = self._current()
        found: list[tuple[FacilityName, int, datetime]] = []
        for name, entry in content.secrets.items():
            kind, _, rest = name.partition("/")
            if kind == "facility":
                facility, _, number = rest.partition("/")
                found.append((FacilityName(facility), int(number), entry.created_at))
        found.sort()
        newest = {facility: version for facility, version, _ in found}
        return [
            FacilityKeyInfo(facility, version, created_at, newest[facility] == version)
            for facility, version, created_at in found
        ]

    # --- the file --------------------------------------------------------------------------------

    def _current(self) -> _Content:
        """The content, read anew when the file is not the one that was read last."""
        try:
            status = self.path.stat()
        except OSError as error:
            msg = f"the keyring {self.path} is gone: {error.strerror}. Restore it from a backup"
            raise KeyUnavailable(msg) from error
        seen, content = self._loaded
        return content if _mark(status) == seen else self._load()

    def _load(self) -> _Content:
        raw, status = read_file(self.path, MAX_FILE)
        root_key = self._root.root_key()
        try:
            content = msgspec.json.decode(raw, type=_Content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._damaged() from error
        if content.format != _FORMAT:
            raise self._damaged()
        if content.root_key_id != _root_key_id(root_key):
            msg = (
                f"the keyring {self.path} is sealed under root key {content.root_key_id}, but "
                f"{_root_key_id(root_key)} was given. Name the right one in [keys]"
            )
            raise KeyUnavailable(msg)
        if not hmac.compare_digest(content.seal, _seal_of(content, root_key)):
            raise self._damaged()
        # One assignment, since other threads read both parts.
        self._loaded = _mark(status), content
        return content

    @contextlib.contextmanager
    def _changing(self) -> Iterator[_Content]:
        """Read, change and write under the lock, so that no other writer's change is lost."""
        with locked(self.path.with_suffix(".lock")):
            yield self._load()

    def _with(self, content: _Content, name: str, secret: bytes) -> _Content:
        if _NAME.fullmatch(name) is None or len(secret) > MAX_SECRET:
            msg = f"not for the keyring: {name}, {len(secret)} bytes"
            raise ValueError(msg)
        before = content.secrets.get(name)
        version = before.version + 1 if before else 1
        sealed = seal_secret(
            self._sealing_key(content), secret, _associated(content.archive_id, name, version)
        )
        entry = _Entry(version, self._clock.now(), sealed)
        return msgspec.structs.replace(content, secrets={**content.secrets, name: entry})

    def _save(self, content: _Content) -> None:
        replace_file(self.path, _encoded(content, self._root.root_key()))
        self._load()

    def _open(self, content: _Content, name: str) -> bytes:
        entry = content.secrets.get(name)
        if entry is None:
            msg = f"the keyring {self.path} holds no secret {name}"
            raise KeyUnavailable(msg)
        bound = _associated(content.archive_id, name, entry.version)
        try:
            return open_secret(self._sealing_key(content), entry.sealed, bound)
        except IntegrityError as error:
            raise self._damaged() from error

    def _sealing_key(self, content: _Content) -> bytes:
        context = content.archive_id.encode()
        return derive_key(self._root.root_key(), "raykeep keyring secrets", context)

    def _damaged(self) -> KeyUnavailable:
        return KeyUnavailable(f"the keyring {self.path} is damaged. Restore it from a backup")


def _versions(content: _Content, facility: FacilityName) -> list[int]:
    prefix = f"facility/{facility}/"
    return [int(name.removeprefix(prefix)) for name in content.secrets if name.startswith(prefix)]


def _associated(archive_id: str, name: str, version: int) -> bytes:
    return canonical_json([_FORMAT, archive_id, name, version])


def _root_key_id(root_key: bytes) -> str:
    return derive_key(root_key, "raykeep root key id")[:8].hex()


def _seal_of(content: _Content, root_key: bytes) -> bytes:
    key = derive_key(root_key, "raykeep keyring seal", content.archive_id.encode())
    plain = msgspec.json.encode(msgspec.structs.replace(content, seal=b""))
    return hmac.digest(key, plain, "sha256")


def _encoded(content: _Content, root_key: bytes) -> bytes:
    sealed = msgspec.structs.replace(content, seal=_seal_of(content, root_key))
    return msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n"


def _mark(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size
