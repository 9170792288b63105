"""What every command has at hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from raykeep.domain.access import Actor, ActorKind, Door, Origin, Role
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.servers.control.steps import Plain
from raykeep.services.audit_review import TrailKeys
from raykeep.services.ingest_settings import IngestSettings


@dataclass(frozen=True, slots=True)
class Context:
    """The archive that commands work on.

    Attributes:
        enforcer: The door.
        clock: Time.
        ingest: How instances are taken in.
        trail_keys: Who signs the trail.
        facts: What the archive tells of itself: id, version, ports, paths; no secret.
        ca_bundle: File with the certificates that peers must trust.
        tls_certificates: Gives the archive's own certificates, (name, PEM).
        database_facts: Gives engine and revision.
        known_until: Arrival of the newest row when the archive started; None where nothing
            arrives meanwhile.
    """

    enforcer: Enforcer
    clock: Clock
    ingest: IngestSettings
    trail_keys: TrailKeys
    facts: Plain
    ca_bundle: Path
    tls_certificates: Callable[[], list[tuple[str, str]]]
    database_facts: Callable[[], dict[str, str]]
    known_until: datetime | None = None


def local_operator(user: str) -> Actor:
    """Whoever may run commands on the host, by the name of the operating system."""
    return Actor(
        ActorKind.LOCAL_OPERATOR,
        user,
        frozenset({Role.LOCAL_OPERATOR}),
        frozenset(),
        Origin(Door.COMMAND_LINE),
        all_facilities=True,
    )
