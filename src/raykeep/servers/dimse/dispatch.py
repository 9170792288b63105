"""From a request to who performs it, and from an error to what the peer is told."""

import secrets
import traceback
from collections.abc import Mapping
from logging import Logger
from typing import Final, cast

from raykeep.domain.device import DeviceRight
from raykeep.domain.errors import ArchiveError, ProtocolError
from raykeep.servers.dimse.echo_scp import perform_echo
from raykeep.servers.dimse.established import Established, Perform
from raykeep.servers.dimse.find_scp import perform_find
from raykeep.servers.dimse.metrics import Count
from raykeep.servers.dimse.presentation_contexts import service_of
from raykeep.servers.dimse.statuses import comment_on, status_of
from raykeep.servers.dimse.store_scp import perform_store
from raykeep.wire.dimse.commands import (
    COMMANDS,
    RESPONSE,
    CEchoRQ,
    CFindRQ,
    CStoreRQ,
    Request,
    Response,
)
from raykeep.wire.dimse.statuses import (
    PROCESSING_FAILURE,
    SOP_CLASS_NOT_SUPPORTED,
    UNRECOGNIZED_OPERATION,
)
from raykeep.wire.upperlayer.negotiation import AcceptedContext

# What may be asked on a presentation context of which service.
PERFORMERS: Final[Mapping[tuple[DeviceRight, type[Request]], Perform]] = {
    (DeviceRight.ECHO, CEchoRQ): perform_echo,
    (DeviceRight.STORE, CStoreRQ): perform_store,
    (DeviceRight.FIND, CFindRQ): perform_find,
}


def perform(association: Established, context: AcceptedContext, request: Request) -> Response:
    """Have a request performed.

    Returns:
        The final response, also where it failed.

    Raises:
        ProtocolError: the association ended meanwhile: there is nobody to answer.
    """
    shared = association.shared
    service = service_of(context.abstract_syntax, private_storage=shared.ingest.private_sop_classes)
    performer = None if service is None else PERFORMERS.get((service.right, type(request)))
    if performer is None:
        return failure(request, UNRECOGNIZED_OPERATION, "not an operation of this SOP class")
    if getattr(request, "affected_sop_class_uid", None) != context.abstract_syntax:
        return failure(
            request, SOP_CLASS_NOT_SUPPORTED, "not the SOP class of the presentation context"
        )
    try:
        return performer(association, context, request)
    except ArchiveError as error:
        if association.messages.has_ended:
            raise ProtocolError("the association ended within a request") from error
        _count_failure(association, request)
        status = status_of(error, request)
        shared.logger.info(
            "%s of %s failed with %04XH: %s",
            type(request).__name__,
            association.device.ae_title,
            status,
            type(error).__name__,
        )
        return failure(request, status, comment_on(error))
    except Exception as error:
        if association.messages.has_ended:
            raise ProtocolError("the association ended within a request") from error
        # One failure must not cost the device its association, nor the archive its process.
        _count_failure(association, request)
        shared.metrics.add(Count.ERRORS)
        error_id = log_unforeseen(shared.logger, error)
        return failure(request, PROCESSING_FAILURE, f"internal error {error_id}")


def failure(request: Request, status: int, comment: str) -> Response:
    """The response that says that `request` was not performed."""
    kind = cast("type[Response]", COMMANDS[request.command_field | RESPONSE])
    return kind(
        message_id_being_responded_to=request.message_id, status=status, error_comment=comment
    )


def log_unforeseen(logger: Logger, error: BaseException) -> str:
    """Log where an error came from under an id, and return the id.

    Not what it says: the message of an error that nobody foresaw may quote a data set.
    """
    error_id = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    logger.error("error %s: %s in %s", error_id, type(error).__name__, places)
    return error_id


def _count_failure(association: Established, request: Request) -> None:
    if isinstance(request, CStoreRQ):
        association.shared.metrics.add(Count.NOT_STORED)
