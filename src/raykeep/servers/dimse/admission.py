"""Who may open an association: decided before any DIMSE is read."""

import threading
from collections import Counter
from logging import Logger
from typing import Final

from raykeep.domain.access import Address, Door, Origin, source_of
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import AssociationRefused
from raykeep.enforcement.door import Enforcer
from raykeep.enforcement.first_of_window import FirstOfWindow
from raykeep.ports.clock import Clock
from raykeep.servers.dimse.presentation_contexts import negotiate_for
from raykeep.services.authentication import AdmittedDevice, PresentedDevice, admit_device
from raykeep.services.negotiation import refuse_service
from raykeep.wire.upperlayer.negotiation import Negotiated
from raykeep.wire.upperlayer.pdu import AssociateRQ, RejectResult, RejectSource

# "Calling AE title not recognized" (PS3.8 table 9-21), whatever the true reason was: who tries
# titles learns nothing from the answers.
REJECTION: Final = (RejectResult.PERMANENT, RejectSource.SERVICE_USER, 3)
# "Local limit exceeded", told to admitted devices alone.
TOO_MANY: Final = (RejectResult.TRANSIENT, RejectSource.PRESENTATION, 2)
# "Temporary congestion": the trail cannot be written.
UNAVAILABLE: Final = (RejectResult.TRANSIENT, RejectSource.PRESENTATION, 1)

FREE_REFUSALS: Final = 10  # of one address within a window; later ones are answered slowly
REFUSAL_WINDOW: Final = 60.0  # seconds
REFUSAL_DELAY: Final = 1.0  # seconds
LOG_WINDOW: Final = 60.0  # seconds; of one address the first refusal is logged, others counted


class Admission:
    """Admits requestors, and slows down whoever keeps trying."""

    def __init__(
        self,
        enforcer: Enforcer,
        clock: Clock,
        logger: Logger,
        *,
        our_title: AETitle,
        private_storage: bool,
        stop: threading.Event,
    ) -> None:
        self._enforcer = enforcer
        self._clock = clock
        self._logger = logger
        self._our_title = our_title
        self._private_storage = private_storage
        self._stop = stop
        self._lock = threading.Lock()
        self._refusals: Counter[str] = Counter()
        self._window_ends = 0.0
        self._logged = FirstOfWindow(LOG_WINDOW)

    def admit(
        self, request: AssociateRQ, address: Address, certificate_sha256: str | None, *, tls: bool
    ) -> AdmittedDevice | None:
        """The device that asks; None when it is refused, which is on the trail then.

        Raises:
            StorageUnavailable: nothing can be recorded now.
        """
        information = request.user_information
        presented = PresentedDevice(
            called=request.called_ae_title.value,
            calling=request.calling_ae_title.value,
            certificate_sha256=certificate_sha256,
            address=address,
            tls=tls,
            user_identity_offered=information.user_identity is not None,
            implementation=" ".join(
                filter(
                    None,
                    (information.implementation_class_uid, information.implementation_version_name),
                )
            ),
        )
        try:
            return admit_device(
                self._enforcer, presented, our_title=self._our_title, clock=self._clock
            )
        except AssociationRefused as refusal:
            before = self._logged.happened(f"association {address}", self._clock.monotonic())
            if before is not None:
                self._logger.warning(
                    "association refused: %s from %s: %s (%d more before)",
                    presented.calling,
                    address,
                    refusal.reason,
                    before,
                )
            self._slow_down(address)
            return None

    def refuse_unread(self, address: Address, reason: str) -> None:
        """Record somebody who did not come as far as an association request."""
        before = self._logged.happened(f"connection {address}", self._clock.monotonic())
        if before is not None:
            self._logger.info(
                "connection refused from %s: %s (%d more before)", address, reason, before
            )
        self._enforcer.refuse_stranger(Origin(Door.DIMSE, address), "unknown", reason)

    def negotiate(self, request: AssociateRQ, admitted: AdmittedDevice) -> Negotiated:
        """Answer what an admitted device proposes; what it has no right to is on the trail."""
        negotiated, without_right = negotiate_for(
            request, admitted.device.rights, private_storage=self._private_storage
        )
        for service in without_right:
            refuse_service(self._enforcer, admitted.actor, service.action)
        return negotiated

    def _slow_down(self, address: Address) -> None:
        now = self._clock.monotonic()
        with self._lock:
            if now >= self._window_ends:
                self._refusals.clear()
                self._window_ends = now + REFUSAL_WINDOW
            source = source_of(address)
            self._refusals[source] += 1
            many = self._refusals[source] > FREE_REFUSALS
        if many:
            self._stop.wait(REFUSAL_DELAY)
