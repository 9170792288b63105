"""The TLS profile, tried in memory: two ends joined by buffers."""

import ssl
from pathlib import Path

import pytest

from raykeep.domain.errors import SettingsError
from raykeep.transport.tls import CertificatePair, client_context, fingerprint, server_context
from tests.fakes.pki import hospital_certificate, pair_of, pki, sha256_of


class Joined:
    """A client and a server that exchange what they write."""

    def __init__(
        self, client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost"
    ) -> None:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(to_client, to_server, server_hostname=name)
        self.server = server.wrap_bio(to_server, to_client, server_side=True)

    def shake_hands(self) -> "Joined":
        waiting = [self.client, self.server]
        for _ in range(10):
            for end in list(waiting):
                try:
                    end.do_handshake()
                    waiting.remove(end)
                except ssl.SSLWantReadError:
                    pass
            if not waiting:
                return self
        raise AssertionError("the handshake did not come to an end")


def listener(**arguments: object) -> ssl.SSLContext:
    return server_context(pki().server_pairs, **{"client_ca_pem": pki().client_ca_pem, **arguments})


def device(title: str = "CT01") -> CertificatePair:
    return pair_of(pki().device(title))


def any_client(**changes: object) -> ssl.SSLContext:
    """A client that does what it likes, and trusts our authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pki().root_pem)
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def test_tls_1_3_is_taken_by_whoever_has_it():
    ends = Joined(client_context(pki().root_pem, device()), listener()).shake_hands()

    assert ends.server.version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("ciphers", "kind"),
    [
        ("ECDHE-RSA-AES256-GCM-SHA384", "RSA"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "EC"),
        ("ECDHE-RSA-CHACHA20-POLY1305", "RSA"),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", "EC"),
    ],
)
def test_a_tls_1_2_client_is_shown_the_certificate_that_it_knows(ciphers: str, kind: str):
    client = client_context(pki().root_pem, device())
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers)

    ends = Joined(client, listener()).shake_hands()

    assert ends.server.version() == "TLSv1.2"
    assert ends.server.cipher()[0] == ciphers
    shown = fingerprint(ends.client.getpeercert(binary_form=True))
    assert shown == sha256_of(pki().servers[0 if kind == "RSA" else 1])


@pytest.mark.parametrize(
    "ciphers",
    [
        "ECDHE-RSA-AES256-SHA384",
        "ECDHE-RSA-AES128-SHA",
        "AES256-GCM-SHA384",
        "DHE-RSA-AES256-GCM-SHA384",
    ],
)
def test_cbc_and_suites_without_elliptic_forward_secrecy_are_refused(ciphers: str):
    client = any_client(maximum_version=ssl.TLSVersion.TLSv1_2)
    client.set_ciphers(ciphers)

    with pytest.raises(ssl.SSLError, match=r"NO_SHARED_CIPHER|HANDSHAKE_FAILURE"):
        Joined(client, server_context(pki().server_pairs)).shake_hands()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_is_refused():
    client = any_client(
        minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1
    )
    client.set_ciphers("ALL:@SECLEVEL=0")

    with pytest.raises(ssl.SSLError, match=r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS"):
        Joined(client, server_context(pki().server_pairs)).shake_hands()


def test_a_client_without_a_certificate_is_refused():
    with pytest.raises(ssl.SSLError, match="DID_NOT_RETURN_A_CERTIFICATE"):
        Joined(any_client(), listener()).shake_hands()


def test_a_certificate_of_another_authority_is_refused():
    stranger = pair_of(pki("other").device("CT01"))

    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        Joined(client_context(pki().root_pem, stranger), listener()).shake_hands()


def test_a_listener_without_client_authority_asks_for_no_certificate():
    ends = Joined(any_client(), server_context(pki().server_pairs)).shake_hands()

    assert ends.server.getpeercert(binary_form=True) is None


def test_a_single_certificate_of_somebody_else_can_be_trusted_by_itself():
    own = hospital_certificate("CT77")
    context = listener(extra_trusted=[own.certificate_pem])

    ends = Joined(client_context(pki().root_pem, pair_of(own)), context).shake_hands()

    assert fingerprint(ends.server.getpeercert(binary_form=True)) == sha256_of(own)


def test_trusting_one_certificate_trusts_no_other_of_its_kind():
    context = listener(extra_trusted=[hospital_certificate("CT77").certificate_pem])
    other = pair_of(hospital_certificate("CT77"))

    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        Joined(client_context(pki().root_pem, other), context).shake_hands()


def test_our_own_devices_are_still_trusted_beside_others():
    context = listener(extra_trusted=[hospital_certificate("CT77").certificate_pem])

    ends = Joined(client_context(pki().root_pem, device()), context).shake_hands()

    assert ends.server.getpeercert(binary_form=True) is not None


def test_a_client_verifies_the_name_of_whom_it_calls():
    ends = Joined(client_context(pki().root_pem, device()), listener(), "elsewhere.example")

    with pytest.raises(ssl.SSLCertVerificationError, match=r"elsewhere\.example"):
        ends.shake_hands()


def test_a_client_verifies_the_chain_of_whom_it_calls():
    with pytest.raises(ssl.SSLCertVerificationError):
        Joined(client_context(pki("other").root_pem, device()), listener()).shake_hands()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_ticket_is_given_out(version: ssl.TLSVersion):
    client = client_context(pki().root_pem, device())
    client.maximum_version = version
    ends = Joined(client, listener()).shake_hands()
    ends.server.write(b"x")
    ends.client.read(1)

    assert ends.client.session is None or not ends.client.session.has_ticket


def test_application_protocols_are_negotiated():
    client = client_context(pki().root_pem, device(), alpn=["http/1.1"])

    ends = Joined(client, listener(alpn=["h2", "http/1.1"])).shake_hands()

    assert ends.server.selected_alpn_protocol() == "http/1.1"


def test_a_private_key_is_never_a_file_and_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch):
    seen = []
    load = ssl.SSLContext.load_cert_chain

    def spy(context: ssl.SSLContext, chain: str, key: str) -> None:
        seen.extend(str(Path(path).readlink()) for path in (chain, key))
        load(context, chain, key)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    before = len(list(Path("/proc/self/fd").iterdir()))

    server_context(pki().server_pairs)

    assert len(seen) == 4
    assert all(path.startswith("/memfd:") for path in seen)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_key_that_does_not_fit_its_certificate_is_told():
    rsa, p256 = pki().servers
    mixed = CertificatePair(rsa.chain_pem, p256.private_key_pem)

    with pytest.raises(SettingsError, match="cannot be used"):
        server_context([mixed])


def test_a_listener_without_a_certificate_does_not_start():
    with pytest.raises(SettingsError, match="needs a certificate"):
        server_context([])


def test_a_trusted_certificate_that_cannot_be_read_is_told():
    with pytest.raises(SettingsError, match="trusted certificate"):
        listener(extra_trusted=["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])


def test_a_pair_does_not_show_its_key():
    assert "PRIVATE" not in repr(pki().server_pairs[0])
