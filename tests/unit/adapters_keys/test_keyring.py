"""The keyring: what it keeps, what it notices, and what a crash leaves."""

import json
import os
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raykeep.adapters.keys.keyring import KeyRing
from raykeep.domain.errors import AlreadyExists, KeyUnavailable
from raykeep.domain.facility import FacilityName
from tests.fakes.keys import FixedRoot, SettableClock, new_keyring

MAIN, NORTH = FacilityName("main"), FacilityName("north")


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return new_keyring(tmp_path)


def opened(ring: KeyRing, root: FixedRoot | None = None) -> KeyRing:
    """The same keyring as another process opens it."""
    return KeyRing(ring.path, root or FixedRoot(), SettableClock())


def test_a_secret_comes_back_in_this_process_and_the_next(ring: KeyRing) -> None:
    ring.put("database", b"secret")

    assert ring.get("database") == b"secret"
    assert opened(ring).get("database") == b"secret"
    assert ring.names() == ["database"]
    assert ring.has("database")


def test_what_another_process_puts_is_seen(ring: KeyRing) -> None:
    other = opened(ring)
    other.put("database", b"first")
    assert ring.get("database") == b"first"

    other.put("database", b"second")
    assert ring.get("database") == b"second"


def test_a_deleted_secret_is_gone(ring: KeyRing) -> None:
    ring.put("database", b"secret")
    ring.put("pseudonym", b"other")
    ring.delete("database")
    ring.delete("database")

    assert opened(ring).names() == ["pseudonym"]
    with pytest.raises(KeyUnavailable, match="no secret database"):
        ring.get("database")


def test_a_secret_that_is_there_is_not_made_again(ring: KeyRing) -> None:
    assert ring.ensure("database", lambda: b"first") == b"first"
    assert ring.ensure("database", lambda: b"second") == b"first"


def test_two_that_make_a_secret_at_once_get_the_same(ring: KeyRing) -> None:
    other, found = opened(ring), []
    second = threading.Thread(
        target=lambda: found.append(other.ensure("database", lambda: b"second"))
    )

    def make() -> bytes:
        second.start()  # it finds no secret yet, and has to wait for this one
        return b"first"

    assert ring.ensure("database", make) == b"first"
    second.join()
    assert found == [b"first"]


@pytest.mark.parametrize("name", ["", "Database", "a//b", "../x", "a/b/c/d", "a b", "x" * 65])
def test_odd_names_are_refused(ring: KeyRing, name: str) -> None:
    with pytest.raises(ValueError, match="not for the keyring"):
        ring.put(name, b"secret")


def test_what_is_too_big_is_refused(ring: KeyRing) -> None:
    with pytest.raises(ValueError, match="65537 bytes"):
        ring.put("database", bytes(65_537))


# Each example writes and syncs several files.
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z0-9]{1,5}){0,2}", fullmatch=True), st.binary())
)
def test_all_that_is_put_comes_back(tmp_path_factory, secrets: dict[str, bytes]) -> None:
    ring = new_keyring(tmp_path_factory.mktemp("ring"))
    for name, secret in secrets.items():
        ring.put(name, secret)

    assert {name: ring.get(name) for name in opened(ring).names()} == secrets


# --- the file ----------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(ring: KeyRing) -> None:
    before = os.umask(0)
    try:
        ring.put("database", b"secret")
    finally:
        os.umask(before)

    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ring.path.parent.stat().st_mode) == 0o700


def test_no_secret_stands_in_the_file(ring: KeyRing) -> None:
    ring.put("database", b"a very secret secret")

    assert b"a very secret" not in ring.path.read_bytes()
    assert FixedRoot().key not in ring.path.read_bytes()


def test_what_a_crash_left_unfinished_is_in_nobodys_way(ring: KeyRing) -> None:
    beside = ring.path.with_name(".keyring.json.new")
    beside.write_bytes(b"half")
    ring.put("database", b"secret")

    assert opened(ring).get("database") == b"secret"
    assert not beside.exists()


def test_a_write_that_fails_leaves_the_old_file(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.put("database", b"secret")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeyUnavailable, match="No space left"):
            ring.put("database", b"other")

    assert ring.get("database") == opened(ring).get("database") == b"secret"


def test_a_first_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeyUnavailable, match="No space left"):
            new_keyring(tmp_path)

    assert new_keyring(tmp_path).names() == []


def test_a_second_keyring_is_not_made_over_the_first(ring: KeyRing, tmp_path: Path) -> None:
    ring.put("database", b"secret")

    with pytest.raises(AlreadyExists):
        new_keyring(tmp_path)

    assert ring.get("database") == b"secret"


def test_a_keyring_that_vanishes_is_told(ring: KeyRing) -> None:
    ring.path.unlink()

    with pytest.raises(KeyUnavailable, match="is gone"):
        ring.get("database")
    with pytest.raises(KeyUnavailable, match="cannot read"):
        opened(ring)


def test_writers_in_many_threads_lose_no_secret(ring: KeyRing) -> None:
    other = opened(ring)

    def write(writer: KeyRing, first: int) -> None:
        for number in range(first, first + 10):
            writer.put(f"n{number}", b"%d" % number)

    threads = [
        threading.Thread(target=write, args=(ring if n % 2 else other, n * 10)) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {ring.get(f"n{number}") for number in range(40)} == {b"%d" % n for n in range(40)}


# --- wrong and damaged -------------------------------------------------------------------------


def test_another_root_key_is_told_apart_from_damage(ring: KeyRing) -> None:
    wrong = FixedRoot(bytes(32))

    with pytest.raises(KeyUnavailable, match=f"under root key {ring.root_key_id}, but") as caught:
        opened(ring, wrong)

    assert "damaged" not in str(caught.value)


def test_the_id_of_the_root_key_does_not_give_it_away(ring: KeyRing) -> None:
    assert len(ring.root_key_id) == 16
    assert bytes.fromhex(ring.root_key_id) not in FixedRoot().key
    assert ring.archive_id == "a1b2c3"
    assert ring.provider == "fixed"


def tamper(ring: KeyRing, change) -> None:
    content = json.loads(ring.path.read_text())
    change(content)
    ring.path.write_text(json.dumps(content))


def drop(content) -> None:
    del content["secrets"]["database"]


def swap(content) -> None:
    secrets = content["secrets"]
    secrets["database"], secrets["pseudonym"] = secrets["pseudonym"], secrets["database"]


def copy(content) -> None:
    content["secrets"]["facility/main/1"] = content["secrets"]["database"]


def rename_archive(content) -> None:
    content["archive_id"] = "other"


def reset_version(content) -> None:
    content["secrets"]["database"]["version"] = 7


def change_ciphertext(content) -> None:
    sealed = content["secrets"]["database"]["sealed"]
    content["secrets"]["database"]["sealed"] = ("A" if sealed[0] != "A" else "B") + sealed[1:]


def change_format(content) -> None:
    content["format"] = "raykeep-keyring-2"


def add_field(content) -> None:
    content["comment"] = "hello"


@pytest.mark.parametrize(
    "change",
    [
        drop,
        swap,
        copy,
        rename_archive,
        reset_version,
        change_ciphertext,
        change_format,
        add_field,
    ],
)
def test_any_change_by_hand_is_damage(ring: KeyRing, change) -> None:
    ring.put("database", b"secret")
    ring.put("pseudonym", b"other")
    tamper(ring, change)

    with pytest.raises(KeyUnavailable, match="damaged"):
        opened(ring)
    with pytest.raises(KeyUnavailable, match="damaged"):
        ring.get("database")


def test_an_older_version_of_one_secret_cannot_be_put_back(ring: KeyRing) -> None:
    ring.put("database", b"first")
    old = json.loads(ring.path.read_text())["secrets"]["database"]
    ring.put("database", b"second")
    tamper(ring, lambda content: content["secrets"].update(database=old))

    with pytest.raises(KeyUnavailable, match="damaged"):
        opened(ring)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"{}", bytes(20_000_000)])
def test_what_is_no_keyring_is_refused(ring: KeyRing, raw: bytes) -> None:
    ring.path.write_bytes(raw)

    with pytest.raises(KeyUnavailable):
        opened(ring)


# --- facility keys -----------------------------------------------------------------------------


def test_a_facility_gets_one_key_however_often_it_is_asked_for(ring: KeyRing) -> None:
    first = ring.create_facility_key(MAIN)
    again = opened(ring).create_facility_key(MAIN)

    assert (first.facility, first.version, first.is_current) == (MAIN, 1, True)
    assert again == first
    assert ring.facility_key(MAIN) == ring.facility_key(MAIN, 1)
    assert len(ring.facility_key(MAIN)[1]) == 32


def test_facilities_have_keys_of_their_own(ring: KeyRing) -> None:
    ring.create_facility_key(MAIN)
    ring.create_facility_key(NORTH)

    assert ring.facility_key(MAIN)[1] != ring.facility_key(NORTH)[1]


def test_names_that_begin_alike_are_not_mixed_up(ring: KeyRing) -> None:
    ring.create_facility_key(FacilityName("main-2"))

    with pytest.raises(KeyUnavailable, match="facility main has no key"):
        ring.facility_key(MAIN)


def test_the_newest_version_is_the_current_one(tmp_path: Path) -> None:
    clock = SettableClock()
    ring = new_keyring(tmp_path, clock)
    ring.create_facility_key(MAIN)
    clock.advance(timedelta(days=1))
    ring.put("facility/main/2", bytes(32))
    ring.put("facility/main/10", b"x" * 32)

    told = [(key.version, key.is_current) for key in ring.facility_keys()]

    assert told == [(1, False), (2, False), (10, True)]
    assert ring.facility_key(MAIN) == (10, b"x" * 32)
    assert ring.facility_key(MAIN, 2) == (2, bytes(32))
    assert ring.facility_keys()[0].created_at == clock.now() - timedelta(days=1)


def test_a_version_that_is_not_here_is_named(ring: KeyRing) -> None:
    ring.create_facility_key(MAIN)

    with pytest.raises(KeyUnavailable, match="facility/main/9"):
        ring.facility_key(MAIN, 9)
