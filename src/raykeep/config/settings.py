"""All settings: each section is a class of the room that it belongs to."""

from dataclasses import dataclass, field
from pathlib import Path

from raykeep.adapters.blobs.settings import BlobSettings
from raykeep.adapters.keys.settings import KeySettings
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.config.toml import into, read_toml
from raykeep.edge.settings import HttpsSettings
from raykeep.servers.dicomweb.settings import DicomwebSettings
from raykeep.servers.dimse.settings import DimsePlainSettings, DimseSettings
from raykeep.servers.health.settings import HealthSettings
from raykeep.services.ingest_settings import IngestSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole file; a section that is not there has its safe defaults."""

    dimse: DimseSettings = field(default_factory=DimseSettings)
    dimse_plain: DimsePlainSettings = field(default_factory=DimsePlainSettings)
    https: HttpsSettings = field(default_factory=HttpsSettings)
    dicomweb: DicomwebSettings = field(default_factory=DicomwebSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    blobs: BlobSettings = field(default_factory=BlobSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    keys: KeySettings = field(default_factory=KeySettings)


def read_settings(path: Path) -> Settings:
    """Read the settings file; an absent one has all defaults.

    Raises:
        SettingsError: a key is unknown, of a wrong type or unsafe; the message names it.
    """
    return into(Settings, read_toml(path))
