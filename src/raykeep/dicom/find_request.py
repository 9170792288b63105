"""C-FIND requests: an identifier becomes a query (PS3.4 section C.4.1)."""

from dataclasses import dataclass
from enum import StrEnum

from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.domain.query import Query


class InformationModel(StrEnum):
    """A query/retrieve information model."""

    PATIENT_ROOT = "patient-root"
    STUDY_ROOT = "study-root"


@dataclass(frozen=True, slots=True)
class FindRequest:
    """One C-FIND request.

    Attributes:
        query: What to search for; `query.returns` holds the requested tags that are supported.
        requested: Tags of the identifier that are supported, in its order.
        unsupported: Tags of keys that are neither matched nor returned: pending responses
            then have status FF01H instead of FF00H.
        specific_character_set: Defined terms of the request, for the answers.
    """

    query: Query
    requested: tuple[int, ...]
    unsupported: frozenset[int]
    specific_character_set: tuple[str, ...]


def query_from_identifier(
    model: InformationModel,
    identifier: bytes,
    transfer_syntax_uid: str,
    *,
    relational: bool = False,
    fuzzy: bool = False,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> FindRequest:
    """Read the identifier of a C-FIND request.

    Args:
        model: Of the SOP class.
        identifier: The data set, as it came.
        transfer_syntax_uid: Of the presentation context.
        relational: Relational queries were negotiated (PS3.4 C.5.1.1): unique keys of the
            levels above are not required.
        fuzzy: Fuzzy semantic matching of names was negotiated.
        limits: Bounds on keys and values.

    Raises:
        InvalidQuery: level or keys do not fit the model; the message names the key (A900H).
        MalformedDataSet: the identifier is not a data set.
        LimitExceeded: it is larger than allowed.
    """
    raise NotImplementedError
