"""A certificate authority for tests: made once a run, of the archive's own making."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from raykeep.crypto.certificates import certificate_facts
from raykeep.crypto.issuing import (
    CertifiedKey,
    ServerKeyKind,
    issue_device,
    issue_server,
    make_issuing,
    make_root,
)
from raykeep.domain.ae_title import AETitle
from raykeep.transport.tls import CertificatePair


@dataclass(frozen=True)
class Pki:
    """A root, an issuer and a server's two certificates."""

    root: CertifiedKey
    issuing: CertifiedKey
    servers: tuple[CertifiedKey, ...]

    @property
    def root_pem(self) -> str:
        return self.root.certificate_pem

    @property
    def client_ca_pem(self) -> str:
        return self.root.certificate_pem + self.issuing.certificate_pem

    @property
    def server_pairs(self) -> tuple[CertificatePair, ...]:
        return tuple(pair_of(one) for one in self.servers)

    def device(self, title: str, *, days: int = 30, now: datetime | None = None) -> CertifiedKey:
        """A device's key and certificate."""
        return issue_device(
            self.issuing, AETitle(title), now=now or datetime.now(UTC), days=days, csr_pem=None
        )


def pair_of(certified: CertifiedKey) -> CertificatePair:
    return CertificatePair(certified.chain_pem, certified.private_key_pem)


def sha256_of(certified: CertifiedKey) -> str:
    return certificate_facts(certified.certificate_pem).sha256


@cache
def pki(name: str = "test") -> Pki:
    """The authority of that name, the same each time."""
    now = datetime.now(UTC)
    root = make_root(name, now)
    issuing = make_issuing(root, name, now)
    servers = tuple(
        issue_server(issuing, kind, now=now, addresses=[ip_address("127.0.0.1")])
        for kind in (ServerKeyKind.RSA, ServerKeyKind.P256)
    )
    return Pki(root, issuing, servers)


def hospital_certificate(common_name: str, *, days: int = 30) -> CertifiedKey:
    """A self-signed leaf without any extension, as an old hospital CA might have made it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hospital CA 2009")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return CertifiedKey(key_pem, certificate.public_bytes(Encoding.PEM).decode())
