"""Where things lie in a data directory, and the manifest that says what it is."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from raykeep.domain.errors import ArchiveDown, KeyUnavailable, SettingsError

FORMAT = 1  # of the data directory; a newer one is refused


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of a data directory."""

    data: Path

    @property
    def manifest(self) -> Path:
        """What the directory is: see `Manifest`."""
        return self.data / "archive.json"

    @property
    def unfinished(self) -> Path:
        """There while an archive is being made: what lies beside it may be cleared away."""
        return self.data / "unfinished"

    @property
    def config(self) -> Path:
        """Settings."""
        return self.data / "raykeep.toml"

    @property
    def keyring(self) -> Path:
        """Secrets, each sealed under the root key, which lies elsewhere."""
        return self.data / "keys" / "keyring.json"

    @property
    def study_keys(self) -> Path:
        """Wrapped study keys, an encrypted database of their own."""
        return self.data / "keys" / "keys.db"

    @property
    def database(self) -> Path:
        """Index, registry, trail: one encrypted database."""
        return self.data / "db" / "index.db"

    @property
    def blobs(self) -> Path:
        """Sealed objects."""
        return self.data / "blobs"

    @property
    def ca_bundle(self) -> Path:
        """Certificates that peers must trust, PEM."""
        return self.data / "tls" / "ca.crt"

    @property
    def run(self) -> Path:
        """What only a running archive needs."""
        return self.data / "run"

    @property
    def ready(self) -> Path:
        """Ports and process of a running archive; there once every listener answers."""
        return self.run / "ready.json"

    @property
    def control_socket(self) -> Path:
        """Where commands reach a running archive."""
        return self.run / "control.sock"

    @property
    def lock(self) -> Path:
        """Locked by whoever has the directory open."""
        return self.run / "lock"

    @property
    def metrics(self) -> Path:
        """Counters of each process, for the health listener."""
        return self.run / "metrics"

    def make(self) -> None:
        """Make the directories, for their owner alone."""
        for path in (self.data, self.run, self.metrics, self.blobs, self.data / "keys"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (self.data / "db", self.data / "tls"):
            path.mkdir(mode=0o700, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a data directory is.

    Attributes:
        archive_id: 16 hexadecimal digits.
        created: Time of making, ISO 8601.
        policy: Preset of account rules, `classic` or `nist`.
        key_provider: `file` or `passphrase`.
        key: What the provider needs to find or make the root key; no secret.
        audit_key: Public key of the trail's checkpoints, as `name+id+base64`.
        format: Form of the data directory.
    """

    archive_id: str
    created: str
    policy: str
    key_provider: str
    key: dict[str, Any] = field(default_factory=dict)
    audit_key: str = ""
    format: int = FORMAT

    def write(self, layout: Layout) -> None:
        """Write it, whole or not at all."""
        temporary = layout.manifest.with_suffix(".new")
        with temporary.open("w") as file:
            json.dump(asdict(self), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o600)
        temporary.replace(layout.manifest)


def read_manifest(layout: Layout) -> Manifest:
    """The manifest of a data directory.

    Raises:
        ArchiveDown: there is no archive here.
        SettingsError: the directory is of a newer version, or its manifest is damaged.
    """
    try:
        content = json.loads(layout.manifest.read_text())
        version = int(content["format"])
        if version <= FORMAT:
            Manifest(**content)  # refuses what it does not know
            return msgspec.convert(content, Manifest)
    except (FileNotFoundError, NotADirectoryError):
        msg = (
            f"there is no archive in {layout.data}. Name another directory with --data, or make "
            f"one with `raykeep --data {layout.data} init`"
        )
        raise ArchiveDown(msg) from None
    except PermissionError:
        msg = f"{layout.data} belongs to somebody else. Run this as its owner"
        raise KeyUnavailable(msg) from None
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        msg = f"{layout.manifest} is damaged ({type(error).__name__}). Restore it from a backup"
        raise SettingsError(msg) from error
    msg = (
        f"{layout.data} has format {version}, this release knows up to {FORMAT}. "
        "Install a newer release"
    )
    raise SettingsError(msg)


def trail_origin(manifest: Manifest) -> str:
    """Name of the archive's log, the first line of its checkpoints."""
    return f"raykeep-{manifest.archive_id}"
