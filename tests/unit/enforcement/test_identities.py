"""Who is known, cached until something changes."""

from raykeep.domain.ae_title import AETitle
from raykeep.enforcement import identities as module
from raykeep.enforcement.identities import Identities


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
