"""The certificate authority with its keys in the keyring."""

import socket
from collections.abc import Sequence
from datetime import datetime, timedelta

from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.names import (
    CA_ISSUING,
    CA_ISSUING_BEFORE,
    CA_ROOT,
    TLS_P256,
    TLS_RSA,
)
from raykeep.crypto.certificates import CertificateFacts, certificate_facts
from raykeep.crypto.issuing import (
    ISSUING_DAYS,
    SERVER_DAYS,
    CertifiedKey,
    ServerKeyKind,
    is_dns_name,
    issue_device,
    issue_server,
    make_issuing,
    make_root,
)
from raykeep.domain.access import Address
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import KeyUnavailable
from raykeep.ports.authority import IssuedCertificate
from raykeep.ports.clock import Clock

RENEW_SERVER = timedelta(days=30)  # before the end
RENEW_ISSUING = timedelta(days=365)  # before the end: a device's year must fit in what is left

_NAME_OF = {ServerKeyKind.RSA: TLS_RSA, ServerKeyKind.P256: TLS_P256}


class LocalAuthority:
    """Makes the archive's authorities and certificates, and renews them in time."""

    def __init__(self, keyring: KeyRing, clock: Clock, host_name: str | None = None) -> None:
        """Use `keyring`; nothing is made before `prepare`.

        Args:
            keyring: Where the keys are kept.
            clock: The time.
            host_name: Name of this machine, always in the server's certificates; as the
                system has it unless given.
        """
        self._keyring = keyring
        self._clock = clock
        self._host_name = socket.gethostname() if host_name is None else host_name

    def prepare(
        self,
        *,
        dns_names: Sequence[str] = (),
        addresses: Sequence[Address] = (),
        renew: bool = False,
    ) -> list[str]:
        """Make what is missing, and renew what ends soon or names other hosts than these.

        To be called at start and then once a day; listeners take up what is new.

        Args:
            dns_names: Names that clients know the server by.
            addresses: Addresses likewise. This machine's name, `localhost` and the loopback's
                addresses are always added.
            renew: Renew the server's certificates even when nothing asks for it.

        Returns:
            Names of the secrets that are new, e.g. `tls/rsa`.

        Raises:
            KeyUnavailable: the keyring cannot be written.
            InvalidInput: a name is none.
        """
        if is_dns_name(self._host_name):
            dns_names = [*dns_names, self._host_name]
        changed = self._prepare_authorities()
        issuing, all_of_them = self._get(CA_ISSUING), renew or bool(changed)
        for kind, name in _NAME_OF.items():
            if not all_of_them and self._is_good(name, dns_names, addresses):
                continue
            certified = issue_server(
                issuing,
                kind,
                now=self._clock.now(),
                dns_names=dns_names,
                addresses=addresses,
                days=SERVER_DAYS,
            )
            self._keyring.put(name, certified.pem().encode())
            changed.append(name)
        return changed

    def issue(
        self, ae_title: AETitle, *, days: int, csr_pem: str | None = None
    ) -> IssuedCertificate:
        now = self._clock.now()
        certified = issue_device(
            self._get(CA_ISSUING), ae_title, now=now, days=days, csr_pem=csr_pem
        )
        facts = certificate_facts(certified.chain_pem)
        private_key = certified.private_key_pem or None
        return IssuedCertificate(certified.chain_pem, private_key, facts.sha256, facts.not_after)

    def bundle_pem(self) -> str:
        return self._get(CA_ROOT).certificate_pem

    def client_ca_pem(self) -> str:
        """What our own listeners trust: the root, and every issuer that has not ended.

        Devices often send their own certificate alone; the issuers beside the root let
        them in.
        """
        before = self._keyring.get(CA_ISSUING_BEFORE) if self._has(CA_ISSUING_BEFORE) else b""
        return self.bundle_pem() + self._get(CA_ISSUING).certificate_pem + before.decode()

    def server_certificate(self, kind: ServerKeyKind) -> CertifiedKey:
        """The server's key and chain of one kind.

        Raises:
            KeyUnavailable: there is none yet.
        """
        return self._get(_NAME_OF[kind])

    def certificates(self) -> dict[str, CertificateFacts]:
        """Facts of the authorities' and the server's certificates, by name of the secret."""
        return {
            name: certificate_facts(self._get(name).certificate_pem)
            for name in (CA_ROOT, CA_ISSUING, TLS_RSA, TLS_P256)
            if self._has(name)
        }

    def _prepare_authorities(self) -> list[str]:
        """Make the root and the issuing authority, or a new issuing one in time."""
        changed = []
        now, archive = self._clock.now(), self._keyring.archive_id
        if not self._has(CA_ROOT):
            self._keyring.put(CA_ROOT, make_root(archive, now).pem().encode())
            changed.append(CA_ROOT)
        if self._needs_issuer(now):
            root = self._get(CA_ROOT)
            if not root.private_key_pem:
                msg = "the key of the root authority is not here. Put it back into the keyring"
                raise KeyUnavailable(msg)
            issuing = make_issuing(root, archive, now)
            self._keep_issuer(now)
            self._keyring.put(CA_ISSUING, issuing.pem().encode())
            changed.append(CA_ISSUING)
        return changed

    def _needs_issuer(self, now: datetime) -> bool:
        """Whether there is none, or it ends soon and the root can sign one that ends later."""
        if not self._has(CA_ISSUING):
            return True
        end = self._end(CA_ISSUING)
        possible = min(now + timedelta(days=ISSUING_DAYS), self._end(CA_ROOT))
        root_is_here = bool(self._get(CA_ROOT).private_key_pem)  # it may be kept elsewhere
        return root_is_here and end - now < RENEW_ISSUING and possible - end > RENEW_SERVER

    def _keep_issuer(self, now: datetime) -> None:
        """Put the present issuer's certificate to those whose devices are still about."""
        if not self._has(CA_ISSUING):
            return
        pems = [self._get(CA_ISSUING).certificate_pem]
        if self._has(CA_ISSUING_BEFORE):
            text = self._keyring.get(CA_ISSUING_BEFORE).decode()
            end = "-----END CERTIFICATE-----\n"
            pems += [part + end for part in text.split(end) if part]
        alive = [pem for pem in pems if certificate_facts(pem).not_after > now]
        self._keyring.put(CA_ISSUING_BEFORE, "".join(alive).encode())

    def _is_good(self, name: str, dns_names: Sequence[str], addresses: Sequence[Address]) -> bool:
        if not self._has(name):
            return False
        facts = certificate_facts(self._get(name).certificate_pem)
        named = {one.lower().rstrip(".") for one in dns_names} | {str(one) for one in addresses}
        loopback = {"localhost", "127.0.0.1", "::1"}
        ends_later = facts.not_after - self._clock.now() > RENEW_SERVER
        return ends_later and set(facts.names) == named | loopback

    def _end(self, name: str) -> datetime:
        return certificate_facts(self._get(name).certificate_pem).not_after

    def _has(self, name: str) -> bool:
        return self._keyring.has(name)

    def _get(self, name: str) -> CertifiedKey:
        try:
            return CertifiedKey.parse(self._keyring.get(name).decode())
        except ValueError as error:
            msg = f"the secret {name} is not a key with its certificate. Restore the keyring"
            raise KeyUnavailable(msg) from error
