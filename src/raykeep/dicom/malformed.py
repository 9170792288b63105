"""The error for bytes that are no data set."""

from raykeep.domain.errors import MalformedDataSet


def malformed(what: str, at: int) -> MalformedDataSet:
    """Say what is wrong, and at which byte of the data set."""
    return MalformedDataSet(
        f"the data set cannot be read at byte {at}: {what}. Correct it at its source"
    )
