"""An established association, as the services see it."""

from collections.abc import Callable
from dataclasses import dataclass
from logging import Logger
from typing import Any

from raykeep.domain.access import Actor
from raykeep.domain.device import Device
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.servers.dimse.metrics import DimseMetrics
from raykeep.servers.dimse.settings import DimseSettings
from raykeep.services.ingest_settings import IngestSettings
from raykeep.transport.messages import Messages
from raykeep.wire.dimse.commands import Response
from raykeep.wire.upperlayer.negotiation import AcceptedContext


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all associations of a process share."""

    enforcer: Enforcer
    clock: Clock
    settings: DimseSettings
    ingest: IngestSettings
    metrics: DimseMetrics
    logger: Logger


@dataclass(frozen=True, slots=True)
class Established:
    """One association after its negotiation."""

    shared: Surroundings
    device: Device
    actor: Actor
    messages: Messages


# Performs one request and gives the final response; raises what `statuses` has a line for.
# A request is of the type under which the handler stands in the dispatch table.
Perform = Callable[[Established, AcceptedContext, Any], Response]
