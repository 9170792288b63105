"""Root keys from passphrases. Cheap parameters, except where the cost itself is looked at."""

from dataclasses import replace

import pytest

from raykeep.crypto.passphrase import (
    ITERATIONS,
    LANES,
    MEMORY_KIB,
    PassphraseParameters,
    choose_passphrase,
    root_key_from,
)
from raykeep.domain.errors import InvalidInput, KeyUnavailable

PHRASE = "correct horse battery staple"
CHEAP = {"memory_kib": 65_536, "iterations": 1, "lanes": 1}


def test_the_same_passphrase_gives_the_same_key() -> None:
    parameters, key = choose_passphrase(PHRASE, **CHEAP)

    assert root_key_from(PHRASE, parameters) == key
    assert len(key) == 32


def test_each_archive_has_its_own_key() -> None:
    (first, one), (second, two) = (choose_passphrase(PHRASE, **CHEAP) for _ in range(2))

    assert first.salt != second.salt
    assert one != two


def test_a_wrong_passphrase_is_told_as_such() -> None:
    parameters, _ = choose_passphrase(PHRASE, **CHEAP)

    for wrong in (PHRASE + " ", "", "x" * 2000, "\ud800"):
        with pytest.raises(KeyUnavailable, match="does not open"):
            root_key_from(wrong, parameters)


def test_the_verifier_does_not_give_the_key_away() -> None:
    parameters, key = choose_passphrase(PHRASE, **CHEAP)

    assert parameters.verifier not in key


def test_letters_typed_in_two_ways_are_the_same() -> None:
    parameters, key = choose_passphrase("\u00e9t\u00e9 after every winter", **CHEAP)

    assert root_key_from("e\u0301te\u0301 after every winter", parameters) == key


@pytest.mark.parametrize("phrase", ["", "eleven char", "x" * 1025])
def test_short_passphrases_are_refused_and_not_repeated(phrase: str) -> None:
    with pytest.raises(InvalidInput, match=f"{len(phrase)} characters") as caught:
        choose_passphrase(phrase, **CHEAP)

    assert not phrase or phrase not in str(caught.value)


def test_twelve_characters_are_enough() -> None:
    parameters, key = choose_passphrase("twelve chars", **CHEAP)

    assert root_key_from("twelve chars", parameters) == key


def test_what_is_chosen_by_default_costs_what_was_promised() -> None:
    parameters, _ = choose_passphrase(PHRASE)

    assert (
        (parameters.memory_kib, parameters.iterations) == (262_144, 3) == (MEMORY_KIB, ITERATIONS)
    )
    assert 1 <= parameters.lanes == LANES <= 4


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 1024},  # too cheap to be ours
        {"memory_kib": 2**32},  # would take the machine
        {"iterations": 0},
        {"iterations": 1000},
        {"lanes": 0},
        {"lanes": 5},
        {"salt": b"short"},
        {"verifier": b""},
    ],
)
def test_damaged_parameters_are_refused_before_they_cost_anything(change) -> None:
    good = PassphraseParameters(bytes(16), bytes(16))

    with pytest.raises(InvalidInput, match="damaged"):
        replace(good, **change)
