"""The archive's private certificate authority: certificates made (RFC 5280).

A root (10 years, path length 1) signs an issuing authority (2 years), which signs servers and
devices. Whoever trusts the root alone accepts a peer that sends its own certificate and the
issuing authority's: that is the chain given out everywhere.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from raykeep.crypto.certificates import read_request
from raykeep.domain.access import Address
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput, shown

ROOT_DAYS = 3_653  # 10 years
ISSUING_DAYS = 730
SERVER_DAYS = 90
MAX_DEVICE_DAYS = 730
SKEW = timedelta(hours=1)  # a peer's clock may be behind ours by so much
DEVICE_URI = "urn:raykeep:aet:"

_RSA_BITS = 3072
_RSA_EXPONENT = 65_537
_MAX_COMMON_NAME = 64  # characters, RFC 5280 annex A.1
_MAX_DNS_NAME = 253  # characters
# Underscores are no host names by RFC 1123, but container platforms make such names.
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class ServerKeyKind(StrEnum):
    """The two keys that a server shows, so that old and new clients find one they know."""

    RSA = "rsa"  # 3072 bits
    P256 = "p256"


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A private key and its certificates.

    Attributes:
        private_key_pem: The key, PEM (PKCS #8, not encrypted).
        chain_pem: What a peer is shown: the certificate, then those above it without the root.
    """

    private_key_pem: str = field(repr=False)
    chain_pem: str

    @property
    def certificate_pem(self) -> str:
        """The certificate alone."""
        return self.chain_pem[: self.chain_pem.index(_END) + len(_END)]

    def pem(self) -> str:
        """Key and chain in one text, as OpenSSL reads it from one file."""
        return self.private_key_pem + self.chain_pem

    @classmethod
    def parse(cls, pem: str) -> "CertifiedKey":
        """Read what `pem` wrote."""
        start = pem.index("-----BEGIN CERTIFICATE-----")
        return cls(pem[:start], pem[start:])


_END = "-----END CERTIFICATE-----\n"


def make_root(archive: str, now: datetime) -> CertifiedKey:
    """A root authority, P-384, self-signed.

    Args:
        archive: What tells this archive from others, in the subject.
        now: The time, aware.
    """
    key = ec.generate_private_key(ec.SECP384R1())
    name = _name(f"Raykeep root {archive}")
    start = now - SKEW
    builder = _builder(name, name, key.public_key(), start, start + timedelta(days=ROOT_DAYS))
    builder = _as_authority(builder, key.public_key(), key.public_key(), path_length=1)
    certificate = builder.sign(key, SHA384())
    return CertifiedKey(_key_pem(key), _pem(certificate))


def make_issuing(root: CertifiedKey, archive: str, now: datetime) -> CertifiedKey:
    """An issuing authority, P-384, signed by the root.

    Raises:
        InvalidInput: the root has ended.
    """
    root_certificate, root_key = _loaded(root)
    key = ec.generate_private_key(ec.SECP384R1())
    name = _name(f"Raykeep issuing {archive}")
    start, end = _validity(now, ISSUING_DAYS, root_certificate)
    builder = _builder(name, root_certificate.subject, key.public_key(), start, end)
    builder = _as_authority(builder, key.public_key(), root_key.public_key(), path_length=0)
    return CertifiedKey(_key_pem(key), _pem(builder.sign(root_key, SHA384())))


def issue_server(
    issuing: CertifiedKey,
    kind: ServerKeyKind,
    *,
    now: datetime,
    dns_names: Sequence[str] = (),
    addresses: Sequence[Address] = (),
    days: int = SERVER_DAYS,
) -> CertifiedKey:
    """A server's key and certificate.

    Args:
        issuing: Who signs.
        kind: RSA-3072 or P-256.
        now: The time, aware.
        dns_names: Names that clients know the server by; `localhost` is always added.
        addresses: Addresses likewise; `127.0.0.1` and `::1` are always added.
        days: Validity, at most 90.

    Raises:
        InvalidInput: a name is none, or the validity is longer, or the issuer has ended.
    """
    if not 1 <= days <= SERVER_DAYS:
        msg = f"a server certificate is valid for 1 to {SERVER_DAYS} days, not {days}"
        raise InvalidInput(msg)
    names = _server_names(dns_names)
    key: _PrivateKey
    if kind is ServerKeyKind.RSA:
        key = rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    loopback: list[Address] = [ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")]
    every = dict.fromkeys([*addresses, *loopback])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(address) for address in every]
    issuer, issuer_key = _loaded(issuing)
    start, end = _validity(now, days, issuer)
    common_name = next(name for name in names if len(name) <= _MAX_COMMON_NAME)
    builder = _builder(_name(common_name), issuer.subject, key.public_key(), start, end)
    builder = _as_leaf(builder, key.public_key(), issuer_key.public_key(), alternatives)
    certificate = _pem(builder.sign(issuer_key, SHA256()))
    return CertifiedKey(_key_pem(key), certificate + issuing.certificate_pem)


def issue_device(
    issuing: CertifiedKey,
    ae_title: AETitle,
    *,
    now: datetime,
    days: int,
    csr_pem: str | None = None,
) -> CertifiedKey:
    """A device's certificate, SAN `URI:urn:raykeep:aet:AET`, for client and server use.

    Args:
        issuing: Who signs.
        ae_title: Whose it is; nothing that a request says of names is taken over.
        now: The time, aware.
        days: Validity; it never outlasts the issuer's.
        csr_pem: A certificate request (PKCS #10); without one a P-256 key is made.

    Returns:
        With an empty `private_key_pem` when the device brought a request of its own.

    Raises:
        InvalidInput: the request is not one, or its signature or key is too weak; or `days` is
            not 1 to 730; or the issuer has ended.
    """
    if not 1 <= days <= MAX_DEVICE_DAYS:
        msg = f"a device certificate is valid for 1 to {MAX_DEVICE_DAYS} days, not {days}"
        raise InvalidInput(msg)
    private_key_pem = ""
    public_key: _PublicKey
    if csr_pem is None:
        key = ec.generate_private_key(ec.SECP256R1())
        public_key, private_key_pem = key.public_key(), _key_pem(key)
    else:
        public_key = read_request(csr_pem)
    issuer, issuer_key = _loaded(issuing)
    uri = x509.UniformResourceIdentifier(DEVICE_URI + quote(ae_title.value, safe=""))
    start, end = _validity(now, days, issuer)
    builder = _builder(_name(ae_title.value), issuer.subject, public_key, start, end)
    builder = _as_leaf(builder, public_key, issuer_key.public_key(), [uri])
    certificate = _pem(builder.sign(issuer_key, SHA256()))
    return CertifiedKey(private_key_pem, certificate + issuing.certificate_pem)


def is_dns_name(text: str) -> bool:
    """Whether `text` may stand in a certificate as a DNS name; no wildcards."""
    return len(text) <= _MAX_DNS_NAME and _DNS_NAME.fullmatch(text.lower()) is not None


# --- parts -------------------------------------------------------------------------------------


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: _PublicKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _as_authority(
    builder: x509.CertificateBuilder,
    own: _PublicKey,
    issuer: _PublicKey,
    *,
    path_length: int,
) -> x509.CertificateBuilder:
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    )
    return _identified(builder.add_extension(usage, critical=True), own, issuer)


def _as_leaf(
    builder: x509.CertificateBuilder,
    own: _PublicKey,
    issuer: _PublicKey,
    alternatives: list[x509.GeneralName],
) -> x509.CertificateBuilder:
    # Both: devices answer C-MOVE sub-operations, and the archive itself calls others.
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    # Signing alone: every suite that we take agrees on keys by (EC)DHE, none by RSA.
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )
    return _identified(builder, own, issuer)


def _identified(
    builder: x509.CertificateBuilder, own: _PublicKey, issuer: _PublicKey
) -> x509.CertificateBuilder:
    """Add the identifiers by which chains are built (RFC 5280 sections 4.2.1.1 and 4.2.1.2)."""
    return builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(own), critical=False
    ).add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Raykeep"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_MAX_COMMON_NAME]),
        ]
    )


def _server_names(dns_names: Sequence[str]) -> list[str]:
    """The names without repetition, `localhost` among them."""
    names: dict[str, None] = {}
    for given in [*dns_names, "localhost"]:
        name = given.lower().rstrip(".")
        if not is_dns_name(name):
            msg = f"{shown(given)} is not a DNS name. Correct it in the settings"
            raise InvalidInput(msg)
        names[name] = None
    return list(names)


def _validity(now: datetime, days: int, issuer: x509.Certificate) -> tuple[datetime, datetime]:
    """Start and end: so many days in all, but never beyond the issuer's end."""
    if issuer.not_valid_after_utc <= now:
        msg = (
            "the certificate authority has ended. Start the archive again: it makes a new issuing "
            "certificate as long as the root lasts (`raykeep tls status`)"
        )
        raise InvalidInput(msg)
    start = now - SKEW
    return start, min(start + timedelta(days=days), issuer.not_valid_after_utc)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: _PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _loaded(
    authority: CertifiedKey,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = load_pem_private_key(authority.private_key_pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        msg = "the key of a certificate authority is one on P-384"
        raise TypeError(msg)
    return x509.load_pem_x509_certificate(authority.certificate_pem.encode()), key
