"""C-FIND responses: a match becomes an identifier (PS3.4 section C.4.1.1.3.2)."""

from raykeep.dicom.find_request import FindRequest
from raykeep.domain.ae_title import AETitle
from raykeep.domain.instance import Match


class MatchEncoder:
    """Encode the matches of one C-FIND request; made once a request, used for each match.

    An answer holds the requested attributes and no other, with Query/Retrieve Level,
    Retrieve AE Title and Instance Availability, and Specific Character Set where text needs
    one: the request's own if it can hold the text, ISO_IR 192 otherwise.
    """

    def __init__(
        self, request: FindRequest, *, retrieve_ae_title: AETitle, transfer_syntax_uid: str
    ) -> None:
        raise NotImplementedError

    def encode(self, match: Match) -> bytes:
        """The identifier of one pending response, in the transfer syntax."""
        raise NotImplementedError
