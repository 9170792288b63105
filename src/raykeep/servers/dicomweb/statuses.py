"""From the error tree to what STOW-RS says of an instance, and to what a read says at all."""

from raykeep.domain.errors import (
    AccessDenied,
    ArchiveError,
    IdentifiersDiffer,
    InstanceRefused,
    InvalidInput,
    LimitExceeded,
    SOPClassRefused,
    StorageFull,
    StorageUnavailable,
    UnsupportedMedia,
)

# Failure Reason (0008,1197), PS3.18 table I.2-2; the codes are those of C-STORE (PS3.4 B.2.3).
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
PROCESSING_FAILURE = 0x0110
SOP_CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORIZED = 0x0124

# Warning Reason (0008,1196), table I.2-1: of its three codes the one that says that what
# came in is not as it should be. A quarantined instance is kept, and found by nobody.
QUARANTINED = 0xB007

FAILURE_REASONS: dict[type[ArchiveError], int] = {
    ArchiveError: PROCESSING_FAILURE,
    InvalidInput: CANNOT_UNDERSTAND,
    LimitExceeded: OUT_OF_RESOURCES,
    AccessDenied: NOT_AUTHORIZED,
    InstanceRefused: CANNOT_UNDERSTAND,
    SOPClassRefused: SOP_CLASS_NOT_SUPPORTED,
    IdentifiersDiffer: DOES_NOT_MATCH,
    UnsupportedMedia: CANNOT_UNDERSTAND,
    StorageFull: OUT_OF_RESOURCES,
    StorageUnavailable: OUT_OF_RESOURCES,
}

# When these befell every instance, the request as a whole failed for a reason that another
# try, another credential or an operator can mend: HTTP has better words for them than 409.
WHOLE_REQUEST = (AccessDenied, StorageFull, StorageUnavailable)


def failure_reason(kind: type[ArchiveError]) -> int:
    """The Failure Reason of an error of `kind`: its own, or its nearest parent's."""
    for parent in kind.__mro__:
        if parent in FAILURE_REASONS:
            return FAILURE_REASONS[parent]
    return PROCESSING_FAILURE
