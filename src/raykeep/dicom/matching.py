"""The matching rules of PS3.4 section C.2.2.2: from a key to a condition, and what it means."""

from collections.abc import Mapping

from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.domain.attributes import Attribute
from raykeep.domain.instance import Values
from raykeep.domain.query import Condition


def condition_for(
    attribute: Attribute,
    value: str,
    *,
    fuzzy: bool = False,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> Condition | None:
    """What a key with `value` asks for; None for universal matching.

    Several values are parted by backslashes.

    Raises:
        InvalidQuery: the value does not fit the attribute, or is longer than allowed.
    """
    raise NotImplementedError


def matches(
    condition: Condition,
    values: Values,
    sequences: Mapping[int, tuple[Values, ...]] | None = None,
) -> bool:
    """Whether an entity with these values satisfies `condition`: slow, plain, the law."""
    raise NotImplementedError
