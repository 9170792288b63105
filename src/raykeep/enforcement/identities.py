"""Devices and tokens as a process knows them: cached, and read anew when they change.

Every process asks for the registry's generation each second, so that whoever
is cut off is cut off everywhere within five seconds.
"""

from threading import Lock

from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import Device
from raykeep.domain.token import ApiToken
from raykeep.ports.registry import Registry

MAX_CACHED = 10_000  # devices and tokens each; beyond it the caches start anew


class Identities:
    """Who is known. Reading it needs no permit: it is what permits are made from."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = Lock()
        self._generation = -1
        self._devices: dict[AETitle, Device] = {}
        self._tokens: dict[str, ApiToken] = {}

    def poll(self) -> bool:
        """Ask whether anything changed since the last call; if so, forget what was cached.

        Raises:
            StorageUnavailable: the database cannot be asked; what is cached stays.
        """
        generation = self._registry.generation()
        with self._lock:
            moved = generation != self._generation
            if moved:
                self._generation = generation
                self._devices.clear()
                self._tokens.clear()
        return moved

    def device(self, ae_title: AETitle) -> Device | None:
        """The device of that title, revoked or not. Strangers' titles are not cached."""
        with self._lock:
            known, generation = self._devices.get(ae_title), self._generation
        if known is None:
            known = self._registry.device(ae_title)
            if known is not None:
                with self._lock:
                    # What was read before a change must not outlive the forgetting.
                    if generation == self._generation:
                        if len(self._devices) >= MAX_CACHED:
                            self._devices.clear()
                        self._devices[ae_title] = known
        return known

    def token(self, token_id: str) -> ApiToken | None:
        """The token of that id, revoked or not. Strangers' ids are not cached."""
        with self._lock:
            known, generation = self._tokens.get(token_id), self._generation
        if known is None:
            known = self._registry.token(token_id)
            if known is not None:
                with self._lock:
                    if generation == self._generation:
                        if len(self._tokens) >= MAX_CACHED:
                            self._tokens.clear()
                        self._tokens[token_id] = known
        return known

    def trusted_certificates(self) -> list[str]:
        """Certificates of the hospital's own that devices were enrolled with, PEM."""
        return [
            pem
            for device in self._registry.devices()
            if device.revoked_at is None
            for pem in device.own_certificates_pem
        ]
