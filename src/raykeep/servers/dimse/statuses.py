"""What a peer is told of each error: one table from the error tree to DIMSE statuses.

A test walks the tree and fails on a class without a line.
"""

from typing import Final

from raykeep.domain import errors
from raykeep.wire.dimse import statuses as status
from raykeep.wire.dimse.commands import CFindRQ, Request

STATUS_OF: Final[dict[type[errors.ArchiveError], int]] = {
    errors.ArchiveError: status.PROCESSING_FAILURE,
    errors.InvalidInput: status.CANNOT_UNDERSTAND,
    errors.InvalidUID: status.CANNOT_UNDERSTAND,
    errors.InvalidAETitle: status.CANNOT_UNDERSTAND,
    errors.InvalidQuery: status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
    errors.MalformedDataSet: status.CANNOT_UNDERSTAND,
    errors.ProtocolError: status.PROCESSING_FAILURE,
    errors.SettingsError: status.PROCESSING_FAILURE,
    errors.AlreadyExists: status.PROCESSING_FAILURE,
    errors.ChangeRefused: status.PROCESSING_FAILURE,
    errors.LimitExceeded: status.OUT_OF_RESOURCES,
    errors.AccessDenied: status.NOT_AUTHORIZED,
    errors.NotAuthenticated: status.NOT_AUTHORIZED,
    errors.AssociationRefused: status.NOT_AUTHORIZED,
    errors.InstanceRefused: status.CANNOT_UNDERSTAND,
    errors.SOPClassRefused: status.SOP_CLASS_NOT_SUPPORTED,
    errors.IdentifiersDiffer: status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
    errors.NotFound: status.NO_SUCH_SOP_INSTANCE,
    errors.StudyNotFound: status.NO_SUCH_SOP_INSTANCE,
    errors.FrameNotFound: status.NO_SUCH_SOP_INSTANCE,
    errors.DeviceNotFound: status.PROCESSING_FAILURE,
    errors.TokenNotFound: status.PROCESSING_FAILURE,
    errors.FacilityNotFound: status.PROCESSING_FAILURE,
    errors.RecordNotFound: status.PROCESSING_FAILURE,
    errors.NotAcceptable: status.PROCESSING_FAILURE,
    errors.UnsupportedMedia: status.PROCESSING_FAILURE,
    errors.StorageFull: status.OUT_OF_RESOURCES,
    errors.StorageUnavailable: status.OUT_OF_RESOURCES,
    errors.KeyUnavailable: status.OUT_OF_RESOURCES,
    errors.ArchiveDown: status.OUT_OF_RESOURCES,
    errors.IntegrityError: status.PROCESSING_FAILURE,
    errors.BlobExists: status.PROCESSING_FAILURE,
    errors.BlobNotFound: status.PROCESSING_FAILURE,
}


def status_of(error: errors.ArchiveError, request: Request) -> int:
    """The status of the response to `request` that failed with `error`."""
    if isinstance(error, errors.NotFound) and isinstance(request, CFindRQ):
        return status.SUCCESS  # no match: what is not there and what is not shown look the same
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def comment_on(error: errors.ArchiveError) -> str:
    """Error Comment (0000,0902): what the operator of the device can act on.

    Only what the peer sent itself and what is refused in it; reasons of the
    policy are for the trail. Longer than 64 characters is cut on the wire.
    """
    match error:
        case errors.AccessDenied() | errors.NotAuthenticated() | errors.AssociationRefused():
            return "not authorized"
        case errors.InstanceRefused():
            return error.finding
        case errors.InvalidInput() | errors.LimitExceeded():
            return str(error)
        case errors.StorageFull():
            return "the archive is full"
        case errors.StorageUnavailable():
            return "the archive cannot store now, send again later"
        case _:
            return "the archive could not do it"
