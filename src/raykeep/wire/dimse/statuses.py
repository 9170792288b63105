"""Status codes of DIMSE responses (PS3.7 annex C; PS3.4 for each service)."""

from enum import Enum
from typing import Final

# --- any service (PS3.7 annex C) ---
SUCCESS: Final = 0x0000
CANCEL: Final = 0xFE00
PENDING: Final = 0xFF00
PENDING_OPTIONAL_KEYS_UNSUPPORTED: Final = 0xFF01  # PS3.4 C.4.1.1.4

NO_SUCH_ATTRIBUTE: Final = 0x0105
INVALID_ATTRIBUTE_VALUE: Final = 0x0106
ATTRIBUTE_LIST_ERROR: Final = 0x0107  # warning
PROCESSING_FAILURE: Final = 0x0110
DUPLICATE_SOP_INSTANCE: Final = 0x0111
NO_SUCH_SOP_INSTANCE: Final = 0x0112
NO_SUCH_EVENT_TYPE: Final = 0x0113
NO_SUCH_ARGUMENT: Final = 0x0114
INVALID_ARGUMENT_VALUE: Final = 0x0115
ATTRIBUTE_VALUE_OUT_OF_RANGE: Final = 0x0116  # warning
INVALID_SOP_INSTANCE: Final = 0x0117
NO_SUCH_SOP_CLASS: Final = 0x0118
CLASS_INSTANCE_CONFLICT: Final = 0x0119
MISSING_ATTRIBUTE: Final = 0x0120
MISSING_ATTRIBUTE_VALUE: Final = 0x0121
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
NO_SUCH_ACTION_TYPE: Final = 0x0123
NOT_AUTHORIZED: Final = 0x0124
DUPLICATE_INVOCATION: Final = 0x0210
UNRECOGNIZED_OPERATION: Final = 0x0211
MISTYPED_ARGUMENT: Final = 0x0212
RESOURCE_LIMITATION: Final = 0x0213

# --- storage, query and retrieve (PS3.4 tables B.2-1, C.4-1, C.4-2, C.4-3) ---
OUT_OF_RESOURCES: Final = 0xA700
OUT_OF_RESOURCES_MATCHES: Final = 0xA701  # cannot count the matches (C-MOVE, C-GET)
OUT_OF_RESOURCES_SUBOPERATIONS: Final = 0xA702
MOVE_DESTINATION_UNKNOWN: Final = 0xA801
DATA_SET_DOES_NOT_MATCH_SOP_CLASS: Final = 0xA900  # C-STORE; an identifier elsewhere
CANNOT_UNDERSTAND: Final = 0xC000  # C-STORE; "unable to process" elsewhere
COERCION_OF_DATA_ELEMENTS: Final = 0xB000  # C-STORE, warning
SUBOPERATIONS_WITH_FAILURES: Final = 0xB000  # C-MOVE and C-GET, warning
ELEMENTS_DISCARDED: Final = 0xB006  # C-STORE, warning
DATA_SET_DOES_NOT_MATCH: Final = 0xB007  # C-STORE, warning

_WARNINGS: Final = range(0xB000, 0xC000)  # PS3.7 table C-1


class StatusCategory(Enum):
    """What a status means for the operation (PS3.7 section C.1)."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    CANCEL = "cancel"
    PENDING = "pending"


def category(status: int) -> StatusCategory:
    """Class of a status code, by the ranges of PS3.7 annex C."""
    if status == SUCCESS:
        return StatusCategory.SUCCESS
    if status in (PENDING, PENDING_OPTIONAL_KEYS_UNSUPPORTED):
        return StatusCategory.PENDING
    if status == CANCEL:
        return StatusCategory.CANCEL
    named = status in (0x0001, ATTRIBUTE_LIST_ERROR, ATTRIBUTE_VALUE_OUT_OF_RANGE)
    if named or status in _WARNINGS:
        return StatusCategory.WARNING
    return StatusCategory.FAILURE
