"""Study keys: made first, durable first, unwrapped for a short while, and without them nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from raykeep.domain.blobs import BlobKey, Place
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import IntegrityError, KeyUnavailable, StorageUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.vault import CACHE_SECONDS
from tests.unit.vault_parts import (
    NORTH,
    OTHER_STUDY,
    PLACE,
    SOUTH,
    STUDY,
    OpenBlobs,
    Parts,
    no_manifest,
)


@pytest.fixture
def parts() -> Parts:
    return Parts()


class Touched(Exception):
    """The body was asked for a byte."""


def untouched():
    raise Touched
    yield


def test_the_study_key_is_kept_before_the_blob() -> None:
    order = []

    class Noting(OpenBlobs):
        def put(self, key: BlobKey, chunks) -> int:
            order.append("blob")
            return super().put(key, chunks)

    parts = Parts(Noting(Parts().clock))
    parts.study_keys.before_add = lambda: order.append("key")

    parts.vault.put(PLACE, [b"body"], no_manifest)

    assert order == ["key", "blob"]


def test_a_study_has_one_key_and_each_facility_its_own(parts: Parts) -> None:
    places = [PLACE, PLACE, Place(SOUTH, STUDY, 2026), Place(NORTH, OTHER_STUDY, 2026)]

    ids = [parts.vault.put(place, [b"body"], no_manifest).study_key_id for place in places]

    assert ids[0] == ids[1]
    assert len(set(ids)) == len(parts.study_keys.held) == 3
    assert all(len(key.wrapped) == 40 for key in parts.study_keys.held.values())


def test_the_key_of_whoever_was_first_is_used_by_all(parts: Parts) -> None:
    """Two processes see the study for the first time at the same moment."""
    vaults = [parts.another_vault() for _ in range(8)]
    together = Barrier(len(vaults))
    parts.study_keys.before_add = lambda: together.wait(10) and None

    def put(number: int) -> str:
        return vaults[number].put(PLACE, [b"body"], no_manifest).study_key_id

    with ThreadPoolExecutor(len(vaults)) as pool:
        ids = set(pool.map(put, range(len(vaults))))

    assert ids == {parts.study_keys.held[NORTH, STUDY].study_key_id}
    for blob in parts.vault.list_blobs():
        parts.vault.verify(parts.vault.manifest(blob.key)[0])


# --- without a key, nothing --------------------------------------------------------------------


def test_without_a_facility_key_nothing_is_stored_and_no_byte_is_read(parts: Parts) -> None:
    parts.keys.versions.clear()

    with pytest.raises(KeyUnavailable, match="north"):
        parts.vault.put(PLACE, untouched(), no_manifest)

    assert parts.study_keys.held == {}
    assert list(parts.vault.list_blobs()) == []


def test_without_the_key_store_nothing_is_stored_and_no_byte_is_read(parts: Parts) -> None:
    parts.study_keys.fail_with = StorageUnavailable("keys.db is away")

    with pytest.raises(StorageUnavailable, match=r"keys\.db"):
        parts.vault.put(PLACE, untouched(), no_manifest)

    assert list(parts.vault.list_blobs()) == []


def test_without_the_facility_key_of_the_study_nothing_is_stored_or_opened(parts: Parts) -> None:
    sealed = parts.vault.put(PLACE, [b"body"], no_manifest)
    header = parts.vault.seal_header(NORTH, STUDY, sealed.key.object_id, b"header")
    pack = parts.vault.seal_pack(NORTH, STUDY, "json", b"pack")
    parts.keys.versions[NORTH] = [2]  # the one that wraps the study key is gone
    vault = parts.another_vault()

    for use in (
        lambda: vault.put(PLACE, untouched(), no_manifest),
        lambda: vault.open(sealed),
        lambda: vault.open(sealed, ByteRange(0, 1)),
        lambda: vault.verify(sealed),
        lambda: vault.manifest(sealed.key),
        lambda: vault.seal_header(NORTH, STUDY, "ab" * 16, b"header"),
        lambda: vault.open_header(sealed, header),
        lambda: vault.seal_pack(NORTH, STUDY, "json", b"pack"),
        lambda: vault.open_pack(NORTH, STUDY, "json", pack),
    ):
        with pytest.raises(KeyUnavailable, match="version 1 of the key of facility north"):
            use()


def test_what_was_sealed_under_an_older_facility_key_still_opens(parts: Parts) -> None:
    older = parts.vault.put(PLACE, [b"older"], no_manifest)
    parts.keys.versions[NORTH].append(2)
    vault = parts.another_vault()
    newer = vault.put(Place(NORTH, OTHER_STUDY, 2026), [b"newer"], no_manifest)

    assert b"".join(vault.open(older)) == b"older"
    assert b"".join(vault.open(newer)) == b"newer"
    assert parts.study_keys.held[NORTH, OTHER_STUDY].facility_key_version == 2


def test_a_shredded_study_opens_nowhere(parts: Parts) -> None:
    sealed = parts.vault.put(PLACE, [b"body"], no_manifest)
    header = parts.vault.seal_header(NORTH, STUDY, sealed.key.object_id, b"header")
    pack = parts.vault.seal_pack(NORTH, STUDY, "json", b"pack")
    del parts.study_keys.held[NORTH, STUDY]
    parts.vault.forget(NORTH, STUDY)

    for vault in (parts.vault, parts.another_vault()):
        with pytest.raises(KeyUnavailable, match=sealed.study_key_id):
            vault.open(sealed)
        with pytest.raises(KeyUnavailable, match=sealed.study_key_id):
            vault.manifest(sealed.key)
        with pytest.raises(KeyUnavailable, match=sealed.study_key_id):
            vault.open_header(sealed, header)
        with pytest.raises(KeyUnavailable, match="shredded"):
            vault.open_pack(NORTH, STUDY, "json", pack)


def test_a_study_that_is_seen_again_after_it_was_shredded_gets_a_new_key(parts: Parts) -> None:
    before = parts.vault.put(PLACE, [b"body"], no_manifest)
    parts.study_keys.held.clear()
    parts.vault.forget(NORTH)

    after = parts.vault.put(PLACE, [b"body"], no_manifest)

    assert after.study_key_id != before.study_key_id
    with pytest.raises(KeyUnavailable):
        parts.vault.open(before)


def test_a_message_about_a_key_names_no_study(parts: Parts) -> None:
    sealed = parts.vault.put(PLACE, [b"body"], no_manifest)
    parts.study_keys.held.clear()

    with pytest.raises(KeyUnavailable) as caught:
        parts.another_vault().open(sealed)

    assert STUDY not in str(caught.value)


# --- rows that were swapped in the key store ---------------------------------------------------


def test_a_study_key_of_another_facility_is_not_used(parts: Parts) -> None:
    parts.vault.put(Place(SOUTH, STUDY, 2026), [b"body"], no_manifest)
    parts.study_keys.held[NORTH, STUDY] = parts.study_keys.held[SOUTH, STUDY]
    vault = parts.another_vault()

    with pytest.raises(IntegrityError, match="another study or facility"):
        vault.put(PLACE, untouched(), no_manifest)


def test_a_study_key_of_another_study_is_not_used(parts: Parts) -> None:
    parts.vault.put(Place(NORTH, OTHER_STUDY, 2026), [b"body"], no_manifest)
    parts.study_keys.held[NORTH, STUDY] = parts.study_keys.held[NORTH, OTHER_STUDY]

    with pytest.raises(IntegrityError, match="another study or facility"):
        parts.another_vault().put(PLACE, untouched(), no_manifest)


def test_a_ticket_that_names_a_key_of_another_facility_does_not_open(parts: Parts) -> None:
    """Cached or not, a key serves its own facility alone."""
    here = parts.vault.put(PLACE, [b"body"], no_manifest)
    there = parts.vault.put(Place(SOUTH, STUDY, 2026), [b"body"], no_manifest)
    header = parts.vault.seal_header(SOUTH, STUDY, here.key.object_id, b"header")
    wrong = replace(here, study_key_id=there.study_key_id)

    for vault in (parts.vault, parts.another_vault()):
        with pytest.raises(IntegrityError, match="another study or facility"):
            vault.open_header(wrong, header)


def test_a_wrapped_study_key_that_was_changed_does_not_open(parts: Parts) -> None:
    sealed = parts.vault.put(PLACE, [b"body"], no_manifest)
    held = parts.study_keys.held[NORTH, STUDY]
    parts.study_keys.held[NORTH, STUDY] = replace(held, wrapped=bytes(40))

    with pytest.raises(IntegrityError):
        parts.another_vault().open(sealed)


def test_what_may_be_told_of_keys_comes_from_their_keepers(parts: Parts) -> None:
    parts.vault.put(PLACE, [b"body"], no_manifest)

    assert {(info.facility, info.version) for info in parts.vault.describe_keys()} == {
        (NORTH, 1),
        (SOUTH, 1),
    }
    assert parts.vault.count_study_keys(NORTH) == {1: 1}
    assert parts.vault.count_study_keys(SOUTH) == {}


# --- the cache ---------------------------------------------------------------------------------


def test_a_key_is_unwrapped_once_for_many_objects(parts: Parts) -> None:
    sealed = [parts.vault.put(PLACE, [b"body"], no_manifest) for _ in range(5)]
    for one in sealed:
        parts.vault.verify(one)
        parts.vault.seal_header(NORTH, STUDY, one.key.object_id, b"header")

    assert parts.keys.unwrapped == 1
    assert parts.study_keys.looked_up == 1


def test_a_key_that_is_gone_elsewhere_is_forgotten_here_within_five_seconds(parts: Parts) -> None:
    sealed = parts.vault.put(PLACE, [b"body"], no_manifest)
    parts.study_keys.held.clear()

    parts.clock.seconds += CACHE_SECONDS - 0.1
    assert b"".join(parts.vault.open(sealed)) == b"body"
    parts.clock.seconds += 0.2
    with pytest.raises(KeyUnavailable):
        parts.vault.open(sealed)
    assert CACHE_SECONDS < 5


@pytest.mark.parametrize("study", [STUDY, None])
def test_forgetting_ends_the_use_of_a_key_at_once(parts: Parts, study: str | None) -> None:
    sealed = parts.vault.put(PLACE, [b"body"], no_manifest)
    parts.study_keys.held.clear()

    parts.vault.forget(SOUTH, study)
    parts.vault.verify(sealed)
    parts.vault.forget(NORTH, study)

    with pytest.raises(KeyUnavailable):
        parts.vault.verify(sealed)


def test_a_facility_that_is_not_known_has_no_key(parts: Parts) -> None:
    with pytest.raises(KeyUnavailable, match="east"):
        parts.vault.put(Place(FacilityName("east"), STUDY, 2026), untouched(), no_manifest)
