"""DIMSE messages' command sets as typed values (PS3.7 sections 9.3 and 10.3, annex E).

Fields carry the snake case of their DICOM keywords; a field without default is
mandatory on the wire. `codec.encode` and `codec.decode` carry them to bytes and back.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar, Final

from raykeep.domain.ae_title import AETitle
from raykeep.domain.uids import UID

RESPONSE: Final = 0x8000  # the bit of a Command Field that makes a response of a request


class CommandField(IntEnum):
    """Command Field (0000,0100) of requests; a response adds `RESPONSE` (PS3.7 E.1)."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_GET = 0x0110
    N_SET = 0x0120
    N_ACTION = 0x0130
    N_CREATE = 0x0140
    N_DELETE = 0x0150
    C_CANCEL = 0x0FFF


class Priority(IntEnum):
    """Priority (0000,0700)."""

    MEDIUM = 0
    HIGH = 1
    LOW = 2


class Presence(Enum):
    """Whether a data set follows a command set."""

    REQUIRED = "required"
    FORBIDDEN = "forbidden"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Any command set. `has_data_set` tells Command Data Set Type (0000,0800)."""

    command_field: ClassVar[int]
    data_set: ClassVar[Presence] = Presence.FORBIDDEN
    has_data_set: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Command):
    """A request that asks for a response."""

    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Command):
    """A response. `error_comment` is cut to 64 printable ASCII characters when it is encoded."""

    message_id_being_responded_to: int
    status: int
    offending_element: tuple[int, ...] = ()  # tags as (group << 16) + element
    error_comment: str = ""
    error_id: int | None = None


# --- C-services (PS3.7 section 9.3) ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CEchoRQ(Request):
    """C-ECHO-RQ."""

    command_field: ClassVar[int] = CommandField.C_ECHO
    affected_sop_class_uid: UID


@dataclass(frozen=True, slots=True, kw_only=True)
class CEchoRSP(Response):
    """C-ECHO-RSP."""

    command_field: ClassVar[int] = CommandField.C_ECHO | RESPONSE
    affected_sop_class_uid: UID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CStoreRQ(Request):
    """C-STORE-RQ; the move originator is told in a sub-operation of C-MOVE."""

    command_field: ClassVar[int] = CommandField.C_STORE
    data_set: ClassVar[Presence] = Presence.REQUIRED
    has_data_set: bool = True
    affected_sop_class_uid: UID
    affected_sop_instance_uid: UID
    priority: int = Priority.MEDIUM
    move_originator_application_entity_title: AETitle | None = None
    move_originator_message_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CStoreRSP(Response):
    """C-STORE-RSP."""

    command_field: ClassVar[int] = CommandField.C_STORE | RESPONSE
    affected_sop_class_uid: UID | None = None
    affected_sop_instance_uid: UID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CFindRQ(Request):
    """C-FIND-RQ; the data set is the identifier."""

    command_field: ClassVar[int] = CommandField.C_FIND
    data_set: ClassVar[Presence] = Presence.REQUIRED
    has_data_set: bool = True
    affected_sop_class_uid: UID
    priority: int = Priority.MEDIUM


@dataclass(frozen=True, slots=True, kw_only=True)
class CFindRSP(Response):
    """C-FIND-RSP; a pending one carries an identifier."""

    command_field: ClassVar[int] = CommandField.C_FIND | RESPONSE
    data_set: ClassVar[Presence] = Presence.OPTIONAL
    affected_sop_class_uid: UID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SubOperations(Response):
    """Counts of C-STORE sub-operations; the data set lists failed instances."""

    data_set: ClassVar[Presence] = Presence.OPTIONAL
    affected_sop_class_uid: UID | None = None
    number_of_remaining_suboperations: int | None = None
    number_of_completed_suboperations: int | None = None
    number_of_failed_suboperations: int | None = None
    number_of_warning_suboperations: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CGetRQ(Request):
    """C-GET-RQ."""

    command_field: ClassVar[int] = CommandField.C_GET
    data_set: ClassVar[Presence] = Presence.REQUIRED
    has_data_set: bool = True
    affected_sop_class_uid: UID
    priority: int = Priority.MEDIUM


@dataclass(frozen=True, slots=True, kw_only=True)
class CGetRSP(_SubOperations):
    """C-GET-RSP."""

    command_field: ClassVar[int] = CommandField.C_GET | RESPONSE


@dataclass(frozen=True, slots=True, kw_only=True)
class CMoveRQ(Request):
    """C-MOVE-RQ."""

    command_field: ClassVar[int] = CommandField.C_MOVE
    data_set: ClassVar[Presence] = Presence.REQUIRED
    has_data_set: bool = True
    affected_sop_class_uid: UID
    move_destination: AETitle
    priority: int = Priority.MEDIUM


@dataclass(frozen=True, slots=True, kw_only=True)
class CMoveRSP(_SubOperations):
    """C-MOVE-RSP."""

    command_field: ClassVar[int] = CommandField.C_MOVE | RESPONSE


@dataclass(frozen=True, slots=True, kw_only=True)
class CCancelRQ(Command):
    """C-CANCEL-RQ of a C-FIND, C-GET or C-MOVE; it has no response of its own."""

    command_field: ClassVar[int] = CommandField.C_CANCEL
    message_id_being_responded_to: int


# --- N-services (PS3.7 section 10.3) -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _NResponse(Response):
    data_set: ClassVar[Presence] = Presence.OPTIONAL
    affected_sop_class_uid: UID | None = None
    affected_sop_instance_uid: UID | None = None
    # Which attributes an Attribute List Error (0107H) is about, PS3.7 section C.4.2.
    attribute_identifier_list: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NEventReportRQ(Request):
    """N-EVENT-REPORT-RQ."""

    command_field: ClassVar[int] = CommandField.N_EVENT_REPORT
    data_set: ClassVar[Presence] = Presence.OPTIONAL
    affected_sop_class_uid: UID
    affected_sop_instance_uid: UID
    event_type_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NEventReportRSP(_NResponse):
    """N-EVENT-REPORT-RSP."""

    command_field: ClassVar[int] = CommandField.N_EVENT_REPORT | RESPONSE
    event_type_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NGetRQ(Request):
    """N-GET-RQ; an empty list asks for all attributes."""

    command_field: ClassVar[int] = CommandField.N_GET
    requested_sop_class_uid: UID
    requested_sop_instance_uid: UID
    attribute_identifier_list: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NGetRSP(_NResponse):
    """N-GET-RSP."""

    command_field: ClassVar[int] = CommandField.N_GET | RESPONSE


@dataclass(frozen=True, slots=True, kw_only=True)
class NSetRQ(Request):
    """N-SET-RQ."""

    command_field: ClassVar[int] = CommandField.N_SET
    data_set: ClassVar[Presence] = Presence.REQUIRED
    has_data_set: bool = True
    requested_sop_class_uid: UID
    requested_sop_instance_uid: UID


@dataclass(frozen=True, slots=True, kw_only=True)
class NSetRSP(_NResponse):
    """N-SET-RSP."""

    command_field: ClassVar[int] = CommandField.N_SET | RESPONSE


@dataclass(frozen=True, slots=True, kw_only=True)
class NActionRQ(Request):
    """N-ACTION-RQ."""

    command_field: ClassVar[int] = CommandField.N_ACTION
    data_set: ClassVar[Presence] = Presence.OPTIONAL
    requested_sop_class_uid: UID
    requested_sop_instance_uid: UID
    action_type_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NActionRSP(_NResponse):
    """N-ACTION-RSP."""

    command_field: ClassVar[int] = CommandField.N_ACTION | RESPONSE
    action_type_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NCreateRQ(Request):
    """N-CREATE-RQ; without an instance UID the performer gives one."""

    command_field: ClassVar[int] = CommandField.N_CREATE
    data_set: ClassVar[Presence] = Presence.OPTIONAL
    affected_sop_class_uid: UID
    affected_sop_instance_uid: UID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NCreateRSP(_NResponse):
    """N-CREATE-RSP."""

    command_field: ClassVar[int] = CommandField.N_CREATE | RESPONSE


@dataclass(frozen=True, slots=True, kw_only=True)
class NDeleteRQ(Request):
    """N-DELETE-RQ."""

    command_field: ClassVar[int] = CommandField.N_DELETE
    requested_sop_class_uid: UID
    requested_sop_instance_uid: UID


@dataclass(frozen=True, slots=True, kw_only=True)
class NDeleteRSP(_NResponse):
    """N-DELETE-RSP."""

    command_field: ClassVar[int] = CommandField.N_DELETE | RESPONSE
    data_set: ClassVar[Presence] = Presence.FORBIDDEN


COMMANDS: Final[dict[int, type[Command]]] = {
    one.command_field: one
    for one in (
        CStoreRQ, CStoreRSP, CGetRQ, CGetRSP, CFindRQ, CFindRSP, CMoveRQ, CMoveRSP,
        CEchoRQ, CEchoRSP, CCancelRQ, NEventReportRQ, NEventReportRSP, NGetRQ, NGetRSP,
        NSetRQ, NSetRSP, NActionRQ, NActionRSP, NCreateRQ, NCreateRSP, NDeleteRQ, NDeleteRSP,
    )
}  # fmt: skip
