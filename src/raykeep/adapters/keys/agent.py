"""The key agent: the supervisor's side. It alone holds the root key; processes ask it."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import assert_never

from raykeep.adapters.keys.authority import LocalAuthority
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
    receive_request,
    send,
)
from raykeep.adapters.keys.local import LocalKeys
from raykeep.adapters.keys.names import MAY_ADMINISTER, MAY_HAVE, ProcessRole, is_allowed
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import ArchiveError, InvalidInput, KeyUnavailable, shown
from raykeep.domain.facility import FacilityName
from raykeep.ports.key_administration import FacilityKeyInfo


class AgentServer:
    """Answers one process over one connected socket, in a thread of its own.

    What a process may have hangs on its role alone, which the supervisor knows because it
    started it.
    """

    def __init__(
        self,
        peer: socket.socket,
        keys: LocalKeys,
        authority: LocalAuthority,
        role: ProcessRole,
        log: Callable[[str], None],
    ) -> None:
        """Take over `peer`; nothing is answered before `start`.

        Args:
            peer: Connected Unix stream socket.
            keys: The keys.
            authority: The certificate authority.
            role: Who is at the other end.
            log: Takes one line for each refusal and for the end.
        """
        self._peer = peer
        self._keys = keys
        self._authority = authority
        self._role = role
        self._log = log
        self._thread = threading.Thread(target=self.serve, name=f"keys-{role}", daemon=True)

    def start(self) -> None:
        """Answer in a thread from now on."""
        self._thread.start()

    def close(self) -> None:
        """Hang up, and wait for the thread."""
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join()
        self._peer.close()

    def serve(self) -> None:
        """Answer until the other side closes or sends what is no request."""
        with self._peer:
            try:
                while (request := receive_request(self._peer)) is not None:
                    send(self._peer, self._answer(request))
            except (FrameError, OSError) as error:
                self._log(f"the key agent hung up on {self._role}: {type(error).__name__}")

    def _answer(self, request: Request) -> Reply:
        try:
            self._check(request)
            return self._reply(request)
        except ArchiveError as error:
            self._log(f"the key agent refused {self._role}: {error}")
            return Refused(str(error), isinstance(error, InvalidInput))

    def _check(self, request: Request) -> None:
        match request:
            case GetSecret(name=name):
                allowed = is_allowed(name, MAY_HAVE[self._role])
                what = f"the secret {shown(name)}"
            case GetFacilityKey() | ListFacilityKeys():
                allowed = "facility/*" in MAY_HAVE[self._role]
                what = "facility keys"
            case CreateFacilityKey() | IssueCertificate():
                allowed = self._role in MAY_ADMINISTER
                what = "new keys and certificates"
            case _:
                return
        if not allowed:
            msg = f"{what} are not for the process {self._role}"
            raise KeyUnavailable(msg)

    def _reply(self, request: Request) -> Reply:
        reply: Reply
        match request:
            case GetSecret(name=name):
                reply = Secret(self._keys.secret(name))
            case GetFacilityKey(facility=facility, version=version):
                number, key = self._keys.keyring.facility_key(FacilityName(facility), version)
                reply = Secret(key, number)
            case ListFacilityKeys():
                reply = KeyInfos([_told(info) for info in self._keys.describe()])
            case CreateFacilityKey(facility=facility):
                reply = _told(self._keys.create_facility_key(FacilityName(facility)))
            case IssueCertificate():
                reply = self._issued(request)
            case GetTrust(for_clients=for_clients):
                authority = self._authority
                reply = Text(authority.client_ca_pem() if for_clients else authority.bundle_pem())
            case GetProvider():
                reply = Text(self._keys.provider())
            case _:
                assert_never(request)
        return reply

    def _issued(self, request: IssueCertificate) -> Certificate:
        issued = self._authority.issue(
            AETitle(request.ae_title), days=request.days, csr_pem=request.csr_pem
        )
        return Certificate(
            issued.certificate_pem, issued.private_key_pem, issued.sha256, issued.not_after
        )


def _told(info: FacilityKeyInfo) -> KeyInfo:
    return KeyInfo(info.facility, info.version, info.created_at, info.is_current)
