"""Secrets of a new archive, and pseudonyms. What keys must do stands in the contract suite."""

import hmac
from pathlib import Path

from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.local import LocalKeys, prepare_secrets
from raykeep.adapters.keys.names import MAY_HAVE, ProcessRole, is_allowed
from raykeep.crypto.signing import public_key_of
from raykeep.domain.facility import FacilityName
from tests.fakes.keys import new_keyring

MAIN = FacilityName("main")


def prepared(folder: Path) -> KeyRing:
    ring = new_keyring(folder)
    prepare_secrets(ring)
    return ring


def test_a_new_archive_gets_every_secret_once(tmp_path: Path) -> None:
    ring = prepared(tmp_path)
    names = ["audit-public", "audit-signing", "database", "pseudonym", "study-keys"]
    before = {name: ring.get(name) for name in names}

    prepare_secrets(ring)

    assert ring.names() == names
    assert {name: ring.get(name) for name in names} == before
    assert {len(secret) for secret in before.values()} == {32}


def test_the_public_key_is_that_of_the_signing_key(tmp_path: Path) -> None:
    ring = prepared(tmp_path)

    assert ring.get("audit-public") == public_key_of(ring.get("audit-signing"))


def test_a_pseudonym_is_a_keyed_hash_of_facility_and_text(tmp_path: Path) -> None:
    ring = prepared(tmp_path)

    pseudonym = LocalKeys(ring).pseudonym(MAIN, "P1")

    expected = hmac.digest(ring.get("pseudonym"), b"main\0P1", "sha256").hex()[:32]
    assert pseudonym == expected


def test_two_archives_give_different_pseudonyms(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (LocalKeys(prepared(tmp_path / name)) for name in "ab")

    assert first.pseudonym(MAIN, "P1") != second.pseudonym(MAIN, "P1")


def test_no_process_may_have_an_authoritys_key_and_the_sealer_alone_may_sign() -> None:
    for role, allowed in MAY_HAVE.items():
        assert not is_allowed("ca/root", allowed)
        assert not is_allowed("ca/issuing", allowed)
        assert is_allowed("audit-signing", allowed) == (role is ProcessRole.SEALER)
        assert is_allowed("facility/main/1", allowed) == (role is not ProcessRole.SEALER)
        assert is_allowed("tls/rsa", allowed) == (role in {ProcessRole.DIMSE, ProcessRole.WEB})


def test_a_star_covers_names_below_and_nothing_else() -> None:
    allowed = frozenset({"tls/*", "database"})

    assert is_allowed("tls/rsa", allowed)
    assert not is_allowed("tls", allowed)
    assert not is_allowed("tlsx/rsa", allowed)
    assert not is_allowed("database/x", allowed)
