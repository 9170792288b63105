"""The routes of DICOMweb: one table, which the conformance statement and the tests read."""

from dataclasses import dataclass

from raykeep.edge.router import Route
from raykeep.servers.dicomweb import qido, wado
from raykeep.servers.dicomweb.calls import Handler


@dataclass(frozen=True, slots=True)
class Store:
    """Marks the routes that take a body; they are answered on the loop (`stow.store`)."""


Endpoint = Handler | Store

STORE = Store()

_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"

ROUTES: tuple[Route[Endpoint], ...] = (
    # STOW-RS, PS3.18 section 10.5
    Route("POST", "/studies", STORE),
    Route("POST", _STUDY, STORE),
    # QIDO-RS, PS3.18 section 10.6
    Route("GET", "/studies", qido.studies),
    Route("GET", "/series", qido.series),
    Route("GET", "/instances", qido.instances),
    Route("GET", _STUDY + "/series", qido.series),
    Route("GET", _STUDY + "/instances", qido.instances),
    Route("GET", _SERIES + "/instances", qido.instances),
    # WADO-RS, PS3.18 section 10.4
    Route("GET", _STUDY, wado.instances),
    Route("GET", _SERIES, wado.instances),
    Route("GET", _INSTANCE, wado.instances),
    Route("GET", _STUDY + "/metadata", wado.metadata),
    Route("GET", _SERIES + "/metadata", wado.metadata),
    Route("GET", _INSTANCE + "/metadata", wado.metadata),
    Route("GET", _INSTANCE + "/frames/{frames}", wado.frames),
    Route("GET", _INSTANCE + "/bulkdata/{reference*}", wado.bulk_data),
)
