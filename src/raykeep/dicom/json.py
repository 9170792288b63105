"""The DICOM JSON model (PS3.18 annex F), for matches of a search."""

from collections.abc import Iterable

from raykeep.domain.attributes import Level
from raykeep.domain.instance import Match


class MatchJson:
    """Encode the matches of one QIDO-RS request; made once a request, used for each match."""

    def __init__(self, level: Level, returns: Iterable[int], *, base_url: str) -> None:
        """Prepare.

        Args:
            level: Of the query; it shapes Retrieve URL.
            returns: Tags of the answer.
            base_url: Of the DICOMweb service, without a slash at its end.
        """
        raise NotImplementedError

    def encode(self, match: Match) -> bytes:
        """One JSON object, UTF-8."""
        raise NotImplementedError
