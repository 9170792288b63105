"""The server's side of one association: handshake, negotiation, then one request at a time."""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

from raykeep.domain.errors import ArchiveError, ProtocolError
from raykeep.servers.dimse.admission import REJECTION, TOO_MANY, UNAVAILABLE, Admission
from raykeep.servers.dimse.dispatch import log_unforeseen, perform
from raykeep.servers.dimse.established import Established, Surroundings
from raykeep.servers.dimse.metrics import Count
from raykeep.services.authentication import AdmittedDevice
from raykeep.transport.acceptor import Connection
from raykeep.transport.messages import Messages
from raykeep.transport.pump import Pump
from raykeep.transport.streams import PlainStream, Stream, TLSStream
from raykeep.wire.dimse.commands import CCancelRQ, Request
from raykeep.wire.dimse.exchange import CommandReceived, InvalidCommand
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.events import (
    AssociationEvent,
    AssociationRequested,
    ProtocolViolation,
    ReleaseRequested,
    RequestRefused,
    TimedOut,
)
from raykeep.wire.upperlayer.pdu import AssociateRQ

MAX_UNREAD_LENGTH = 67_108_864  # bytes of a refused data set that are passed over
UNREAD_TIMEOUT = 30.0  # seconds for the same


@dataclass(eq=False, slots=True)
class Live:
    """An established association, as the sentinel sees it."""

    admitted: AdmittedDevice
    interrupt: Callable[[str], None]
    cut: Callable[[], None]


class Roll:
    """The associations that are established now, and how many each device may have."""

    def __init__(self, max_per_device: int) -> None:
        self._max_per_device = max_per_device
        self._lock = threading.Lock()
        self._live: set[Live] = set()

    def enter(self, one: Live) -> bool:
        """Add an association; False when its device has as many as it may."""
        title = one.admitted.device.ae_title
        with self._lock:
            same = sum(other.admitted.device.ae_title == title for other in self._live)
            if same >= self._max_per_device:
                return False
            self._live.add(one)
            return True

    def leave(self, one: Live) -> None:
        """Take it off."""
        with self._lock:
            self._live.discard(one)

    def all(self) -> list[Live]:
        """Those that are established now."""
        with self._lock:
            return list(self._live)


class AssociationServer:
    """Serves connections, each from its first byte to its end.

    Args:
        shared: What all associations share.
        admission: Decides who may come in.
        roll: Where established associations are entered.
        tls_context: The context for a new connection; None for the listener without TLS.
    """

    def __init__(
        self,
        shared: Surroundings,
        admission: Admission,
        roll: Roll,
        tls_context: Callable[[], ssl.SSLContext] | None,
    ) -> None:
        self._shared = shared
        self._admission = admission
        self._roll = roll
        self._tls_context = tls_context
        self._limits = shared.settings.upper_layer_limits()

    def serve(self, connection: Connection) -> None:
        """Serve one connection to its end; the acceptor calls it in a thread of its own."""
        try:
            self._serve(connection)
        except ArchiveError as error:
            # The trail cannot be written, say: then nobody is let in.
            self._shared.logger.error(  # noqa: TRY400 - without its text, see log_unforeseen
                "a connection from %s ended: %s", connection.address, type(error).__name__
            )
        except Exception as error:  # noqa: BLE001 - one connection must not cost the process
            self._shared.metrics.add(Count.ERRORS)
            log_unforeseen(self._shared.logger, error)

    def _serve(self, connection: Connection) -> None:
        opened = self._open(connection)
        if opened is None:
            return
        stream, certificate_sha256 = opened
        pump = Pump(stream, Association.acceptor(self._limits))
        connection.on_interrupt(pump.interrupt)
        try:
            self._associate(connection, pump, certificate_sha256)
        finally:
            self._shared.metrics.add(Count.BYTES_RECEIVED, pump.bytes_received)
            pump.close()

    def _open(self, connection: Connection) -> tuple[Stream, str | None] | None:
        """Shake hands; None when that failed."""
        if self._tls_context is None:
            return PlainStream(connection.socket), None
        stream = TLSStream(connection.socket, self._tls_context())
        try:
            stream.handshake(self._shared.settings.handshake_timeout)
        except ProtocolError as error:
            reason = str(error)
        except TimeoutError:
            reason = "the TLS handshake was not finished in time"
        except OSError:
            reason = "the peer left during the TLS handshake"
        else:
            return stream, stream.peer_certificate_sha256
        self._shared.metrics.add(Count.HANDSHAKES_FAILED)
        self._admission.refuse_unread(connection.address, reason)
        return None

    def _associate(
        self, connection: Connection, pump: Pump, certificate_sha256: str | None
    ) -> None:
        """Wait for the request, and serve the association if it is to be."""
        is_stranger = True
        while (event := pump.next_event()) is not None:
            if isinstance(event, AssociationRequested):
                is_stranger = False
                self._answer(connection, pump, event.request, certificate_sha256)
            elif is_stranger and (fault := _fault_of(event)):
                is_stranger = False
                self._shared.metrics.add(Count.REFUSED)
                self._admission.refuse_unread(connection.address, fault)

    def _answer(
        self,
        connection: Connection,
        pump: Pump,
        request: AssociateRQ,
        certificate_sha256: str | None,
    ) -> None:
        association, metrics = pump.association, self._shared.metrics
        tls = self._tls_context is not None
        try:
            admitted = self._admission.admit(
                request, connection.address, certificate_sha256, tls=tls
            )
            negotiated = None if admitted is None else self._admission.negotiate(request, admitted)
        except ArchiveError as error:
            # It could not be recorded, so it is not done.
            self._shared.logger.error("nobody is admitted now: %s", type(error).__name__)  # noqa: TRY400
            metrics.add(Count.REFUSED)
            association.reject(*UNAVAILABLE)
            return
        if admitted is None or negotiated is None:
            metrics.add(Count.REFUSED)
            association.reject(*REJECTION)
            return
        live = Live(admitted, pump.interrupt, connection.cut)
        if not connection.establish() or not self._roll.enter(live):
            metrics.add(Count.REFUSED)
            self._shared.logger.warning("too many associations: %s", request.calling_ae_title)
            association.reject(*TOO_MANY)
            return
        metrics.add(Count.ASSOCIATIONS)
        try:
            association.accept(negotiated)
            self._converse(connection, pump, admitted)
        finally:
            self._roll.leave(live)
            metrics.add(Count.ENDED)
            self._shared.enforcer.windows.close_of(admitted.actor)

    def _converse(self, connection: Connection, pump: Pump, admitted: AdmittedDevice) -> None:
        """Perform one request after the other, until the association ends."""
        messages = Messages(pump, self._limits.max_command_length)
        connection.on_interrupt(messages.finish)
        established = Established(self._shared, admitted.device, admitted.actor, messages)
        while (received := messages.next_command()) is not None:
            try:
                if isinstance(received, InvalidCommand):
                    self._answer_invalid(messages, received)
                else:
                    self._answer_request(established, pump.association, received)
            except ProtocolError as error:
                # The association ended within the request, or has to.
                messages.abort(str(error))
        if not isinstance(messages.ending, ReleaseRequested):
            self._shared.metrics.add(Count.ABORTED)
        self._shared.logger.info(
            "association of %s from %s ended: %s",
            admitted.device.ae_title,
            admitted.presented.address,
            messages.how_ended,
        )

    def _answer_request(
        self, established: Established, association: Association, received: CommandReceived
    ) -> None:
        command, messages = received.command, established.messages
        if isinstance(command, CCancelRQ):
            return  # what it is about was answered meanwhile
        if not isinstance(command, Request):
            raise ProtocolError("a response came that answers nothing")
        context = association.contexts[received.context_id]
        response = perform(established, context, command)
        messages.pass_over_data_set(MAX_UNREAD_LENGTH, UNREAD_TIMEOUT)
        messages.send(received.context_id, response)

    @staticmethod
    def _answer_invalid(messages: Messages, received: InvalidCommand) -> None:
        messages.pass_over_data_set(MAX_UNREAD_LENGTH, UNREAD_TIMEOUT)
        if received.answer is None:
            raise ProtocolError("a command set that is no request could not be read")
        messages.send_encoded(received.context_id, received.answer)


def _fault_of(event: AssociationEvent) -> str:
    """What a requestor did wrong before it was known; empty when it only left."""
    match event:
        case RequestRefused(refusal=refusal):
            return refusal.reason
        case ProtocolViolation(finding=finding):
            return finding
        case TimedOut(waiting_for=what):
            return f"waited in vain for {what}"
        case _:
            return ""
