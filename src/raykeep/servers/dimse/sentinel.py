"""Cuts off whom nobody would let in any more: revoked, expired, changed."""

import threading
from collections.abc import Callable
from datetime import datetime
from logging import Logger
from typing import Final

from raykeep.domain.errors import ArchiveError
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.servers.dimse.association import Live, Roll
from raykeep.services.authentication import still_admitted

PERIOD: Final = 1.0  # seconds between two looks
REFRESH_PERIOD: Final = 60.0  # seconds after which certificates are read anew in any case
GRACE: Final = 2.0  # seconds in which an association that was interrupted ends by itself


class Sentinel:
    """Looks once a second whether each live association may go on.

    Args:
        enforcer: Knows the devices.
        roll: The live associations.
        clock: Tells when certificates and exemptions end.
        logger: Gets what could not be asked.
        refresh: Called when a device changed, and once a minute: reads certificates anew.
    """

    def __init__(
        self,
        enforcer: Enforcer,
        roll: Roll,
        clock: Clock,
        logger: Logger,
        *,
        refresh: Callable[[], None],
    ) -> None:
        self._enforcer = enforcer
        self._roll = roll
        self._clock = clock
        self._logger = logger
        self._refresh = refresh
        self._refreshed_at = clock.monotonic()
        self._interrupted: dict[Live, float] = {}  # when

    def watch(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""
        while not stop.wait(PERIOD):
            try:
                self.look()
            except ArchiveError as error:
                # The database is away; then nothing can be stored or found either.
                self._logger.warning("devices cannot be checked: %s", type(error).__name__)

    def look(self) -> None:
        """Look once.

        Raises:
            StorageUnavailable: the database cannot be asked.
        """
        moved = self._enforcer.identities.poll()
        now, moment = self._clock.now(), self._clock.monotonic()
        self._cut_off(now, moment)
        if moved or moment - self._refreshed_at >= REFRESH_PERIOD:
            self._refreshed_at = moment
            self._refresh()

    def _cut_off(self, now: datetime, moment: float) -> None:
        live = self._roll.all()
        for one in live:
            since = self._interrupted.get(one)
            if since is not None:
                if moment - since >= GRACE:
                    one.cut()
            elif not still_admitted(self._enforcer, one.admitted, now):
                self._interrupted[one] = moment
                one.interrupt("the device is no longer admitted as it was")
        for gone in self._interrupted.keys() - set(live):
            del self._interrupted[gone]
