"""The law of matching itself: what each condition means, by examples of PS3.4 section C.2.2.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.dicom.matching import condition_for
from raykeep.dicom.matching_law import matches
from raykeep.domain.attributes import BY_KEYWORD
from raykeep.domain.query import Equals, InSequence, IsEmpty, OneOf, Wildcard


def fits(keyword: str, key: str, stored: str, *, fuzzy: bool = False) -> bool:
    attribute = BY_KEYWORD[keyword]
    condition = condition_for(attribute, key, fuzzy=fuzzy)
    return condition is None or matches(condition, {attribute.tag: stored})


@pytest.mark.parametrize(
    ("keyword", "key", "stored", "expected"),
    [
        ("PatientID", "A1", "A1", True),
        ("PatientID", "A1", "a1", False),
        ("PatientID", "A1", "A12", False),
        ("PatientID", "A*", "A12", True),
        ("PatientID", "A?", "A12", False),
        ("PatientID", "A.2", "A12", False),
        ("PatientID", "*1*", "A12", True),
        ("PatientID", "A1", "", False),
        ("PatientID", '""', "", True),
        ("PatientID", '""', "A1", False),
        ("PatientComments", "a*z", "a\nz", True),
        ("OtherPatientIDs", "B", "A\\B", True),
        ("OtherPatientIDs", "A\\B", "A\\B", True),
        ("OtherPatientIDs", "C", "A\\B", False),
        ("ModalitiesInStudy", "CT\\MR", "PR\\MR", True),
        ("PatientName", "doe^jane", "DOE^Jane", True),
        ("PatientName", "Müller", "mueller", False),
        ("PatientName", "Müller", "MULLER", True),
        ("PatientName", "Doe", "Doe^Jane", False),
        ("PatientName", "Doe^", "Doe", True),
        ("PatientName", "Doe*", "Doe^Jane", True),
        ("PatientName", "*jane", "Doe^Jane", True),
        ("PatientName", "山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("PatientName", "=山田*", "Yamada^Tarou=山田^太郎", True),
        ("PatientName", "山田*=", "Yamada^Tarou=山田^太郎", False),
        ("PatientName", "*=山本*", "Yamada^Tarou=山田^太郎", False),
        ("StudyDate", "20260101-20260131", "20260115", True),
        ("StudyDate", "20260101-20260131", "20260101", True),
        ("StudyDate", "20260101-20260131", "20260131", True),
        ("StudyDate", "20260101-20260131", "20260201", False),
        ("StudyDate", "-20260131", "19000101", True),
        ("StudyDate", "20260101-", "", False),
        ("StudyDate", "20260101-", "soon", False),
        ("StudyTime", "10-12", "10", True),
        ("StudyTime", "10-12", "125959.5", True),
        ("StudyTime", "10-12", "13", False),
        ("StudyTime", "1015", "101530.25", True),
        ("StudyTime", "10:15", "101530.25", True),
        ("StudyTime", "101530", "1015", False),
        ("StudyTime", "10-", "noon", False),
        ("StudyInstanceUID", "1.2\\1.3", "1.3", True),
        ("StudyInstanceUID", "1.2", "1.2.3", False),
    ],
)
def test_values_match_as_the_standard_says(
    keyword: str, key: str, stored: str, *, expected: bool
) -> None:
    assert fits(keyword, key, stored) is expected


@pytest.mark.parametrize(
    ("key", "stored", "expected"),
    [
        ("jo do", "Doe^John", True),
        ("doe", "Doe^John", True),
        ("oe", "Doe^John", False),
        ("John, Smith", "Smith^Mary^John", True),
        ("jerome", "Buc^Jérôme", True),
        ("山", "Yamada^Tarou=山田^太郎", True),
    ],
)
def test_fuzzy_words_begin_components(key: str, stored: str, *, expected: bool) -> None:
    assert fits("PatientName", key, stored, fuzzy=True) is expected


def test_one_item_must_satisfy_all_keys_of_a_sequence() -> None:
    sequence = BY_KEYWORD["ProcedureCodeSequence"]
    value, scheme, _ = sequence.items
    condition = InSequence(sequence, (Equals(value, "1"), Equals(scheme, "LN")))

    def found(*items: tuple[str, str]) -> bool:
        rows = tuple({value.tag: v, scheme.tag: s} for v, s in items)
        return matches(condition, {}, {sequence.tag: rows})

    assert found(("2", "DCM"), ("1", "LN"))
    assert not found(("1", "DCM"), ("2", "LN"))
    assert not found()
    assert not matches(condition, {})


def test_an_absent_attribute_is_an_empty_one() -> None:
    patient_id = BY_KEYWORD["PatientID"]

    assert matches(IsEmpty(patient_id), {})
    assert not matches(Equals(patient_id, "A"), {})
    assert not matches(OneOf(patient_id, ("A",)), {})


texts = st.text(st.sampled_from("ab?*.[]\\^$ "), max_size=8)


@given(texts, texts)
def test_wild_cards_are_the_only_signs_with_a_meaning(pattern: str, text: str) -> None:
    attribute = BY_KEYWORD["PatientID"]

    def like(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return like(p[1:], t) or (bool(t) and like(p, t[1:]))
        return bool(t) and p[0] in {"?", t[0]} and like(p[1:], t[1:])

    assert matches(Wildcard(attribute, pattern), {attribute.tag: text}) is (
        bool(text) and like(pattern, text)
    )


@given(st.text(max_size=20))
def test_a_name_matches_itself(name: str) -> None:
    attribute = BY_KEYWORD["PatientName"]
    condition = condition_for(attribute, name) if not set("*?\\") & set(name) else None
    if isinstance(condition, Equals):
        assert matches(condition, {attribute.tag: name.strip(" \0")})
