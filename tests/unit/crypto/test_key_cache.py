"""Unwrapped keys stay in memory for a while, and not too many of them."""

from threading import Thread

from raykeep.crypto.key_cache import KeyCache, StudyKey
from raykeep.domain.facility import FacilityName

NORTH, SOUTH = FacilityName("north"), FacilityName("south")


def key(number: int, facility: FacilityName = NORTH, study: str | None = None) -> StudyKey:
    study = f"1.2.{number}" if study is None else study
    return StudyKey(f"{number:032x}", facility, study, number.to_bytes(32, "big"))


def test_a_key_is_found_by_its_id_and_by_its_study() -> None:
    cache = KeyCache(limit=4, seconds=10)
    cache.add(key(1), 0)

    assert cache.by_id(key(1).study_key_id, 9.9) == key(1)
    assert cache.of_study(NORTH, "1.2.1", 9.9) == key(1)
    assert cache.of_study(SOUTH, "1.2.1", 9.9) is None
    assert cache.by_id(key(2).study_key_id, 0) is None


def test_a_key_is_forgotten_in_time_however_often_it_is_used() -> None:
    cache = KeyCache(limit=4, seconds=10)
    cache.add(key(1), 0)
    for second in range(10):
        assert cache.by_id(key(1).study_key_id, second) is not None

    assert cache.by_id(key(1).study_key_id, 10) is None
    assert cache.of_study(NORTH, "1.2.1", 0) is None


def test_the_key_that_was_not_used_for_longest_makes_room() -> None:
    cache = KeyCache(limit=2, seconds=10)
    cache.add(key(1), 0)
    cache.add(key(2), 0)
    assert cache.of_study(NORTH, "1.2.1", 1) is not None

    cache.add(key(3), 1)

    assert cache.of_study(NORTH, "1.2.2", 1) is None
    assert cache.of_study(NORTH, "1.2.1", 1) == key(1)
    assert cache.by_id(key(3).study_key_id, 1) == key(3)


def test_nothing_of_a_key_stays_behind() -> None:
    cache = KeyCache(limit=3, seconds=10)
    for number in range(50):
        cache.add(key(number), 0)
    assert len(cache) == 3

    assert cache.by_id(key(49).study_key_id, 10) is None
    assert len(cache) == 2
    cache.forget(NORTH)
    assert len(cache) == 0


def test_a_study_and_a_facility_can_be_forgotten_at_once() -> None:
    cache = KeyCache(limit=9, seconds=10)
    for one in (key(1), key(2), key(3, SOUTH)):
        cache.add(one, 0)

    cache.forget(NORTH, "1.2.1")
    assert cache.of_study(NORTH, "1.2.1", 0) is None
    assert cache.of_study(NORTH, "1.2.2", 0) is not None

    cache.forget(NORTH)
    assert cache.by_id(key(2).study_key_id, 0) is None
    assert cache.of_study(SOUTH, "1.2.3", 0) is not None


def test_a_newer_key_of_a_study_is_not_lost_with_the_older() -> None:
    cache = KeyCache(limit=9, seconds=10)
    cache.add(key(1, study="1.2"), 0)
    cache.add(key(2, study="1.2"), 5)

    assert cache.by_id(key(1).study_key_id, 11) is None
    assert cache.of_study(NORTH, "1.2", 11) == key(2, study="1.2")


def test_a_key_added_again_lives_anew() -> None:
    cache = KeyCache(limit=9, seconds=10)
    cache.add(key(1), 0)
    cache.add(key(1), 8)

    assert cache.of_study(NORTH, "1.2.1", 15) == key(1)


def test_the_text_of_a_key_does_not_show_it() -> None:
    assert "\\x" not in repr(key(7))
    assert "key=" not in repr(key(7))


def test_many_threads_share_it() -> None:
    cache = KeyCache(limit=8, seconds=10)

    def work(seed: int) -> None:
        for number in range(500):
            cache.add(key((seed + number) % 20), 0)
            cache.of_study(NORTH, f"1.2.{number % 20}", 0)
            if number % 50 == 0:
                cache.forget(NORTH)

    threads = [Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(cache.of_study(NORTH, f"1.2.{n}", 0) is not None for n in range(20)) <= 8
