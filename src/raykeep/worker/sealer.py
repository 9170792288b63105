"""The sealer: makes leaves of new records within a second, and signs checkpoints."""

from logging import getLogger
from threading import Event

from raykeep.domain.errors import ChangeRefused, StorageUnavailable
from raykeep.ledger import Ledger

INTERVAL = 0.5  # seconds between rounds
FAILED_INTERVAL = 5.0  # seconds after a round that failed

log = getLogger(__name__)


def seal_until(stop: Event, ledger: Ledger) -> None:
    """Seal until told to stop, and once more then.

    Raises:
        IntegrityError: the trail is not the one that was signed: nothing more is sealed.
    """
    while not stop.is_set():
        stop.wait(_round(ledger))
    _round(ledger)


def _round(ledger: Ledger) -> float:
    try:
        while ledger.seal_pending():
            ledger.checkpoint_if_due()
        ledger.checkpoint_if_due()
    except (ChangeRefused, StorageUnavailable) as error:
        # The next round reads the trail anew.
        log.warning("sealing failed and is tried again: %s", type(error).__name__)
        return FAILED_INTERVAL
    return INTERVAL
