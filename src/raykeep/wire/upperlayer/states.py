"""The state machine of the upper layer as data (PS3.8 section 9.2, table 9-10)."""

from enum import Enum
from types import MappingProxyType
from typing import Final


class State(Enum):
    """Where an association stands (PS3.8 tables 9-1 to 9-5)."""

    Sta1 = "idle"
    Sta2 = "transport connection open, awaiting A-ASSOCIATE-RQ"
    Sta3 = "awaiting the local answer to a request"
    Sta4 = "awaiting the transport connection"
    Sta5 = "awaiting A-ASSOCIATE-AC or -RJ"
    Sta6 = "association established, ready for data transfer"
    Sta7 = "awaiting A-RELEASE-RP"
    Sta8 = "awaiting the local answer to a release"
    Sta9 = "release collision, requestor: awaiting the local answer"
    Sta10 = "release collision, acceptor: awaiting A-RELEASE-RP"
    Sta11 = "release collision, requestor: awaiting A-RELEASE-RP"
    Sta12 = "release collision, acceptor: awaiting the local answer"
    Sta13 = "awaiting the end of the transport connection"


class Event(Enum):
    """What happens to an association (PS3.8 table 9-10, first column)."""

    Evt1 = "A-ASSOCIATE request of the local user"
    Evt2 = "transport connection confirmed"
    Evt3 = "A-ASSOCIATE-AC PDU received"
    Evt4 = "A-ASSOCIATE-RJ PDU received"
    Evt5 = "transport connection indication"
    Evt6 = "A-ASSOCIATE-RQ PDU received"
    Evt7 = "A-ASSOCIATE response of the local user: accept"
    Evt8 = "A-ASSOCIATE response of the local user: reject"
    Evt9 = "P-DATA request of the local user"
    Evt10 = "P-DATA-TF PDU received"
    Evt11 = "A-RELEASE request of the local user"
    Evt12 = "A-RELEASE-RQ PDU received"
    Evt13 = "A-RELEASE-RP PDU received"
    Evt14 = "A-RELEASE response of the local user"
    Evt15 = "A-ABORT request of the local user"
    Evt16 = "A-ABORT PDU received"
    Evt17 = "transport connection closed"
    Evt18 = "ARTIM timer expired"
    Evt19 = "unrecognized or invalid PDU received"


class Action(Enum):
    """What the layer does about it (PS3.8 tables 9-6 to 9-9)."""

    AE_1 = "AE-1"
    AE_2 = "AE-2"
    AE_3 = "AE-3"
    AE_4 = "AE-4"
    AE_5 = "AE-5"
    AE_6 = "AE-6"
    AE_7 = "AE-7"
    AE_8 = "AE-8"
    DT_1 = "DT-1"
    DT_2 = "DT-2"
    AR_1 = "AR-1"
    AR_2 = "AR-2"
    AR_3 = "AR-3"
    AR_4 = "AR-4"
    AR_5 = "AR-5"
    AR_6 = "AR-6"
    AR_7 = "AR-7"
    AR_8 = "AR-8"
    AR_9 = "AR-9"
    AR_10 = "AR-10"
    AA_1 = "AA-1"
    AA_2 = "AA-2"
    AA_3 = "AA-3"
    AA_4 = "AA-4"
    AA_5 = "AA-5"
    AA_6 = "AA-6"
    AA_7 = "AA-7"
    AA_8 = "AA-8"


# Table 9-10 as the standard prints it: a column for each state, a row for
# each event; a dot where the event cannot happen.
_TABLE_9_10: Final = """
       Sta1 Sta2 Sta3 Sta4 Sta5 Sta6 Sta7 Sta8 Sta9 Sta10 Sta11 Sta12 Sta13
Evt1   AE-1 .    .    .    .    .    .    .    .    .     .     .     .
Evt2   .    .    .    AE-2 .    .    .    .    .    .     .     .     .
Evt3   .    AA-1 AA-8 .    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt4   .    AA-1 AA-8 .    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt5   AE-5 .    .    .    .    .    .    .    .    .     .     .     .
Evt6   .    AE-6 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7
Evt7   .    .    AE-7 .    .    .    .    .    .    .     .     .     .
Evt8   .    .    AE-8 .    .    .    .    .    .    .     .     .     .
Evt9   .    .    .    .    .    DT-1 .    AR-7 .    .     .     .     .
Evt10  .    AA-1 AA-8 .    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt11  .    .    .    .    .    AR-1 .    .    .    .     .     .     .
Evt12  .    AA-1 AA-8 .    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt13  .    AA-1 AA-8 .    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3  AA-8  AA-6
Evt14  .    .    .    .    .    .    .    AR-4 AR-9 .     .     AR-4  .
Evt15  .    .    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1  AA-1  .
Evt16  .    AA-2 AA-3 .    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3  AA-3  AA-2
Evt17  .    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4  AA-4  AR-5
Evt18  .    AA-2 .    .    .    .    .    .    .    .     .     .     AA-2
Evt19  .    AA-1 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7
"""


def _transitions() -> dict[tuple[Event, State], Action]:
    head, *rows = _TABLE_9_10.split("\n")[1:-1]
    states = [State[name] for name in head.split()]
    table: dict[tuple[Event, State], Action] = {}
    for row in rows:
        event, *cells = row.split()
        for state, cell in zip(states, cells, strict=True):
            if cell != ".":
                table[Event[event], state] = Action(cell)
    return table


TRANSITIONS: Final = MappingProxyType(_transitions())
