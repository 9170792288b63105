"""Names: what people take for the same name folds to the same text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.names import NameGroups, fold, name_groups

texts = st.text(max_size=30) | st.text("aÄßøŁ㎏™ℌΣς ^=*?か゛\u0308", max_size=12)
components = st.text("aBcÄ *?", max_size=5)


@given(text=texts)
def test_what_is_folded_stays_as_it_is(text):
    assert fold(fold(text)) == fold(text)


@given(text=texts)
def test_case_does_not_matter(text):
    assert fold(text.upper().lower()) == fold(text.lower())
    if text.isascii():
        assert fold(text.upper()) == fold(text)


@given(text=texts)
def test_it_does_not_matter_how_unicode_puts_letters_together(text):
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)


@given(
    words=st.lists(st.text("aBÄø", min_size=1, max_size=5), min_size=1),
    gap=st.text(" ", min_size=1),
)
def test_spaces_between_words_count_once(words, gap):
    assert fold(gap.join(words)) == fold(" ".join(words)) == " ".join(map(fold, words))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "MULLER"),
        ("Łukasz", "lukasz"),
        ("Sørensen", "SORENSEN"),
        ("Strauß", "strauss"),
        ("Æon", "aeon"),
        ("İstanbul", "istanbul"),
        ("Nguyễn", "nguyen"),
        (
            "\uff34\uff41\uff4e\uff41\uff4b\uff41",
            "tanaka",
        ),  # full-width, as Japanese consoles write
        ("ΣΊΣΥΦΟΣ", "σισυφος"),
        ("Acme™", "acmetm"),
        ("Ðorđe", "dorde"),
    ],
)
def test_what_people_write_for_one_another_is_the_same(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("か", "が"), ("ハ", "パ"), ("Meier", "Meyer")])
def test_what_are_other_letters_stays_apart(one, other):
    assert fold(one) != fold(other)


@given(family=components, given_=components, empty=st.text("^ ", max_size=4))
def test_components_that_are_empty_at_the_end_say_nothing(family, given_, empty):
    name = f"{family}^{given_}"

    assert name_groups(name + "^" + empty) == name_groups(name)


@given(groups=st.lists(components, min_size=1, max_size=3))
def test_groups_are_told_apart_and_each_is_folded(groups):
    found = name_groups("=".join(groups))

    padded = [*groups, "", ""][:3]
    assert found == NameGroups(*(fold(group).strip() for group in padded))


def test_spaces_round_a_component_say_nothing():
    assert name_groups(" Yamada ^ Tarou = 山田 ^ 太郎 = やまだ ^ たろう ") == NameGroups(
        "yamada^tarou", "山田^太郎", "やまだ^たろう"
    )


def test_what_stands_behind_a_third_group_stays_with_it():
    assert name_groups("a=b=c=d").phonetic == "c=d"
