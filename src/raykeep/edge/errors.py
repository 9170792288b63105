"""From the error tree to HTTP: one table, and a body that tells a client what to do next."""

import logging
from dataclasses import dataclass

from raykeep.domain.errors import (
    AccessDenied,
    AlreadyExists,
    ArchiveError,
    AssociationRefused,
    BlobExists,
    BlobNotFound,
    ChangeRefused,
    InstanceRefused,
    IntegrityError,
    InvalidInput,
    LimitExceeded,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    SettingsError,
    StorageFull,
    StorageUnavailable,
    UnsupportedMedia,
)
from raykeep.edge.replies import Reply, json_reply
from raykeep.edge.security_headers import Header
from raykeep.ports.clock import Entropy

log = logging.getLogger("raykeep.web")


class HttpRefusal(ArchiveError):
    """What HTTP itself refuses: method, host, framing, or one request too many."""

    def __init__(
        self, status: int, error: str, detail: str, headers: tuple[Header, ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Face:
    """How an error looks from outside.

    Attributes:
        status: HTTP status.
        error: A word for programs; never changes.
        detail: What people read; None where the error's own message is fit for a peer.
        headers: That go with it.
    """

    status: int
    error: str
    detail: str | None = None
    headers: tuple[Header, ...] = ()


INTERNAL = 500  # the archive's own fault; higher ones are its condition (RFC 9110 section 15.6)

_LATER = (b"retry-after", b"5")
_BROKEN = "the archive could not do this; the operator finds the story under the id"

FACES: dict[type[ArchiveError], Face] = {
    ArchiveError: Face(INTERNAL, "internal", _BROKEN),
    InvalidInput: Face(400, "invalid"),
    SettingsError: Face(INTERNAL, "internal", _BROKEN),
    AlreadyExists: Face(409, "exists"),
    ChangeRefused: Face(409, "changed-meanwhile"),
    LimitExceeded: Face(413, "too-large"),
    # Why is the trail's and the operator's to know.
    AccessDenied: Face(403, "forbidden", "no rule permits this to you"),
    AssociationRefused: Face(403, "forbidden", "no rule permits this to you"),
    NotAuthenticated: Face(
        401,
        "not-authenticated",
        "send a valid token in the header: Authorization: Bearer TOKEN",
        ((b"www-authenticate", b'Bearer realm="raykeep"'),),
    ),
    InstanceRefused: Face(409, "refused"),
    NotFound: Face(404, "not-found", "nothing of that name is here, or not for you"),
    NotAcceptable: Face(406, "not-acceptable"),
    UnsupportedMedia: Face(415, "unsupported-media"),
    StorageFull: Face(507, "storage-full", "there is no room left; nothing was stored"),
    StorageUnavailable: Face(
        503, "unavailable", "the archive cannot do this now; try again later", (_LATER,)
    ),
    IntegrityError: Face(INTERNAL, "internal", _BROKEN),
    BlobExists: Face(INTERNAL, "internal", _BROKEN),
    BlobNotFound: Face(INTERNAL, "internal", _BROKEN),
}


def face_of(kind: type[ArchiveError]) -> Face:
    """The line of the table for an error of `kind`: its own, or its nearest parent's."""
    for parent in kind.__mro__:
        if parent in FACES:
            return FACES[parent]
    return FACES[ArchiveError]


class ErrorReplies:
    """Makes the answers to errors; those that are the archive's fault get an id and a log line."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def reply_to(self, error: ArchiveError) -> Reply:
        """The answer to something that was refused or could not be done."""
        if isinstance(error, HttpRefusal):
            return problem(error.status, error.error, str(error), headers=error.headers)
        face = face_of(type(error))
        detail = str(error) if face.detail is None else face.detail
        error_id = ""
        if face.status == INTERNAL:
            error_id = self._told(error)
        elif face.status > INTERNAL:
            # Many requests meet the same outage: a line each, without the stack.
            error_id = self._fresh_id()
            log.warning("error %s: %s: %s", error_id, type(error).__name__, error)
        return problem(face.status, face.error, detail, error_id, face.headers)

    def reply_to_unforeseen(self, error: BaseException) -> Reply:
        """The answer to what nobody foresaw: an id, and nothing else."""
        return problem(INTERNAL, "internal", _BROKEN, self._told(error))

    def _told(self, error: BaseException) -> str:
        error_id = self._fresh_id()
        log.error("error %s: %s", error_id, type(error).__name__, exc_info=error)
        return error_id

    def _fresh_id(self) -> str:
        return self._entropy.bytes(8).hex()


def problem(
    status: int, error: str, detail: str, error_id: str = "", headers: tuple[Header, ...] = ()
) -> Reply:
    """An error as JSON: a word for programs, a sentence for people, an id for the operator."""
    reply = json_reply(status, {"error": error, "detail": detail, "id": error_id}, list(headers))
    # A detail may quote what a peer sent. JSON is never shown as a page; if it once were, there
    # would still be no markup in it.
    reply.body = reply.body.replace(b"<", b"\\u003c").replace(b">", b"\\u003e")
    return reply
