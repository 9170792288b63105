"""Certificates that others bring."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.certificates import (
    certificate_facts,
    check_own_certificate,
    fingerprint,
    parse_peer,
    read_request,
)
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 (weak on purpose: it must be refused)


def name(text: str = "CT01") -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    *extensions: x509.ExtensionType, key=KEY, signed_by=None, hashed=None, subject: str = "CT01"
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name("Hospital"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = signed_by or KEY
    is_eddsa = isinstance(signer, ed25519.Ed25519PrivateKey)
    return builder.sign(signer, None if is_eddsa else hashed or SHA256())


def pem(made: x509.Certificate) -> str:
    return made.public_bytes(Encoding.PEM).decode()


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(Encoding.DER)


def uris(*texts: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(text) for text in texts])


# --- a TLS peer's ------------------------------------------------------------------------------


def test_a_peers_titles_come_from_its_uris() -> None:
    made = certificate(
        uris("urn:raykeep:aet:CT01", "https://ct.example", "URN:Raykeep:AET:MR%2001")
    )

    peer = parse_peer(der(made))

    assert peer.ae_titles == (AETitle("CT01"), AETitle("MR 01"))
    assert peer.sha256 == fingerprint(der(made)) == made.fingerprint(SHA256()).hex()
    assert (peer.not_before, peer.not_after) == (
        NOW - timedelta(days=1),
        NOW + timedelta(days=30),
    )
    assert peer.subject == "CN=CT01"


def test_a_certificate_of_the_hospitals_own_names_no_title() -> None:
    assert parse_peer(der(certificate())).ae_titles == ()
    assert parse_peer(der(certificate(uris("https://ct.example")))).ae_titles == ()


def test_an_ip_address_that_looks_like_a_title_is_none() -> None:
    other = x509.SubjectAlternativeName([x509.DNSName("urn:raykeep:aet:CT01")])

    assert parse_peer(der(certificate(other))).ae_titles == ()


@pytest.mark.parametrize(
    "uri", ["urn:raykeep:aet:", "urn:raykeep:aet:SEVENTEEN-LETTERS", "urn:raykeep:aet:%ff%fe"]
)
def test_what_cannot_be_a_title_makes_the_certificate_unusable(uri: str) -> None:
    with pytest.raises(InvalidInput, match="not an AE title"):
        parse_peer(der(certificate(uris(uri))))


def test_a_peers_subject_is_cut_and_printable() -> None:
    peer = parse_peer(der(certificate(subject="\x1b[31m" + "é" * 25)))

    assert peer.subject.isascii()
    assert peer.subject.isprintable()
    assert len(peer.subject) <= 202


@given(st.binary(max_size=400))
def test_bytes_that_are_no_certificate_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_peer(raw)


WHOLE = der(certificate(uris("urn:raykeep:aet:CT01")))
places = st.integers(0, len(WHOLE) - 1)


# Odd serial numbers and the like are read with a warning; a hospital's own may have them.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.dictionaries(places, st.integers(0, 255), min_size=1, max_size=4))
def test_a_changed_certificate_is_read_or_refused_and_nothing_else(changes) -> None:
    raw = bytearray(WHOLE)
    for place, value in changes.items():
        raw[place] = value
    encoded = base64.encodebytes(raw).decode()
    text = f"-----BEGIN CERTIFICATE-----\n{encoded}-----END CERTIFICATE-----\n"

    with contextlib.suppress(InvalidInput):
        assert parse_peer(bytes(raw)).sha256 == fingerprint(bytes(raw))
    with contextlib.suppress(InvalidInput):
        assert certificate_facts(text).sha256 == fingerprint(bytes(raw))
    with contextlib.suppress(InvalidInput):
        check_own_certificate(text, NOW)


def test_a_certificate_that_is_too_long_is_not_even_read() -> None:
    with pytest.raises(InvalidInput):
        parse_peer(b"0" * 65_537)
    with pytest.raises(InvalidInput):
        certificate_facts("x" * 65_537)


# --- facts -------------------------------------------------------------------------------------


def test_facts_are_of_the_first_certificate_of_a_text() -> None:
    first = certificate(uris("urn:raykeep:aet:CT01"))
    second = certificate(subject="other")

    facts = certificate_facts(pem(first) + pem(second))

    assert facts.subject == "CN=CT01"
    assert facts.issuer == "CN=Hospital"
    assert facts.names == ("urn:raykeep:aet:CT01",)
    assert facts.sha256 == first.fingerprint(SHA256()).hex()
    assert facts.key == "secp256r1"
    assert facts.not_after == NOW + timedelta(days=30)


def test_facts_name_the_key() -> None:
    of_rsa = certificate(key=rsa.generate_private_key(65537, 2048))
    of_edwards = certificate(key=ed25519.Ed25519PrivateKey.generate())

    assert certificate_facts(pem(of_rsa)).key == "RSA 2048"
    assert "ed25519" in certificate_facts(pem(of_edwards)).key.lower()


def test_a_text_without_certificate_has_no_facts() -> None:
    with pytest.raises(InvalidInput, match="not a certificate"):
        certificate_facts("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


# --- the hospital's own device certificates ----------------------------------------------------


def test_a_good_certificate_of_the_hospital_is_taken_alone() -> None:
    leaf = certificate(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))

    own = check_own_certificate(pem(leaf) + pem(certificate(subject="issuer")), NOW)

    assert own.pem == pem(leaf)
    assert own.sha256 == leaf.fingerprint(SHA256()).hex()
    assert own.not_after == NOW + timedelta(days=30)


def test_one_signed_with_an_edwards_key_is_as_good() -> None:
    check_own_certificate(pem(certificate(signed_by=ed25519.Ed25519PrivateKey.generate())), NOW)


@pytest.mark.parametrize(
    ("made", "now", "flaw"),
    [
        (certificate(), NOW + timedelta(days=30), "valid until 2026-04-03"),
        (certificate(), NOW - timedelta(days=2), "valid until"),
        (
            certificate(x509.BasicConstraints(ca=True, path_length=None)),
            NOW,
            "certificate authority",
        ),
        (
            certificate(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
            NOW,
            "not for clients",
        ),
        (certificate(key=WEAK), NOW, "too weak"),
        (certificate(key=ec.generate_private_key(ec.SECP192R1())), NOW, "too weak"),
        (certificate(key=dsa.generate_private_key(2048)), NOW, "too weak"),
    ],
)
def test_a_flawed_certificate_is_refused_with_its_flaw(made, now: datetime, flaw: str) -> None:
    with pytest.raises(InvalidInput, match=flaw):
        check_own_certificate(pem(made), now)


# Made with `openssl req -x509 -sha1`; it says of itself that it is no authority.
SIGNED_WITH_SHA_1 = """\
-----BEGIN CERTIFICATE-----
MIIBaTCCARCgAwIBAgIUPBtOWK0lJkw4fmUvhL2OQYUUE7IwCQYHKoZIzj0EATAO
MQwwCgYDVQQDDANvbGQwHhcNMjYxMTIyMDAzNTE2WhcNNDYxMTE3MDAzNTE2WjAO
MQwwCgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT8DXWHk6Qd
8luKQyb5n9Nn4FRNB/yIQL/mgy4sG1P+pUa0y4Q5pjX5PHGQjIebr6Umpg37Qz46
ZLvRfB13qxZ5o00wSzAdBgNVHQ4EFgQUP0SLk/BNqWIKr0eVcnCQybMFRFkwHwYD
VR0jBBgwFoAUP0SLk/BNqWIKr0eVcnCQybMFRFkwCQYDVR0TBAIwADAJBgcqhkjO
PQQBA0gAMEUCIQDxcJfWWeNdWYjjNpFNHaKR2D307HfubyEcEahCJUKUnQIgEU36
96rK9IL7g/74netO9Kh9ey0xQR6BkBK+NRzoejY=
-----END CERTIFICATE-----
"""


def test_a_signature_with_sha_1_is_refused() -> None:
    with pytest.raises(InvalidInput, match="weaker than SHA-256"):
        check_own_certificate(SIGNED_WITH_SHA_1, datetime(2027, 1, 1, tzinfo=UTC))


def test_a_private_key_beside_the_certificate_is_refused() -> None:
    text = pem(certificate()) + "-----BEGIN PRIVATE KEY-----\n"

    with pytest.raises(InvalidInput, match="holds a private key"):
        check_own_certificate(text, NOW)


def test_an_extension_that_stands_twice_is_refused() -> None:
    twice = der(certificate(uris("urn:raykeep:aet:CT01"), x509.SubjectKeyIdentifier(b"x" * 20)))
    # The identifier of one extension becomes that of the other.
    san, ski = bytes.fromhex("0603551d11"), bytes.fromhex("0603551d0e")
    raw = twice.replace(ski, san)
    text = pem(x509.load_der_x509_certificate(raw))

    with pytest.raises(InvalidInput):
        parse_peer(raw)
    with pytest.raises(InvalidInput):
        check_own_certificate(text, NOW)


# --- requests ----------------------------------------------------------------------------------


def request(key, hashed=None, subject: str = "anything") -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(subject))
    return builder.sign(key, hashed or SHA256()).public_bytes(Encoding.PEM).decode()


def public(key) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_the_key_of_a_good_request_is_taken(key) -> None:
    assert public(read_request(request(key))) == public(key.public_key())


@pytest.mark.parametrize(
    "key",
    [
        WEAK,
        ec.generate_private_key(ec.SECP224R1()),
        ec.generate_private_key(ec.SECP256K1()),
        dsa.generate_private_key(2048),
    ],
)
def test_a_request_with_a_weak_key_is_refused(key) -> None:
    with pytest.raises(InvalidInput, match="too weak"):
        read_request(request(key))


def test_a_request_that_another_key_signed_is_refused() -> None:
    good = x509.load_pem_x509_csr(request(KEY).encode())
    raw = bytearray(good.public_bytes(Encoding.DER))
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public(KEY.public_key())[-64:]
    raw = bytes(raw).replace(point, public(other)[-64:])
    text = x509.load_der_x509_csr(raw).public_bytes(Encoding.PEM).decode()

    with pytest.raises(InvalidInput, match="not signed by its own key"):
        read_request(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 65_537,
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
    ],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="request"):
        read_request(text)
