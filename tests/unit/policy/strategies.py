"""Actors, studies and rules that nobody thought of."""

from hypothesis import strategies as st

from raykeep.domain.access import (
    Action,
    Actor,
    ActorKind,
    Door,
    Effect,
    Obligation,
    Origin,
    Role,
    Rule,
    Rules,
    StudyCondition,
    StudyRef,
)
from raykeep.domain.facility import FacilityName

FACILITIES = [FacilityName(name) for name in ("north", "south", "east")]
MODALITIES = ["CT", "MR", "US", "SR"]
ACTIONS = [Action.STUDY_READ, Action.STUDY_SEARCH, Action.INSTANCE_STORE]

facilities = st.sampled_from(FACILITIES)
modality_sets = st.frozensets(st.sampled_from(MODALITIES), max_size=3)
years = st.integers(min_value=0, max_value=8)

studies = st.builds(
    StudyRef,
    facility=facilities,
    study_instance_uid=st.just("1.2.3"),
    modalities=modality_sets,
    year=years,
)

actors = st.builds(
    Actor,
    kind=st.sampled_from(ActorKind),
    name=st.just("somebody"),
    roles=st.frozensets(st.sampled_from(Role), max_size=3),
    facilities=st.frozensets(facilities, max_size=2),
    origin=st.builds(Origin, st.sampled_from(Door)),
    all_facilities=st.booleans(),
)

conditions = st.builds(
    StudyCondition,
    own_facilities=st.booleans(),
    facilities=st.none() | st.frozensets(facilities, max_size=2),
    years=st.none() | st.lists(st.tuples(years, years), max_size=2).map(tuple),
    any_modality=st.none() | modality_sets,
    all_modalities=st.none() | modality_sets,
)

rule_sets = st.lists(
    st.builds(
        Rule,
        name=st.text("abc", min_size=1, max_size=3),
        effect=st.sampled_from(Effect),
        roles=st.frozensets(st.sampled_from(Role), min_size=1),
        actions=st.frozensets(st.sampled_from(ACTIONS), min_size=1),
        studies=conditions,
        doors=st.none() | st.frozensets(st.sampled_from(Door)),
        obligations=st.frozensets(st.sampled_from(Obligation), max_size=2),
    ),
    max_size=6,
).map(lambda rules: Rules(tuple(rules)))
