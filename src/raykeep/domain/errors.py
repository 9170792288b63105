"""The one error tree.

Every message says what was refused, which value is at fault and what to do
next. None carries a patient's name, a birth date or a secret. Each server
translates the tree once, in its `statuses.py`.
"""


class ArchiveError(Exception):
    """Anything that the archive refuses or cannot do."""


# --- refused input -----------------------------------------------------------------------------


class InvalidInput(ArchiveError):
    """A value that a peer or an operator gave breaks a rule; nothing was done."""


class InvalidUID(InvalidInput):
    """A text is not a unique identifier (PS3.5 section 9.1)."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{shown(text)} is not a UID: digits and dots, 1 to 64 characters, no component "
            "with a leading zero. Correct it at its source"
        )


class InvalidAETitle(InvalidInput):
    """A text is not an application entity title (PS3.5 section 6.2, VR AE)."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{shown(text)} is not an AE title: 1 to 16 printable ASCII characters, no backslash. "
            "Choose another"
        )


class InvalidQuery(InvalidInput):
    """A search asks for what cannot be answered; the message names the key."""


class MalformedDataSet(InvalidInput):
    """Bytes that should be a DICOM data set are not one (PS3.5 section 7)."""


class ProtocolError(InvalidInput):
    """A peer broke PS3.7, PS3.8 or HTTP; the connection ends."""


class SettingsError(InvalidInput):
    """A settings key is unknown, of a wrong type or unsafe; nothing was started."""


class AlreadyExists(ArchiveError):
    """Something of that name is there already; it is unchanged."""


class ChangeRefused(ArchiveError):
    """A change did not fit what others committed meanwhile; nothing of it was done."""


class LimitExceeded(ArchiveError):
    """A peer asked for more than a limit allows; see docs/reference/limits.md."""

    def __init__(self, limit: str, value: float, allowed: float, unit: str = "") -> None:
        unit = f" {unit}" if unit else ""
        super().__init__(
            f"{limit} is {value}{unit}, more than the {allowed}{unit} allowed. "
            "Send less, or let the operator raise the limit"
        )
        self.limit = limit
        self.value = value
        self.allowed = allowed


# --- access ------------------------------------------------------------------------------------


class AccessDenied(ArchiveError):
    """No rule permits the action; the denial stands on the trail."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not permitted: {reason}")
        self.reason = reason


class NotAuthenticated(ArchiveError):
    """A credential is missing, unknown, expired or revoked; all look the same to the peer."""

    def __init__(self, reason: str) -> None:
        super().__init__("not authenticated: bring a valid credential")
        self.reason = reason


class AssociationRefused(ArchiveError):
    """A requestor was turned away (A-ASSOCIATE-RJ, PS3.8 section 9.3.4).

    `result`, `source` and `diagnostic` are the three codes that go out;
    `reason` is the true one, for the trail alone.
    """

    def __init__(
        self, reason: str, *, result: int = 1, source: int = 1, diagnostic: int = 3
    ) -> None:
        super().__init__(f"association refused: {reason}")
        self.reason = reason
        self.result = result
        self.source = source
        self.diagnostic = diagnostic


# --- instances ---------------------------------------------------------------------------------


class InstanceRefused(ArchiveError):
    """Screening or a rule refused an instance; nothing of it was kept."""

    def __init__(self, sop_instance_uid: str, finding: str) -> None:
        super().__init__(
            f"instance {shown(sop_instance_uid)} was refused: {finding}. "
            "Correct it at its source and send it again"
        )
        self.sop_instance_uid = sop_instance_uid
        self.finding = finding


class SOPClassRefused(InstanceRefused):
    """The SOP class is not a storage class and no policy admits it."""


class IdentifiersDiffer(InstanceRefused):
    """Command, data set and path do not name the same instance (PS3.7 9.1.1; PS3.18 10.5)."""


# --- not there ---------------------------------------------------------------------------------


class NotFound(ArchiveError):
    """Nothing of that name is in sight of the actor: unknown and forbidden look the same."""


class StudyNotFound(NotFound):
    """No such study, series or instance in the actor's scope."""


class FrameNotFound(NotFound):
    """The instance has no frame of that number, counted from 1."""


class DeviceNotFound(NotFound):
    """No device of that AE title is enrolled."""


class TokenNotFound(NotFound):
    """No API token of that id."""


class FacilityNotFound(NotFound):
    """No facility of that name."""


class RecordNotFound(NotFound):
    """No audit record of that id."""


# --- what was asked cannot be shown ------------------------------------------------------------


class NotAcceptable(ArchiveError):
    """None of the media types that the client accepts can be produced (406)."""


class UnsupportedMedia(ArchiveError):
    """The media type of what was sent is not taken here (415)."""


# --- the archive itself ------------------------------------------------------------------------


class StorageFull(ArchiveError):
    """There is no room left; nothing was acknowledged."""


class StorageUnavailable(ArchiveError):
    """Keys, database or blob store are away; nothing was acknowledged. Try again later."""


class KeyUnavailable(StorageUnavailable):
    """A key is missing or does not open; the message says which. Fails closed."""


class ArchiveDown(StorageUnavailable):
    """The archive is not running, or its data directory is in use by another process."""


class IntegrityError(ArchiveError):
    """A sealed object does not open: changed, swapped, cut or sealed under another key."""


class BlobExists(ArchiveError):
    """A blob of that key is stored already; it is unchanged."""


class BlobNotFound(ArchiveError):
    """No blob of that key is stored."""


def shown(text: str, limit: int = 80) -> str:
    """Quote a peer's text for a message: printable ASCII, cut at `limit` characters."""
    plain = ascii(text)[1:-1]
    return f"'{plain[:limit]}…'" if len(plain) > limit else f"'{plain}'"
