"""What a DICOMweb handler is given."""

from collections.abc import Callable
from dataclasses import dataclass

from raykeep.domain.access import Actor
from raykeep.edge.replies import Reply, StreamReply
from raykeep.edge.requests import WebRequest
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.servers.dicomweb.settings import DicomwebSettings
from raykeep.services.ingest_settings import IngestSettings


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers work with; one value an application."""

    enforcer: Enforcer
    clock: Clock
    settings: DicomwebSettings
    ingest: IngestSettings


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a handler.

    Attributes:
        services: Of the application.
        request: As it came.
        actor: Who sends it.
        values: What the placeholders of its route stand for.
    """

    services: Services
    request: WebRequest
    actor: Actor
    values: tuple[str, ...]


Handler = Callable[[Call], Reply | StreamReply]
"""Answers a call on a worker thread."""
