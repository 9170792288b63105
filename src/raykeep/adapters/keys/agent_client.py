"""The key agent: the side of the archive's processes. They never see the root key."""

import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from raykeep.adapters.keys.frames import (
    Certificate,
    CreateFacilityKey,
    FrameError,
    GetFacilityKey,
    GetProvider,
    GetSecret,
    GetTrust,
    IssueCertificate,
    KeyInfo,
    KeyInfos,
    ListFacilityKeys,
    Refused,
    Reply,
    Request,
    Secret,
    Text,
    receive_reply,
    send,
)
from raykeep.adapters.keys.local import pseudonym_of
from raykeep.adapters.keys.names import PSEUDONYM
from raykeep.crypto.wrap import unwrap_key, wrap_key
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput, KeyUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.ports.authority import IssuedCertificate
from raykeep.ports.key_administration import FacilityKeyInfo
from raykeep.ports.keys import WrappedKey

REPLY_TIMEOUT = 30.0  # seconds
CURRENT_SECONDS = 5.0  # how long a facility's current version is taken for granted
KEY_SECONDS = 300.0  # how long a facility key is kept in memory

_R = TypeVar("_R", Secret, KeyInfo, KeyInfos, Certificate, Text)


class AgentKeys:
    """Wraps, unwraps and issues through the supervisor's key agent; safe for many threads.

    Facility keys are kept in memory for a while, so that the hot path asks nobody. When the
    supervisor is gone, everything that is not in memory fails with `KeyUnavailable`.
    """

    def __init__(
        self, peer: socket.socket, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Take over `peer`, the connected Unix stream socket that the supervisor handed down."""
        self._peer = peer
        self._peer.settimeout(REPLY_TIMEOUT)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._is_broken = False
        self._pseudonym: bytes | None = None
        # Each with the time until which it holds. Read and written whole, so without the lock.
        self._current: dict[FacilityName, tuple[float, int]] = {}
        self._keys: dict[tuple[FacilityName, int], tuple[float, bytes]] = {}

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._is_broken = True
            self._peer.close()

    def wrap(self, facility: FacilityName, key: bytes) -> WrappedKey:
        until, version = self._current.get(facility, (0.0, 0))
        found = self._keys.get((facility, version))
        now = self._monotonic()
        if found is None or now >= until or now >= found[0]:
            version, facility_key = self._fetch(facility, None)
            self._current[facility] = now + CURRENT_SECONDS, version
        else:
            facility_key = found[1]
        return WrappedKey(version, wrap_key(facility_key, key))

    def unwrap(self, facility: FacilityName, wrapped: WrappedKey) -> bytes:
        found = self._keys.get((facility, wrapped.version))
        if found is None or self._monotonic() >= found[0]:
            _, facility_key = self._fetch(facility, wrapped.version)
        else:
            facility_key = found[1]
        return unwrap_key(facility_key, wrapped.wrapped)

    def pseudonym(self, facility: FacilityName, text: str) -> str:
        if self._pseudonym is None:
            self._pseudonym = self.secret(PSEUDONYM)
        return pseudonym_of(self._pseudonym, facility, text)

    def describe(self) -> list[FacilityKeyInfo]:
        return [_read(info) for info in self._ask(ListFacilityKeys(), KeyInfos).keys]

    def create_facility_key(self, facility: FacilityName) -> FacilityKeyInfo:
        return _read(self._ask(CreateFacilityKey(facility), KeyInfo))

    def provider(self) -> str:
        return self._ask(GetProvider(), Text).value

    def issue(
        self, ae_title: AETitle, *, days: int, csr_pem: str | None = None
    ) -> IssuedCertificate:
        issued = self._ask(IssueCertificate(ae_title.value, days, csr_pem), Certificate)
        return IssuedCertificate(
            issued.certificate_pem, issued.private_key_pem, issued.sha256, issued.not_after
        )

    def bundle_pem(self) -> str:
        return self._ask(GetTrust(for_clients=False), Text).value

    def client_ca_pem(self) -> str:
        """What our own listeners trust: the root, and every issuer that has not ended."""
        return self._ask(GetTrust(for_clients=True), Text).value

    def secret(self, name: str) -> bytes:
        """A secret by name, if this process may have it.

        Raises:
            KeyUnavailable: it may not, or there is none of that name, or the agent is away.
        """
        return self._ask(GetSecret(name), Secret).value

    def _fetch(self, facility: FacilityName, version: int | None) -> tuple[int, bytes]:
        found = self._ask(GetFacilityKey(facility, version), Secret)
        self._keys[facility, found.version] = self._monotonic() + KEY_SECONDS, found.value
        return found.version, found.value

    def _ask(self, request: Request, wanted: type[_R]) -> _R:
        reply = self._exchange(request)
        if isinstance(reply, Refused):
            raise (InvalidInput if reply.is_input else KeyUnavailable)(reply.message)
        if not isinstance(reply, wanted):
            self.close()
            msg = "the key agent answered another question; this process must be started again"
            raise KeyUnavailable(msg)
        return reply

    def _exchange(self, request: Request) -> Reply:
        with self._lock:
            if self._is_broken:
                raise KeyUnavailable(_GONE)
            try:
                send(self._peer, request)
                return receive_reply(self._peer)
            except (FrameError, OSError) as error:
                # A late answer would be taken for that to the next question: never ask again.
                self._is_broken = True
                self._peer.close()
                raise KeyUnavailable(_GONE) from error


_GONE = "the supervisor is gone, and the keys with it. Start the archive again"


def _read(info: KeyInfo) -> FacilityKeyInfo:
    facility = FacilityName(info.facility)
    return FacilityKeyInfo(facility, info.version, info.created_at, info.is_current)
