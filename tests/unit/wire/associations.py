"""Associations in any state, and strategies for what goes over them."""

import itertools
from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from raykeep.domain.ae_title import AETitle
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import AssociationEvent, DataFragment
from raykeep.wire.upperlayer.items import (
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    RoleSelection,
    UserIdentity,
    UserInformation,
)
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.negotiation import Supported, negotiate
from raykeep.wire.upperlayer.pdu import (
    PDU,
    PDV,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ContextResult,
    DataTF,
    ProposedContext,
    ReleaseRP,
    ReleaseRQ,
)
from raykeep.wire.upperlayer.states import State

VERIFICATION = UID("1.2.840.10008.1.1")
CT = UID("1.2.840.10008.5.1.4.1.1.2")
IMPLICIT = UID("1.2.840.10008.1.2")
EXPLICIT = UID("1.2.840.10008.1.2.1")
LIMITS = UpperLayerLimits()
# What a PDV is: whether of a command set, and whether the last of it.
COMMAND, LAST_COMMAND = (True, False), (True, True)
DATA_SET, LAST_DATA_SET = (False, False), (False, True)
SUPPORTED = {
    VERIFICATION: Supported(transfer_syntaxes=(IMPLICIT,)),
    CT: Supported(transfer_syntaxes=(IMPLICIT, EXPLICIT)),
}


def request(*contexts: ProposedContext, **information: object) -> AssociateRQ:
    proposed = contexts or (
        ProposedContext(1, VERIFICATION, (IMPLICIT,)),
        ProposedContext(3, CT, (EXPLICIT, IMPLICIT)),
    )
    return AssociateRQ(
        called_ae_title=AETitle("ARCHIVE"),
        calling_ae_title=AETitle("CT01"),
        contexts=proposed,
        user_information=UserInformation(**{"max_pdu_length": 16_384, **information}),
    )


def answer(*results: ContextResult) -> AssociateAC:
    given = results or (ContextResult(1, 0, IMPLICIT), ContextResult(3, 0, EXPLICIT))
    return AssociateAC(results=given, user_information=UserInformation(max_pdu_length=16_384))


def drain(association: Association) -> list[AssociationEvent]:
    """All events, their data kept beyond the buffer's life."""
    return [
        event._replace(data=bytes(event.data)) if isinstance(event, DataFragment) else event
        for event in association.events_received()
    ]


def receive(association: Association, *pdus: PDU | bytes) -> list[AssociationEvent]:
    raw = b"".join(one if isinstance(one, bytes) else encode(one) for one in pdus)
    association.receive_data(raw)
    return drain(association)


def sent(association: Association) -> bytes:
    return b"".join(association.data_to_send())


def acceptor(limits: UpperLayerLimits = LIMITS) -> Association:
    """An acceptor in Sta6, whose answer went out."""
    association = Association.acceptor(limits)
    asked = request()
    receive(association, asked)
    association.accept(negotiate(asked, SUPPORTED))
    association.data_to_send()
    return association


def requestor(limits: UpperLayerLimits = LIMITS) -> Association:
    """A requestor in Sta6."""
    association = Association.requestor(request(), limits)
    association.connected()
    receive(association, answer())
    association.data_to_send()
    return association


def in_state(state: State) -> Association:
    """An association that came to `state` by the shortest way."""
    association = _WAYS[state]()
    assert association.state is state
    association.data_to_send()
    return association


def _closed() -> Association:
    association = acceptor()
    association.connection_closed()
    drain(association)
    return association


def _requested() -> Association:
    association = Association.acceptor(LIMITS)
    receive(association, request())
    return association


def _asking() -> Association:
    association = Association.requestor(request(), LIMITS)
    association.connected()
    return association


def _releasing(association: Association) -> Association:
    association.release()
    return association


def _told(association: Association, *pdus: PDU) -> Association:
    receive(association, *pdus)
    return association


def _answered_collision() -> Association:
    association = _told(_releasing(requestor()), ReleaseRQ())
    association.release()
    return association


def _aborting() -> Association:
    association = acceptor()
    association.abort()
    return association


_WAYS = {
    State.Sta1: _closed,
    State.Sta2: lambda: Association.acceptor(LIMITS),
    State.Sta3: _requested,
    State.Sta4: lambda: Association.requestor(request(), LIMITS),
    State.Sta5: _asking,
    State.Sta6: acceptor,
    State.Sta7: lambda: _releasing(acceptor()),
    State.Sta8: lambda: _told(acceptor(), ReleaseRQ()),
    State.Sta9: lambda: _told(_releasing(requestor()), ReleaseRQ()),
    State.Sta10: lambda: _told(_releasing(acceptor()), ReleaseRQ()),
    State.Sta11: _answered_collision,
    State.Sta12: lambda: _told(_releasing(acceptor()), ReleaseRQ(), ReleaseRP()),
    State.Sta13: _aborting,
}


def cut(raw: bytes, at: Iterable[int]) -> list[bytes]:
    """`raw` in pieces, cut at the given places; some pieces may be empty."""
    places = [0, *sorted(place % (len(raw) + 1) for place in at), len(raw)]
    return [raw[start:stop] for start, stop in itertools.pairwise(places)]


def joined(events: Sequence[AssociationEvent]) -> list[tuple[object, ...]]:
    """Events with fragments of one command set or data set put together."""
    told: list[tuple[object, ...]] = []
    for event in events:
        if not isinstance(event, DataFragment):
            told.append((event,))
            continue
        last = told[-1] if told else ()
        if len(last) == 4 and last[:2] == event[:2] and not last[2]:
            told[-1] = (*last[:2], event.is_last, last[3] + event.data)
        else:
            told.append((event.context_id, event.is_command, event.is_last, event.data))
    return told


# --- strategies --------------------------------------------------------------------------------

uids = st.lists(st.integers(0, 99_999), min_size=1, max_size=9).map(
    lambda parts: UID(".".join(map(str, parts)))
)
titles = (
    st.text(
        st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"),
        min_size=1,
        max_size=16,
    )
    .map(lambda text: text.strip(" "))
    .filter(bool)
    .map(AETitle)
)
bytes_ = st.integers(0, 255)
context_ids = st.integers(0, 127).map(lambda n: 2 * n + 1)
numbers = st.integers(0, 0xFFFF)

roles = st.builds(RoleSelection, uids, scu=st.booleans(), scp=st.booleans())
user_information = st.builds(
    UserInformation,
    max_pdu_length=st.sampled_from([0, 512, 16_384, 131_072, 0xFFFFFFFF]),
    implementation_class_uid=st.none() | uids,
    implementation_version_name=st.from_regex(r"[A-Z0-9_.]{0,16}", fullmatch=True),
    asynchronous_operations=st.none() | st.builds(AsynchronousOperations, numbers, numbers),
    roles=st.lists(roles, max_size=3).map(tuple),
    extended=st.lists(st.builds(ExtendedNegotiation, uids, st.binary(max_size=9)), max_size=2).map(
        tuple
    ),
    common_extended=st.lists(
        st.builds(CommonExtendedNegotiation, uids, uids, st.lists(uids, max_size=3).map(tuple)),
        max_size=2,
    ).map(tuple),
    user_identity=st.none()
    | st.builds(UserIdentity, bytes_, st.booleans(), st.binary(max_size=20), st.binary(max_size=9)),
    user_identity_response=st.none() | st.binary(max_size=20),
)
proposed_contexts = st.builds(
    ProposedContext, context_ids, uids, st.lists(uids, min_size=1, max_size=4).map(tuple)
)
requests = st.builds(
    AssociateRQ,
    called_ae_title=titles,
    calling_ae_title=titles,
    contexts=st.lists(
        proposed_contexts, min_size=1, max_size=5, unique_by=lambda one: one.context_id
    ).map(tuple),
    user_information=user_information,
    protocol_version=numbers.map(lambda number: number | 1),
)
results = st.builds(ContextResult, context_ids, st.integers(1, 255)) | st.builds(
    ContextResult, context_ids, st.just(0), uids
)
answers = st.builds(
    AssociateAC,
    results=st.lists(results, max_size=5, unique_by=lambda one: one.context_id).map(tuple),
    user_information=user_information,
    echo=st.binary(min_size=64, max_size=64),
    protocol_version=numbers,
)
pdvs = st.builds(PDV, bytes_, st.booleans(), st.booleans(), st.binary(max_size=40))
data_tfs = st.lists(pdvs, min_size=1, max_size=4).map(lambda values: DataTF(tuple(values)))
pdus = (
    requests
    | answers
    | st.builds(AssociateRJ, bytes_, bytes_, bytes_)
    | data_tfs
    | st.builds(ReleaseRQ)
    | st.builds(ReleaseRP)
    | st.builds(Abort, bytes_, bytes_)
)
