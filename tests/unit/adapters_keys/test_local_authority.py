"""The authority over its life: made, renewed in time, and still trusted after."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from raykeep.adapters.keys.authority import LocalAuthority
from raykeep.adapters.keys.keyring import KeyRing
from raykeep.crypto.issuing import CertifiedKey, ServerKeyKind
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput, KeyUnavailable
from tests.fakes.keys import SettableClock, new_keyring

ALL = ["ca/root", "ca/issuing", "tls/rsa", "tls/p256"]
BEGIN = "-----BEGIN CERTIFICATE-----"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def ring(tmp_path: Path, clock: SettableClock) -> KeyRing:
    return new_keyring(tmp_path, clock)


@pytest.fixture
def authority(ring: KeyRing, clock: SettableClock) -> LocalAuthority:
    made = LocalAuthority(ring, clock, "host7")
    assert made.prepare() == ALL
    return made


def test_before_anything_is_made_nothing_is_issued(ring: KeyRing, clock: SettableClock) -> None:
    with pytest.raises(KeyUnavailable, match="no secret ca/root"):
        LocalAuthority(ring, clock).bundle_pem()


def test_what_is_good_is_left_alone(authority: LocalAuthority, clock: SettableClock) -> None:
    clock.advance(timedelta(days=59))

    assert authority.prepare() == []


def test_server_certificates_are_renewed_a_month_before_their_end(
    authority: LocalAuthority, clock: SettableClock
) -> None:
    clock.advance(timedelta(days=61))

    assert authority.prepare() == ["tls/rsa", "tls/p256"]
    assert authority.prepare() == []


def test_server_certificates_can_be_renewed_at_once(authority: LocalAuthority) -> None:
    before = authority.server_certificate(ServerKeyKind.P256)

    assert authority.prepare(renew=True) == ["tls/rsa", "tls/p256"]
    assert authority.server_certificate(ServerKeyKind.P256) != before


def test_new_names_bring_new_server_certificates(authority: LocalAuthority) -> None:
    names = {"dns_names": ["pacs.example."], "addresses": [ip_address("10.1.2.3")]}

    assert authority.prepare(**names) == ["tls/rsa", "tls/p256"]
    assert authority.prepare(**names) == []
    assert set(authority.certificates()["tls/rsa"].names) == {
        "pacs.example", "host7", "localhost", "10.1.2.3", "127.0.0.1", "::1",
    }  # fmt: skip


def test_a_host_whose_name_is_none_is_left_out(ring: KeyRing, clock: SettableClock) -> None:
    authority = LocalAuthority(ring, clock, "not a name!")
    authority.prepare()

    assert set(authority.certificates()["tls/rsa"].names) == {"localhost", "127.0.0.1", "::1"}


def test_this_machines_name_is_found_out(ring: KeyRing, clock: SettableClock) -> None:
    LocalAuthority(ring, clock).prepare()

    assert LocalAuthority(ring, clock).prepare() == []


def test_facts_are_told_of_what_there_is(ring: KeyRing, clock: SettableClock) -> None:
    authority = LocalAuthority(ring, clock, "host7")
    assert authority.certificates() == {}

    authority.prepare()

    facts = authority.certificates()
    assert list(facts) == ALL
    assert facts["tls/rsa"].key == "RSA 3072"
    assert facts["ca/issuing"].subject == "CN=Raykeep issuing a1b2c3,O=Raykeep"


def test_a_device_gets_chain_and_key(authority: LocalAuthority, clock: SettableClock) -> None:
    issued = authority.issue(AETitle("CT01"), days=365)

    assert issued.certificate_pem.count(BEGIN) == 2
    assert issued.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert issued.not_after == clock.now() - timedelta(hours=1) + timedelta(days=365)
    assert len(issued.sha256) == 64


def test_others_need_to_trust_the_root_alone(authority: LocalAuthority) -> None:
    assert authority.bundle_pem().count(BEGIN) == 1
    assert authority.client_ca_pem().count(BEGIN) == 2


def test_the_issuing_authority_is_renewed_while_a_year_fits(
    authority: LocalAuthority, clock: SettableClock
) -> None:
    root = authority.bundle_pem()
    clock.advance(timedelta(days=366))

    assert authority.prepare() == ["ca/issuing", "tls/rsa", "tls/p256"]

    assert authority.bundle_pem() == root
    # Devices of the one before are still let in, until it ends.
    assert authority.client_ca_pem().count(BEGIN) == 3
    issued = authority.issue(AETitle("CT01"), days=365)
    assert issued.not_after - clock.now() > timedelta(days=364)


def test_issuers_that_have_ended_are_no_longer_trusted(
    authority: LocalAuthority, clock: SettableClock
) -> None:
    for _ in range(4):
        clock.advance(timedelta(days=400))
        authority.prepare()

    # The present one, and the one before it: the others have ended.
    assert authority.client_ca_pem().count(BEGIN) == 3


def test_near_the_end_of_the_root_nothing_is_renewed_for_nothing(
    authority: LocalAuthority, clock: SettableClock
) -> None:
    clock.advance(timedelta(days=3500))
    assert authority.prepare() == ["ca/issuing", "tls/rsa", "tls/p256"]

    assert authority.prepare() == []


def test_a_root_whose_key_lies_elsewhere_renews_nothing_and_breaks_nothing(
    authority: LocalAuthority, ring: KeyRing, clock: SettableClock
) -> None:
    ring.put("ca/root", authority.bundle_pem().encode())
    clock.advance(timedelta(days=400))

    assert authority.prepare() == ["tls/rsa", "tls/p256"]
    assert authority.issue(AETitle("CT01"), days=365).not_after < clock.now() + timedelta(days=331)


def test_without_any_issuer_a_root_without_key_is_told(
    authority: LocalAuthority, ring: KeyRing
) -> None:
    ring.put("ca/root", authority.bundle_pem().encode())
    ring.delete("ca/issuing")

    with pytest.raises(KeyUnavailable, match="key of the root"):
        authority.prepare()


def test_server_keys_are_read_back_with_their_chain(authority: LocalAuthority) -> None:
    made = authority.server_certificate(ServerKeyKind.RSA)

    assert made.chain_pem.count(BEGIN) == 2
    assert CertifiedKey.parse(made.pem()) == made


def test_a_secret_that_is_no_certificate_is_told(authority: LocalAuthority, ring: KeyRing) -> None:
    ring.put("tls/rsa", b"nonsense")

    with pytest.raises(KeyUnavailable, match="tls/rsa is not a key with its certificate"):
        authority.server_certificate(ServerKeyKind.RSA)


def test_a_bad_request_is_refused(authority: LocalAuthority) -> None:
    with pytest.raises(InvalidInput, match="not a certificate request"):
        authority.issue(AETitle("CT01"), days=1, csr_pem="nonsense")
