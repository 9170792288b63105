"""A service class user over a real socket, built of the same parts as the server."""

import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from raykeep.domain.ae_title import AETitle
from raykeep.domain.uids import UID
from raykeep.transport.messages import Messages
from raykeep.transport.pump import Pump
from raykeep.transport.streams import PlainStream, SharedSocket, Stream, TLSStream
from raykeep.wire.dimse.commands import (
    CCancelRQ,
    CEchoRQ,
    CFindRQ,
    Command,
    CStoreRQ,
    Response,
)
from raykeep.wire.dimse.exchange import CommandReceived
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.events import (
    AssociationAccepted,
    AssociationEvent,
    AssociationRejected,
)
from raykeep.wire.upperlayer.items import UserIdentity, UserInformation
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.pdu import AssociateRQ, ProposedContext
from tests.builders import Built

VERIFICATION = UID("1.2.840.10008.1.1")
CT = UID("1.2.840.10008.5.1.4.1.1.2")
PATIENT_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.1.1")
STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
IMPLICIT = UID("1.2.840.10008.1.2")
EXPLICIT = UID("1.2.840.10008.1.2.1")
ALL_CONTEXTS = (VERIFICATION, CT, STUDY_ROOT_FIND, PATIENT_ROOT_FIND)


def associate_rq(
    calling: str,
    called: str = "RAYKEEP",
    *,
    abstract_syntaxes: Sequence[UID] = ALL_CONTEXTS,
    transfer_syntaxes: tuple[UID, ...] = (EXPLICIT, IMPLICIT),
    user_identity: UserIdentity | None = None,
    max_pdu_length: int = 131_072,
) -> AssociateRQ:
    contexts = tuple(
        ProposedContext(2 * number + 1, uid, transfer_syntaxes)
        for number, uid in enumerate(abstract_syntaxes)
    )
    return AssociateRQ(
        called_ae_title=AETitle(called),
        calling_ae_title=AETitle(calling),
        contexts=contexts,
        user_information=UserInformation(
            max_pdu_length=max_pdu_length,
            implementation_class_uid=UID("1.2.3.4"),
            implementation_version_name="TESTER",
            user_identity=user_identity,
        ),
    )


class Scu:
    """One association that we ask for. `outcome` is how the peer answered."""

    def __init__(
        self,
        address: tuple[str, int],
        request: AssociateRQ,
        tls: ssl.SSLContext | None = None,
        timeout: float = 10.0,
    ) -> None:
        raw = socket.create_connection(address, timeout)
        shared = SharedSocket(raw)
        self.socket = raw
        stream: Stream
        try:
            if tls is None:
                stream = PlainStream(shared)
            else:
                stream = TLSStream(shared, tls, server_hostname="localhost")
                stream.handshake(timeout)
        except BaseException:
            raw.close()
            raise
        self.stream = stream
        limits = UpperLayerLimits(
            artim_timeout=timeout, idle_timeout=timeout, max_pdu_length=131_072
        )
        self.association = Association.requestor(request, limits)
        self.pump = Pump(stream, self.association)
        self.messages = Messages(self.pump)
        self._message_id = 0
        self.association.connected()
        self.outcome: AssociationEvent | None = self.pump.next_event()
        if not self.is_accepted:
            self.pump.close()

    @property
    def is_accepted(self) -> bool:
        return isinstance(self.outcome, AssociationAccepted)

    @property
    def rejection(self) -> tuple[int, int, int] | None:
        if isinstance(self.outcome, AssociationRejected):
            return self.outcome.result, self.outcome.source, self.outcome.reason
        return None

    def context_of(self, abstract_syntax: UID) -> int:
        return next(
            number
            for number, context in self.association.contexts.items()
            if context.abstract_syntax == abstract_syntax
        )

    def result_of(self, abstract_syntax: UID) -> int:
        request = self.association.request
        assert request is not None
        assert isinstance(self.outcome, AssociationAccepted)
        number = next(
            c.context_id for c in request.contexts if c.abstract_syntax == abstract_syntax
        )
        return next(r.result for r in self.outcome.answer.results if r.context_id == number)

    def next_id(self) -> int:
        self._message_id += 1
        return self._message_id

    def send(self, context_id: int, command: Command, data: Iterable[bytes] | None = None) -> None:
        self.messages.send(context_id, command, data)
        self.messages.flush()

    def response(self) -> Response | None:
        received = self.messages.next_command()
        if received is None:
            return None
        assert isinstance(received, CommandReceived)
        assert isinstance(received.command, Response)
        return received.command

    def echo(self) -> Response | None:
        self.send(
            self.context_of(VERIFICATION),
            CEchoRQ(message_id=self.next_id(), affected_sop_class_uid=VERIFICATION),
        )
        return self.response()

    def store_rq(self, built: Built) -> CStoreRQ:
        return CStoreRQ(
            message_id=self.next_id(),
            affected_sop_class_uid=UID(built.sop_class_uid),
            affected_sop_instance_uid=UID(built.sop_instance_uid),
        )

    def store(self, built: Built, request: CStoreRQ | None = None) -> Response | None:
        context_id = self.context_of(UID(built.sop_class_uid))
        self.send(context_id, request or self.store_rq(built), [built.data_set])
        return self.response()

    def find(
        self, identifier: bytes, model: UID = STUDY_ROOT_FIND, cancel_after: int | None = None
    ) -> tuple[list[bytes], Response | None]:
        """All pending identifiers, and the final response."""
        context_id, number = self.context_of(model), self.next_id()
        self.send(
            context_id, CFindRQ(message_id=number, affected_sop_class_uid=model), [identifier]
        )
        found: list[bytes] = []
        while (response := self.response()) is not None:
            if response.status not in {0xFF00, 0xFF01}:
                return found, response
            found.append(b"".join(bytes(piece) for piece in self.messages.data_set()))
            if len(found) == cancel_after:
                self.send(context_id, CCancelRQ(message_id_being_responded_to=number))
        return found, None

    def release(self) -> None:
        self.association.release()
        while self.pump.next_event() is not None:
            pass
        self.pump.close()

    def abort(self) -> None:
        self.association.abort()
        self.pump.flush()
        self.pump.close()

    def close(self) -> None:
        self.pump.close()


@contextmanager
def associated(*args: object, **kwargs: object) -> Iterator[Scu]:
    scu = Scu(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they are
    try:
        yield scu
    finally:
        scu.close()
