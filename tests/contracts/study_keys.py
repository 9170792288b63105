"""What every `StudyKeys` promises. Subclasses give `study_keys`."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from raykeep.domain.errors import StorageUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.ports.study_keys import WrappedStudyKey

MAIN, NORTH = FacilityName("main"), FacilityName("north")


def a_key(number: int = 1, facility: FacilityName = MAIN, study: str = "1.2.3", version: int = 1):
    return WrappedStudyKey(f"{number:032x}", facility, study, version, bytes([number % 256]) * 40)


class StudyKeysContract:
    """The promises."""

    def test_an_unknown_study_has_no_key(self, study_keys) -> None:
        assert study_keys.find(MAIN, "1.2.3") is None
        assert study_keys.get("0" * 32) is None
        assert list(study_keys.of_facility(MAIN)) == []
        assert study_keys.count(MAIN) == {}

    def test_a_key_is_found_by_study_and_by_id(self, study_keys) -> None:
        assert study_keys.add(a_key()) == a_key()

        assert study_keys.find(MAIN, "1.2.3") == a_key()
        assert study_keys.get(a_key().study_key_id) == a_key()
        assert study_keys.find(NORTH, "1.2.3") is None

    def test_the_first_key_of_a_study_stays(self, study_keys) -> None:
        study_keys.add(a_key(1))

        assert study_keys.add(a_key(2)) == a_key(1)
        assert study_keys.get(a_key(2).study_key_id) is None

    def test_of_many_at_once_one_wins_and_all_get_it(self, study_keys) -> None:
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(study_keys.add, (a_key(number) for number in range(1, 40))))

        assert len(set(got)) == 1
        assert study_keys.find(MAIN, "1.2.3") == got[0]

    def test_facilities_have_keys_of_their_own(self, study_keys) -> None:
        mine, theirs = a_key(1), a_key(2, NORTH)
        study_keys.add(mine)
        study_keys.add(theirs)

        assert list(study_keys.of_facility(MAIN)) == [mine]
        assert list(study_keys.of_facility(NORTH)) == [theirs]

    def test_keys_are_counted_by_version(self, study_keys) -> None:
        for number in range(5):
            study_keys.add(a_key(number, study=f"1.2.{number}", version=1 + number % 2))

        assert study_keys.count(MAIN) == {1: 3, 2: 2}

    def test_an_id_is_never_used_for_two_studies(self, study_keys) -> None:
        study_keys.add(a_key())

        with pytest.raises(StorageUnavailable):
            study_keys.add(replace(a_key(), study_instance_uid="1.2.4"))

        assert study_keys.find(MAIN, "1.2.4") is None
