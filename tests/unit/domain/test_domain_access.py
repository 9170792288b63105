"""Scopes: sets of studies with the laws of sets."""

from dataclasses import replace
from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.access import Action, Role, Scope, ScopeClause, StudyRef, source_of
from raykeep.domain.device import DeviceRight
from raykeep.domain.facility import FacilityName
from tests.unit.policy.strategies import facilities, modality_sets, studies, years

clauses = st.builds(
    ScopeClause,
    facilities=st.none() | st.frozensets(facilities, max_size=2),
    years=st.none() | st.lists(st.tuples(years, years), max_size=2).map(tuple),
    any_modality=st.none() | modality_sets,
    all_modalities=st.none() | modality_sets,
)
scopes = st.builds(
    Scope,
    allowed=st.lists(clauses, max_size=3).map(tuple),
    denied=st.lists(clauses, max_size=2).map(tuple),
)
PARTS = ("facilities", "years", "any_modality", "all_modalities")


def slowly(clause: ScopeClause, study: StudyRef) -> bool:
    """The same set, written down part by part."""
    in_years = clause.years is None or any(
        study.year in range(first, last + 1) for first, last in clause.years
    )
    any_of = clause.any_modality is None or any(m in clause.any_modality for m in study.modalities)
    all_of = clause.all_modalities is None or (
        len(study.modalities) > 0 and all(m in clause.all_modalities for m in study.modalities)
    )
    in_facility = clause.facilities is None or study.facility in clause.facilities
    return in_facility and in_years and any_of and all_of


@given(clause=clauses, study=studies)
def test_a_clause_holds_what_each_of_its_parts_holds(clause, study):
    assert clause.contains(study) == slowly(clause, study)
    alone = [ScopeClause(**{part: getattr(clause, part)}) for part in PARTS]
    assert clause.contains(study) == all(one.contains(study) for one in alone)


@given(study=studies)
def test_an_empty_clause_holds_every_study_and_an_empty_scope_none(study):
    assert ScopeClause().contains(study)
    assert not Scope(()).contains(study)


@given(clause=clauses, study=studies, part=st.sampled_from(PARTS))
def test_taking_a_condition_away_never_hides_a_study(clause, study, part):
    if clause.contains(study):
        assert replace(clause, **{part: None}).contains(study)


@given(scope=scopes, study=studies, more=clauses)
def test_allowing_more_never_hides_and_denying_more_never_shows(scope, study, more):
    allowed = replace(scope, allowed=(*scope.allowed, more))
    denied = replace(scope, denied=(*scope.denied, more))

    assert allowed.contains(study) >= scope.contains(study)
    assert denied.contains(study) <= scope.contains(study)
    if more.contains(study):
        assert not denied.contains(study)


@given(scope=scopes, study=studies)
def test_the_order_of_clauses_says_nothing(scope, study):
    turned = Scope(scope.allowed[::-1], scope.denied[::-1])

    assert turned.contains(study) == scope.contains(study)


def test_a_study_whose_modalities_are_not_known_is_not_among_those_of_one_modality():
    unknown = StudyRef(FacilityName("north"), "1.2.3", frozenset(), 2026)

    assert not ScopeClause(all_modalities=frozenset({"CT"})).contains(unknown)
    assert not ScopeClause(any_modality=frozenset({"CT"})).contains(unknown)


def test_every_action_is_a_noun_and_a_verb():
    for action in Action:
        noun, verb = action.value.split(":")
        assert noun.isalpha()
        assert verb.isalpha()


def test_every_right_of_a_device_is_a_role_and_every_role_of_a_device_a_right():
    roles = {right.role for right in DeviceRight}

    assert roles == {role for role in Role if role.value.startswith("device-")}
    assert len(roles) == len(DeviceRight)


@given(one=st.ip_addresses(v=6), bits=st.integers(0, 2**64 - 1))
def test_whoever_has_one_address_of_an_ipv6_network_counts_as_one_source(one, bits):
    neighbour = IPv6Address(int(one) >> 64 << 64 | bits)
    elsewhere = IPv6Address(int(one) ^ 1 << 64)

    assert source_of(neighbour) == source_of(one)
    assert source_of(elsewhere) != source_of(one)


@given(one=st.ip_addresses(v=4), other=st.ip_addresses())
def test_ipv4_addresses_count_one_by_one(one, other):
    assert (source_of(one) == source_of(other)) == (one == other)
