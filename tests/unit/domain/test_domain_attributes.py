"""The table of indexed attributes agrees with the data dictionary and with itself."""

import keyword

import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, keyword_for_tag

from raykeep.domain.attributes import (
    ATTRIBUTES,
    BY_KEYWORD,
    BY_TAG,
    UNIQUE_KEY,
    Attribute,
    Level,
    of_level,
)

EVERY = [*ATTRIBUTES, *(item for a in ATTRIBUTES for item in a.items)]


@pytest.mark.parametrize("attribute", EVERY, ids=lambda a: a.keyword)
def test_tag_keyword_and_vr_are_those_of_the_data_dictionary(attribute):
    assert dictionary_has_tag(attribute.tag)
    assert keyword_for_tag(attribute.tag) == attribute.keyword
    assert attribute.vr in dictionary_VR(attribute.tag).split(" or ")


@pytest.mark.parametrize("attribute", EVERY, ids=lambda a: a.keyword)
def test_more_than_one_value_may_stand_where_the_dictionary_says_so(attribute):
    if not attribute.derived and attribute.vr != "SQ":
        assert attribute.multiple == (dictionary_VM(attribute.tag) != "1")


def test_every_attribute_is_found_by_its_tag_and_by_its_keyword():
    assert len(BY_TAG) == len(BY_KEYWORD) == len(ATTRIBUTES)
    for attribute in ATTRIBUTES:
        assert BY_TAG[attribute.tag] is BY_KEYWORD[attribute.keyword] is attribute


def test_columns_are_plain_names_that_differ():
    columns = [a.column for a in ATTRIBUTES]

    assert len(set(columns)) == len(columns)
    for column in columns:
        assert column.isidentifier()
        assert column == column.lower()
        assert not keyword.iskeyword(column)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("StudyInstanceUID", "study_instance_uid"),
        ("OtherPatientIDs", "other_patient_ids"),
        ("TimezoneOffsetFromUTC", "timezone_offset_from_utc"),
        ("SOPClassesInStudy", "sop_classes_in_study"),
        ("IssuerOfPatientID", "issuer_of_patient_id"),
    ],
)
def test_a_column_is_its_keyword_in_small_letters(name, column):
    assert BY_KEYWORD[name].column == column


def test_levels_lie_below_one_another():
    assert [level.depth for level in Level] == [0, 1, 2, 3]
    assert [UNIQUE_KEY[level].level for level in Level] == list(Level)


def test_of_a_level_are_its_own_attributes_and_stored_are_those_that_instances_bring():
    for level in Level:
        every, stored = of_level(level), of_level(level, stored=True)
        assert {a.level for a in every} == {level}
        assert set(stored) <= set(every)
        assert not any(a.derived or a.items for a in stored)
    assert sum(len(of_level(level)) for level in Level) == len(ATTRIBUTES)


def test_only_sequences_have_items():
    for attribute in ATTRIBUTES:
        assert bool(attribute.items) == (attribute.vr == "SQ")
        assert all(isinstance(item, Attribute) and not item.items for item in attribute.items)
