"""QIDO-RS requests: parameters of a URL become a query (PS3.18 sections 8.3.4 and 10.6)."""

from collections.abc import Iterable
from dataclasses import dataclass

from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.domain.attributes import Level
from raykeep.domain.query import Query


@dataclass(frozen=True, slots=True)
class QidoRequest:
    """One QIDO-RS request.

    Attributes:
        query: What to search for; `query.returns` holds the tags of the answer.
        fuzzy: Fuzzy matching of names was asked for.
    """

    query: Query
    fuzzy: bool


def query_from_parameters(
    level: Level,
    parameters: Iterable[tuple[str, str]],
    *,
    study_instance_uid: str | None = None,
    series_instance_uid: str | None = None,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> QidoRequest:
    """Read the parameters of a search.

    Args:
        level: What the path asks for: studies, series or instances.
        parameters: Names and values, percent-decoded, in order; names may repeat.
        study_instance_uid: Of the path.
        series_instance_uid: Of the path.
        limits: Bounds on keys and values.

    Raises:
        InvalidQuery: a parameter is unknown or does not fit; the message names it (400).
        InvalidUID: a UID of the path is not one.
    """
    raise NotImplementedError
