"""The one TLS profile, for servers and clients (PS3.15 B.12; RFC 8996, RFC 9325).

TLS 1.3 and 1.2 with forward secrecy and authenticated encryption; no compression, no
renegotiation, no tickets. Nothing here turns verification off.
"""

import hashlib
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from raykeep.domain.errors import SettingsError

# For TLS 1.2; those of 1.3 are all of that kind. Security level 2 refuses keys below 112 bits
# of strength (RSA below 2048) and SHA-1 in a peer's certificates, too.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """A private key with its certificate, and those that lead to a trusted one.

    Attributes:
        certificate_chain_pem: The own certificate first, PEM.
        private_key_pem: Its key, PEM, not encrypted: it came out of the sealed store.
    """

    certificate_chain_pem: str
    private_key_pem: str = field(repr=False)


def server_context(
    pairs: Sequence[CertificatePair],
    *,
    client_ca_pem: str | None = None,
    extra_trusted: Sequence[str] = (),
    alpn: Sequence[str] = (),
) -> ssl.SSLContext:
    """The context of a listener.

    Args:
        pairs: One for each kind of key, RSA and P-256: OpenSSL shows each client the one that
            it understands.
        client_ca_pem: Who signs clients' certificates. With it, or with `extra_trusted`, a
            client must show one; without either the listener asks for none (HTTPS with tokens).
        extra_trusted: Certificates that are trusted as they stand, PEM: an authority's of
            somebody else, or a single client's.
        alpn: Application protocols, best first.

    Raises:
        SettingsError: a certificate or a key cannot be used; the message says which pair.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _apply_profile(context, alpn)
    # A resumed session would outlive the certificate check of its first handshake.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if not pairs:
        raise SettingsError("a TLS listener needs a certificate. Run `raykeep init`")
    for pair in pairs:
        _load_pair(context, pair)
    if client_ca_pem is not None or extra_trusted:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, client_ca_pem, extra_trusted)
    return context


def client_context(
    ca_pem: str,
    pair: CertificatePair | None = None,
    *,
    extra_trusted: Sequence[str] = (),
    alpn: Sequence[str] = (),
) -> ssl.SSLContext:
    """The context for calling somebody: name and chain are verified.

    Args:
        ca_pem: Who signs the server's certificate.
        pair: What we show, where the server asks for it.
        extra_trusted: As in `server_context`.
        alpn: Application protocols, best first.

    Raises:
        SettingsError: a certificate or a key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _apply_profile(context, alpn)
    if pair is not None:
        _load_pair(context, pair)
    _trust(context, ca_pem, extra_trusted)
    return context


def fingerprint(certificate_der: bytes) -> str:
    """SHA-256 of a certificate's DER, hexadecimal, as the registry of devices keeps it."""
    return hashlib.sha256(certificate_der).hexdigest()


def _apply_profile(context: ssl.SSLContext, alpn: Sequence[str]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_CIPHERS)
    if alpn:
        context.set_alpn_protocols(list(alpn))


def _trust(context: ssl.SSLContext, ca_pem: str | None, extra: Sequence[str]) -> None:
    if extra:
        # A device may be enrolled with the hospital's own certificate: that one alone is
        # trusted, not whoever signed it. Such certificates come from authorities of every age,
        # so that they are not held to the letter of RFC 5280, as ours are.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    trusted = "\n".join([*([] if ca_pem is None else [ca_pem]), *extra])
    try:
        context.load_verify_locations(cadata=trusted)
    except ssl.SSLError as error:
        raise SettingsError(
            f"a trusted certificate cannot be read ({error.reason}). Enrol its device anew"
        ) from error


def _load_pair(context: ssl.SSLContext, pair: CertificatePair) -> None:
    try:
        with (
            _in_memory(pair.certificate_chain_pem) as chain,
            _in_memory(pair.private_key_pem) as key,
        ):
            context.load_cert_chain(chain, key)
    except ssl.SSLError as error:
        raise SettingsError(
            f"a TLS certificate or its private key cannot be used ({error.reason}). "
            "Restore the folder `keys` of the data directory from a backup"
        ) from error


@contextmanager
def _in_memory(pem: str) -> Iterator[str]:
    """A path that OpenSSL can read a text from, without a file on any disk."""
    descriptor = os.memfd_create("raykeep-pem")
    try:
        left = memoryview(pem.encode())
        while left:
            left = left[os.write(descriptor, left) :]
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
