"""Facilities: added with a key of their own, listed and shown."""

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.errors import (
    AccessDenied,
    AlreadyExists,
    FacilityNotFound,
    InvalidInput,
    StorageUnavailable,
)
from raykeep.domain.facility import FacilityName
from raykeep.services.tenants import MAX_TITLE, add_facility, list_facilities, show_facility
from tests.fakes.archive import FACILITY, OPERATOR
from tests.services.stored import actor


def add(archive, name, title="", who=OPERATOR):
    return add_facility(archive.enforcer, who, FacilityName(name), title, archive.clock)


def last(archive):
    return archive.records()[-1]


def keys_of(archive, name):
    return [k for k in archive.stores.vault.describe_keys() if k.facility == name]


def test_a_facility_has_a_key_before_it_has_a_row(shared):
    made = add(shared, "north", "Hospital North")

    assert shared.stores.registry.facility(made.name) == made
    assert [key.version for key in keys_of(shared, "north")] == [1]
    record = last(shared)
    assert (record.action, record.outcome) == (Action.FACILITY_ADD, Outcome.SUCCESS)
    assert (record.event, record.facility) == (EventID.SECURITY_ALERT, "north")
    assert record.details == {"key_version": 1}


def test_a_facility_without_a_title_goes_by_its_name(shared):
    assert add(shared, "south").title == "south"


def test_a_name_is_given_once(shared):
    with pytest.raises(AlreadyExists, match="facility 'main' is there already"):
        add(shared, "main")

    assert last(shared).outcome is Outcome.FAILED


@pytest.mark.parametrize("title", ["a\nb", "\x1b[2J", "a" * (MAX_TITLE + 1)])
def test_a_title_is_short_and_printable(shared, title):
    with pytest.raises(InvalidInput, match="up to 64 printable characters"):
        add(shared, "never", title)

    assert shared.stores.registry.facility(FacilityName("never")) is None


def test_a_facility_whose_row_failed_can_be_added_again_with_the_key_that_it_has(
    shared, monkeypatch
):
    def broken(_):
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(shared.stores.unit_of_work, "commit", broken)
        with pytest.raises(StorageUnavailable):
            add(shared, "east")
    (key,) = keys_of(shared, "east")

    add(shared, "east")

    assert keys_of(shared, "east") == [key]


def test_only_the_operator_adds_facilities(shared):
    for role in (Role.ADMINISTRATOR, Role.SECURITY_OFFICER):
        with pytest.raises(AccessDenied):
            add(shared, "never", who=actor(role))

    assert keys_of(shared, "never") == []


def test_facilities_are_listed_by_name(shared):
    add(shared, "zulu")
    add(shared, "alpha")

    names = [facility.name for facility in list_facilities(shared.enforcer, OPERATOR)]

    assert names == sorted(names)
    assert {"alpha", FACILITY, "zulu"} <= set(names)
    assert (last(shared).action, last(shared).count) == (Action.FACILITY_READ, len(names))


def test_a_facility_is_shown_or_not_there(shared):
    assert show_facility(shared.enforcer, OPERATOR, FACILITY).title == "Main"
    assert (last(shared).facility, last(shared).count) == (FACILITY, 1)
    with pytest.raises(FacilityNotFound, match="no facility 'nowhere'"):
        show_facility(shared.enforcer, OPERATOR, FacilityName("nowhere"))
