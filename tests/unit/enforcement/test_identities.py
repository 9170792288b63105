"""Who is known, cached until something changes."""

from datetime import timedelta

import pytest

from raykeep.domain.access import Role
from raykeep.domain.ae_title import AETitle
from raykeep.enforcement import identities as module
from raykeep.enforcement.identities import Identities
from raykeep.services.tokens import TokenWish, create_token, revoke_token
from tests.fakes.archive import FACILITY, OPERATOR
from tests.fakes.pki import hospital_certificate


def made_token(archive, name="viewer"):
    wish = TokenWish(name, Role.RADIOLOGIST, frozenset({FACILITY}), timedelta(days=1))
    return create_token(archive.enforcer, OPERATOR, wish, archive.clock)[0]


def test_a_device_is_read_once_until_something_changes(archive, monkeypatch):
    archive.enroll("CT01")
    identities = Identities(archive.stores.registry)
    identities.poll()
    first = identities.device(AETitle("CT01"))
    calls = []
    real = archive.stores.registry.device
    monkeypatch.setattr(
        archive.stores.registry, "device", lambda title: calls.append(title) or real(title)
    )

    assert identities.device(AETitle("CT01")) is first
    assert not calls

    archive.revoke("CT01")
    assert identities.poll()
    assert identities.device(AETitle("CT01")).revoked_at is not None
    assert not identities.poll()


def test_strangers_are_not_cached(archive):
    identities = Identities(archive.stores.registry)
    identities.poll()

    assert identities.device(AETitle("LATER")) is None
    archive.enroll("LATER")

    assert identities.device(AETitle("LATER")) is not None
    assert identities.token("0" * 16) is None


def test_the_caches_stay_small(archive, monkeypatch):
    monkeypatch.setattr(module, "MAX_CACHED", 2)
    identities = Identities(archive.stores.registry)
    identities.poll()

    for title in ("CT01", "CT02", "CT03"):
        archive.enroll(title)
        assert identities.device(AETitle(title)) is not None


def test_a_token_is_read_once_until_something_changes(archive, monkeypatch):
    token = made_token(archive)
    identities = Identities(archive.stores.registry)
    identities.poll()
    first = identities.token(token.token_id)
    calls = []
    real = archive.stores.registry.token
    monkeypatch.setattr(
        archive.stores.registry, "token", lambda one: calls.append(one) or real(one)
    )

    assert identities.token(token.token_id) is first
    assert not calls

    revoke_token(archive.enforcer, OPERATOR, token.token_id, archive.clock)
    assert identities.poll()
    assert identities.token(token.token_id).revoked_at is not None


def test_the_cache_of_tokens_stays_small(archive, monkeypatch):
    monkeypatch.setattr(module, "MAX_CACHED", 2)
    identities = Identities(archive.stores.registry)
    identities.poll()

    for name in ("one", "two", "three"):
        token = made_token(archive, name)
        assert identities.token(token.token_id) is not None


@pytest.mark.parametrize("kind", ["device", "token"])
def test_what_was_read_before_a_change_does_not_outlive_the_forgetting(archive, monkeypatch, kind):
    archive.enroll("CT01")
    token = made_token(archive)
    identities = Identities(archive.stores.registry)
    identities.poll()
    real = getattr(archive.stores.registry, kind)

    def overtaken(name):
        monkeypatch.setattr(archive.stores.registry, kind, real)
        found = real(name)
        archive.revoke("CT01")
        revoke_token(archive.enforcer, OPERATOR, token.token_id, archive.clock)
        identities.poll()
        return found

    name = AETitle("CT01") if kind == "device" else token.token_id
    look = getattr(identities, kind)
    monkeypatch.setattr(archive.stores.registry, kind, overtaken)
    assert look(name).revoked_at is None  # what was true when the question was asked

    assert look(name).revoked_at is not None


def test_the_listener_trusts_own_certificates_of_devices_that_are_not_revoked(archive):
    certificates = [hospital_certificate(name).certificate_pem for name in ("one", "two")]
    archive.enroll("CT01")
    archive.enroll_own("CT02", certificates[0])
    archive.enroll_own("CT03", certificates[1])
    assert sorted(archive.enforcer.identities.trusted_certificates()) == sorted(certificates)

    archive.revoke("CT02")

    assert archive.enforcer.identities.trusted_certificates() == [certificates[1]]
