"""Certificates and requests that others bring: read within limits, and judged.

Bytes of a peer: every text that comes out of here is cut and made printable.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypeVar
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidAETitle, InvalidInput, shown

MAX_LENGTH = 65_536  # bytes or characters of what is read
MAX_SUBJECT = 200  # characters shown of a subject
MAX_NAME = 253  # characters shown of one of its other names; a DNS name is no longer
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # longer keys cost more to check than any peer should make us pay

_DEVICE_URI = "urn:raykeep:aet:"
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_HASHES = ("sha256", "sha384", "sha512")
_CLIENT_PURPOSES = frozenset(
    {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
)

# What `cryptography` raises on bytes that are no certificate, or carry what it does not know.
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a certificate says of its holder.

    Attributes:
        sha256: Fingerprint of the DER, hexadecimal.
        ae_titles: Titles from SANs `URI:urn:raykeep:aet:…`; empty for the hospital's own.
        not_before: Start of validity.
        not_after: End of validity.
        subject: Distinguished name (RFC 4514), cut and made printable.
    """

    sha256: str
    ae_titles: tuple[AETitle, ...]
    not_before: datetime
    not_after: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What an operator wants to know of a certificate.

    Attributes:
        subject: Distinguished name (RFC 4514).
        issuer: Of who signed it.
        sha256: Fingerprint of the DER, hexadecimal.
        not_before: Start of validity.
        not_after: End of validity.
        key: For example `RSA 3072` or `secp256r1`.
        names: DNS names, addresses and URIs that it is good for.
    """

    subject: str
    issuer: str
    sha256: str
    not_before: datetime
    not_after: datetime
    key: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate that the hospital made for a device, once it is found good.

    Attributes:
        sha256: Fingerprint of the DER, hexadecimal.
        pem: The certificate alone, PEM.
        not_after: End of validity.
        ae_titles: Titles that an archive issued it for; empty for the hospital's own.
    """

    sha256: str
    pem: str
    not_after: datetime
    ae_titles: tuple[AETitle, ...]


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate's DER, hexadecimal."""
    return sha256(der).hexdigest()


def parse_peer(der: bytes) -> PeerCertificate:
    """Read the certificate that a TLS peer showed; whom to trust is not decided here.

    Raises:
        InvalidInput: the bytes are not a certificate.
    """
    if len(der) > MAX_LENGTH:
        raise InvalidInput(_NOT_A_CERTIFICATE)
    with _refusing_what_is_none():
        certificate = x509.load_der_x509_certificate(der)
        return PeerCertificate(
            fingerprint(der),
            tuple(_titles(_alternatives(certificate))),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            _text(certificate.subject),
        )


def certificate_facts(pem: str) -> CertificateFacts:
    """What an operator wants to know of a certificate: of the first one in a PEM text.

    Raises:
        InvalidInput: there is none.
    """
    with _refusing_what_is_none():
        certificate = _first(pem)
        return CertificateFacts(
            _text(certificate.subject),
            _text(certificate.issuer),
            fingerprint(certificate.public_bytes(Encoding.DER)),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            _kind(certificate),
            tuple(shown(str(name.value), MAX_NAME)[1:-1] for name in _alternatives(certificate)),
        )


def check_own_certificate(pem: str, now: datetime) -> OwnCertificate:
    """Judge a certificate that the hospital made for a device, before it is relied on.

    Args:
        pem: The certificate; what follows it in the text, such as its chain, is passed over.
        now: The time, aware.

    Raises:
        InvalidInput: it is not one, is not valid now, is an authority's, is not for clients, or
            its key or its signature is too weak.
    """
    if "PRIVATE KEY" in pem:
        msg = "the text holds a private key. Give the certificate alone, and keep the key secret"
        raise InvalidInput(msg)
    with _refusing_what_is_none():
        certificate = _first(pem)
        _judged(certificate.public_key())
        if flaw := _flaw(certificate, now):
            msg = f"the device's certificate {flaw}. Have another one made"
            raise InvalidInput(msg)
        return OwnCertificate(
            fingerprint(certificate.public_bytes(Encoding.DER)),
            certificate.public_bytes(Encoding.PEM).decode(),
            certificate.not_valid_after_utc,
            tuple(_titles(_alternatives(certificate))),
        )


def read_request(pem: str) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """The public key of a certificate request (PKCS #10), once it is found good.

    Raises:
        InvalidInput: it is not a request, its own signature does not fit, or its key is weak.
    """
    if len(pem) > MAX_LENGTH:
        msg = f"the certificate request is longer than {MAX_LENGTH} characters"
        raise InvalidInput(msg)
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = _judged(request.public_key())
        hashed = request.signature_hash_algorithm
        is_signed = request.is_signature_valid
    except _UNREADABLE as error:
        msg = "the text is not a certificate request (PKCS #10, PEM). Make it anew at the device"
        raise InvalidInput(msg) from error
    if hashed is None or hashed.name not in _HASHES or not is_signed:
        msg = "the certificate request is not signed by its own key with SHA-256 or better"
        raise InvalidInput(msg)
    return key


_NOT_A_CERTIFICATE = "the bytes are not a certificate (X.509). Give one as PEM or DER"
_WEAK_KEY = (
    f"the key is too weak or of a kind not taken: RSA of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, "
    "or a curve of P-256, P-384, P-521. Make a new one at the device"
)


def _judged(key: object) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """The key, once it is found strong enough and not too costly."""
    if isinstance(key, rsa.RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    raise InvalidInput(_WEAK_KEY)


@contextlib.contextmanager
def _refusing_what_is_none() -> Iterator[None]:
    """Parts of a certificate are read when they are asked for, and may be nonsense then."""
    try:
        yield
    except _UNREADABLE as error:
        raise InvalidInput(_NOT_A_CERTIFICATE) from error


def _first(pem: str) -> x509.Certificate:
    """The first certificate of a PEM text."""
    if len(pem) > MAX_LENGTH:
        raise InvalidInput(_NOT_A_CERTIFICATE)
    return x509.load_pem_x509_certificate(pem.encode())


def _kind(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__


def _flaw(certificate: x509.Certificate, now: datetime) -> str:
    """What keeps a device's certificate from being relied on; empty for nothing."""
    constraints = _extension(certificate, x509.BasicConstraints)
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    hashed = certificate.signature_hash_algorithm  # None: EdDSA, which brings its own
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        return f"is valid until {certificate.not_valid_after_utc.date()}, not today"
    if hashed is not None and hashed.name not in _HASHES:
        return "is signed with a hash weaker than SHA-256"
    if constraints is not None and constraints.ca:
        return "is one of a certificate authority"
    if purposes is not None and not _CLIENT_PURPOSES.intersection(purposes):
        return "is not for clients (extended key usage)"
    return ""


_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _alternatives(certificate: x509.Certificate) -> list[x509.GeneralName]:
    return list(_extension(certificate, x509.SubjectAlternativeName) or ())


def _titles(names: list[x509.GeneralName]) -> list[AETitle]:
    titles = []
    for name in names:
        text = name.value if isinstance(name, x509.UniformResourceIdentifier) else ""
        # The first two parts of a URN know no case (RFC 8141 section 3.1).
        if text[: len(_DEVICE_URI)].lower() != _DEVICE_URI:
            continue
        try:
            titles.append(AETitle(unquote(text[len(_DEVICE_URI) :], errors="strict")))
        except (InvalidAETitle, UnicodeDecodeError) as error:
            msg = "the certificate names a device by what is not an AE title"
            raise InvalidInput(msg) from error
    return titles


def _text(name: x509.Name) -> str:
    return shown(name.rfc4514_string(), MAX_SUBJECT)[1:-1]
