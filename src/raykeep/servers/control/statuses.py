"""From the error tree to exit codes: one table, for the archive and for the command line.

0 done · 1 done, and it found something wrong · 2 wrong usage or settings · 3 refused by policy ·
4 not found · 5 the archive is not available.
"""

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
    StorageFull,
    StorageUnavailable,
    UnsupportedMedia,
)

DONE = 0
FOUND_WRONG = 1
WRONG_USAGE = 2
REFUSED = 3
NOT_FOUND = 4
UNAVAILABLE = 5
INTERRUPTED = 130  # 128 + SIGINT, as shells count; nothing of ours is coded so

EXIT_CODES: dict[type[ArchiveError], int] = {
    InvalidInput: WRONG_USAGE,
    AlreadyExists: WRONG_USAGE,
    ChangeRefused: WRONG_USAGE,
    LimitExceeded: WRONG_USAGE,
    InstanceRefused: WRONG_USAGE,
    NotAcceptable: WRONG_USAGE,
    UnsupportedMedia: WRONG_USAGE,
    AccessDenied: REFUSED,
    NotAuthenticated: REFUSED,
    AssociationRefused: REFUSED,
    NotFound: NOT_FOUND,
    StorageFull: UNAVAILABLE,
    StorageUnavailable: UNAVAILABLE,
    IntegrityError: FOUND_WRONG,
    BlobExists: FOUND_WRONG,
    BlobNotFound: FOUND_WRONG,
}


def exit_code_of(kind: type[BaseException]) -> int:
    """The exit code for an error of `kind`: of the nearest class that has a line, else 1."""
    for parent in kind.__mro__:
        if parent in EXIT_CODES:
            return EXIT_CODES[parent]
    return FOUND_WRONG
