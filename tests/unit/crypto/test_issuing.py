"""The private authority: what OpenSSL, by command and in memory, says of its certificates."""

import shutil
import socket
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from raykeep.crypto.certificates import certificate_facts, parse_peer
from raykeep.crypto.issuing import (
    CertifiedKey,
    ServerKeyKind,
    issue_device,
    issue_server,
    make_issuing,
    make_root,
)
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = make_root("a1b2c3", NOW)
ISSUING = make_issuing(ROOT, "a1b2c3", NOW)
HOSTS = {"dns_names": ["pacs.example", "PACS"], "addresses": [ip_address("10.1.2.3")]}
RSA = issue_server(ISSUING, ServerKeyKind.RSA, now=NOW, **HOSTS)
P256 = issue_server(ISSUING, ServerKeyKind.P256, now=NOW, **HOSTS)
DEVICE = issue_device(ISSUING, AETitle("CT 01"), now=NOW, days=365)
LEAVES = {"rsa": RSA, "p256": P256, "device": DEVICE}


def loaded(made: CertifiedKey) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.certificate_pem.encode())


def extension(made: CertifiedKey, kind):
    return loaded(made).extensions.get_extension_for_class(kind)


# --- what stands in them -----------------------------------------------------------------------


def test_the_root_is_good_for_ten_years_and_one_authority_below() -> None:
    constraints = extension(ROOT, x509.BasicConstraints)
    facts = certificate_facts(ROOT.certificate_pem)

    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (
        True,
        True,
        1,
    )
    assert facts.key == "secp384r1"
    assert facts.not_after - facts.not_before == timedelta(days=3653)


def test_the_issuing_authority_is_good_for_two_years_and_leaves_alone() -> None:
    constraints = extension(ISSUING, x509.BasicConstraints)
    facts = certificate_facts(ISSUING.certificate_pem)

    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (
        True,
        True,
        0,
    )
    assert facts.issuer == certificate_facts(ROOT.certificate_pem).subject
    assert facts.not_after - facts.not_before == timedelta(days=730)


def test_authorities_sign_and_leaves_do_not() -> None:
    for made in (ROOT, ISSUING):
        usage = extension(made, x509.KeyUsage)
        assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (
            True,
            True,
            False,
        )
    for made in LEAVES.values():
        usage = extension(made, x509.KeyUsage)
        assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (
            True,
            False,
            True,
        )
        assert extension(made, x509.BasicConstraints).value.ca is False


def test_a_server_has_its_names_and_always_those_of_the_loopback() -> None:
    facts = certificate_facts(RSA.certificate_pem)

    assert facts.names == ("pacs.example", "pacs", "localhost", "10.1.2.3", "127.0.0.1", "::1")
    assert facts.subject == "CN=pacs.example,O=Raykeep"


def test_a_server_without_names_is_the_local_host() -> None:
    made = issue_server(ISSUING, ServerKeyKind.P256, now=NOW)

    assert certificate_facts(made.certificate_pem).names == ("localhost", "127.0.0.1", "::1")


def test_a_name_too_long_for_the_subject_stands_beside_it_alone() -> None:
    long = "a" * 40 + "." + "b" * 40 + ".example"

    made = issue_server(ISSUING, ServerKeyKind.P256, now=NOW, dns_names=[long])

    facts = certificate_facts(made.certificate_pem)
    assert facts.subject == "CN=localhost,O=Raykeep"
    assert facts.names[0] == long


def test_servers_have_the_two_keys_that_were_promised() -> None:
    assert certificate_facts(RSA.certificate_pem).key == "RSA 3072"
    assert certificate_facts(P256.certificate_pem).key == "secp256r1"


def test_a_server_certificate_lasts_ninety_days_and_no_longer() -> None:
    facts = certificate_facts(RSA.certificate_pem)

    assert facts.not_after - facts.not_before == timedelta(days=90)
    assert facts.not_before < NOW
    for days in (0, 91):
        with pytest.raises(InvalidInput, match="1 to 90 days"):
            issue_server(ISSUING, ServerKeyKind.P256, now=NOW, days=days)


def test_a_device_is_named_by_its_title() -> None:
    der = ssl.PEM_cert_to_DER_cert(DEVICE.certificate_pem)
    peer = parse_peer(der)

    assert certificate_facts(DEVICE.certificate_pem).names == ("urn:raykeep:aet:CT%2001",)
    assert peer.ae_titles == (AETitle("CT 01"),)
    assert peer.subject == "CN=CT 01,O=Raykeep"


def test_every_title_comes_back_from_its_certificate() -> None:
    for title in ("A", "CT_1-2.3", "a b c", "100%", "#?&/:+", "SIXTEEN LETTERS!"):
        made = issue_device(ISSUING, AETitle(title), now=NOW, days=1)
        peer = parse_peer(ssl.PEM_cert_to_DER_cert(made.certificate_pem))
        assert peer.ae_titles == (AETitle(title),)


def test_leaves_are_for_servers_and_clients() -> None:
    for made in LEAVES.values():
        assert set(extension(made, x509.ExtendedKeyUsage).value) == {
            ExtendedKeyUsageOID.SERVER_AUTH,
            ExtendedKeyUsageOID.CLIENT_AUTH,
        }


def test_a_device_with_a_request_keeps_its_key_and_none_of_its_words() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    words = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pacs.example")])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(words)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    text = request.public_bytes(Encoding.PEM).decode()

    made = issue_device(ISSUING, AETitle("CT01"), now=NOW, days=30, csr_pem=text)

    assert made.private_key_pem == ""
    assert loaded(made).public_key() == key.public_key()
    assert certificate_facts(made.certificate_pem).subject == "CN=CT01,O=Raykeep"
    assert extension(made, x509.BasicConstraints).value.ca is False


@pytest.mark.parametrize("days", [0, -1, 731])
def test_a_device_certificate_lasts_two_years_at_most(days: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 730 days"):
        issue_device(ISSUING, AETitle("CT01"), now=NOW, days=days)


def test_nothing_outlasts_its_issuer() -> None:
    late = NOW + timedelta(days=700)

    device = issue_device(ISSUING, AETitle("CT01"), now=late, days=365)
    issuing = make_issuing(ROOT, "a1b2c3", NOW + timedelta(days=3600))

    end = certificate_facts(ISSUING.certificate_pem).not_after
    assert certificate_facts(device.certificate_pem).not_after == end
    end = certificate_facts(ROOT.certificate_pem).not_after
    assert certificate_facts(issuing.certificate_pem).not_after == end


def test_an_authority_that_has_ended_signs_nothing() -> None:
    with pytest.raises(InvalidInput, match="has ended"):
        issue_device(ISSUING, AETitle("CT01"), now=NOW + timedelta(days=731), days=1)


@pytest.mark.parametrize(
    "name", ["", "two words", "*.example", "-a.example", "a..example", "é.example", "a" * 64, "a/b"]
)
def test_what_is_no_dns_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="not a DNS name"):
        issue_server(ISSUING, ServerKeyKind.P256, now=NOW, dns_names=[name])


def test_a_leaf_cannot_sign() -> None:
    with pytest.raises(TypeError, match="authority"):
        issue_device(RSA, AETitle("CT01"), now=NOW, days=1)


def test_the_key_does_not_show_in_a_repr() -> None:
    assert "PRIVATE" not in repr(RSA)


@pytest.mark.parametrize("made", [*LEAVES.values(), ISSUING])
def test_one_text_holds_key_and_chain(made: CertifiedKey) -> None:
    assert CertifiedKey.parse(made.pem()) == made
    assert made.chain_pem.startswith(made.certificate_pem)


# --- what OpenSSL says -------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "root.pem").write_text(ROOT.certificate_pem)
    (tmp_path / "issuing.pem").write_text(ISSUING.certificate_pem)
    for name, made in LEAVES.items():
        (tmp_path / f"{name}.pem").write_text(made.pem())
        (tmp_path / f"{name}.crt").write_text(made.certificate_pem)
    return tmp_path


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
@pytest.mark.parametrize("leaf", LEAVES)
def test_the_openssl_command_accepts_the_chain_by_strict_rules(
    folder: Path, leaf: str, purpose: str
) -> None:
    command = ["openssl", "verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose]
    chain = ["-CAfile", folder / "root.pem", "-untrusted", folder / "issuing.pem"]

    done = subprocess.run(
        [*command, *chain, folder / f"{leaf}.crt"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> tuple[bytes, str]:
    """Let two ends talk in memory; gives the client's certificate (DER) and the TLS version."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = server.wrap_bio(to_server, to_client, server_side=True)
    outer = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [outer, inner]
    for _ in range(20):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    assert not waiting
    return inner.getpeercert(binary_form=True), outer.version()


def strict_client(folder: Path) -> ssl.SSLContext:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_verify_locations(folder / "root.pem")
    client.load_cert_chain(folder / "device.pem")
    return client


def strict_server(folder: Path, leaf: str) -> ssl.SSLContext:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    server.load_verify_locations(folder / "root.pem")
    server.load_cert_chain(folder / leaf)
    return server


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("leaf", ["rsa.pem", "p256.pem"])
@pytest.mark.parametrize("name", ["pacs.example", "localhost", "127.0.0.1", "::1", "10.1.2.3"])
def test_both_ends_that_trust_the_root_alone_shake_hands(
    folder: Path, leaf: str, name: str, version: ssl.TLSVersion
) -> None:
    client = strict_client(folder)
    client.maximum_version = client.minimum_version = version

    certificate, _ = shake_hands(strict_server(folder, leaf), client, name)

    assert parse_peer(certificate).ae_titles == (AETitle("CT 01"),)


def test_a_server_that_shows_its_certificate_alone_is_not_believed(folder: Path) -> None:
    (folder / "alone.pem").write_text(P256.private_key_pem + P256.certificate_pem)

    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(strict_server(folder, "alone.pem"), strict_client(folder), "localhost")


def test_a_server_of_another_name_is_not_believed(folder: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(strict_server(folder, "rsa.pem"), strict_client(folder), "other.example")


def test_a_device_cannot_pass_for_a_server(folder: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(strict_server(folder, "device.pem"), strict_client(folder), "localhost")


def test_a_device_of_another_archive_is_not_let_in(folder: Path) -> None:
    other = make_issuing(make_root("other", NOW), "other", NOW)
    stranger = issue_device(other, AETitle("CT 01"), now=NOW, days=1)
    (folder / "device.pem").write_text(stranger.pem())

    with pytest.raises(ssl.SSLError):
        shake_hands(strict_server(folder, "rsa.pem"), strict_client(folder), "localhost")


def test_the_machines_own_name_can_be_certified() -> None:
    name = socket.gethostname()

    made = issue_server(ISSUING, ServerKeyKind.P256, now=NOW, dns_names=[name])

    assert certificate_facts(made.certificate_pem).names[0] == name.lower()
