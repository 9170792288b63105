"""The policy: deny by default, deny overrides, and sight equals opening."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.access import (
    Action,
    Actor,
    ActorKind,
    Denial,
    Door,
    Effect,
    Obligation,
    Origin,
    Permit,
    Request,
    Role,
    Rule,
    Rules,
    StudyCondition,
    StudyRef,
)
from raykeep.domain.facility import FacilityName
from raykeep.policy.builtin import BUILTIN_RULES
from raykeep.policy.decide import decide, everything, scope_of
from tests.unit.policy.strategies import ACTIONS, actors, rule_sets, studies

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NORTH = FacilityName("north")
SOUTH = FacilityName("south")


def somebody(*roles: Role, door: Door = Door.DICOMWEB) -> Actor:
    return Actor(ActorKind.TOKEN, "somebody", frozenset(roles), frozenset({NORTH}), Origin(door))


def study(facility: FacilityName = NORTH, *modalities: str, year: int = 2026) -> StudyRef:
    return StudyRef(facility, "1.2.3", frozenset(modalities), year)


@given(rules=rule_sets, actor=actors, seen=studies, action=st.sampled_from(ACTIONS))
def test_a_search_shows_exactly_what_may_be_opened(rules, actor, seen, action):
    may_open = isinstance(decide(rules, Request(actor, action, seen, NOW)), Permit)

    assert scope_of(rules, actor, action, NOW).contains(seen) == may_open


@given(rules=rule_sets, actor=actors, seen=studies, action=st.sampled_from(ACTIONS))
def test_what_is_permitted_on_a_study_is_permitted_before_the_study_is_known(
    rules, actor, seen, action
):
    if isinstance(decide(rules, Request(actor, action, seen, NOW)), Permit):
        assert isinstance(decide(rules, Request(actor, action, None, NOW)), Permit)


@given(actor=actors, seen=studies, action=st.sampled_from(Action))
def test_without_rules_nothing_is_permitted(actor, seen, action):
    assert isinstance(decide(Rules(()), Request(actor, action, seen, NOW)), Denial)
    assert not scope_of(Rules(()), actor, action, NOW).contains(seen)


@given(rules=rule_sets, actor=actors, seen=studies, action=st.sampled_from(ACTIONS))
def test_a_denying_rule_never_widens_what_is_permitted(rules, actor, seen, action):
    permits_only = Rules(tuple(r for r in rules.rules if r.effect is Effect.PERMIT))

    if isinstance(decide(permits_only, Request(actor, action, seen, NOW)), Denial):
        assert isinstance(decide(rules, Request(actor, action, seen, NOW)), Denial)


@given(rules=rule_sets, actor=actors, seen=studies)
def test_a_permit_carries_the_scope_that_a_search_gets(rules, actor, seen):
    decision = decide(rules, Request(actor, Action.STUDY_READ, seen, NOW))

    if isinstance(decision, Permit):
        assert decision.scope == scope_of(rules, actor, Action.STUDY_READ, NOW)


def test_a_radiologist_reads_in_their_own_facility_alone():
    actor = somebody(Role.RADIOLOGIST)

    own = decide(BUILTIN_RULES, Request(actor, Action.STUDY_READ, study(NORTH), NOW))
    other = decide(BUILTIN_RULES, Request(actor, Action.STUDY_READ, study(SOUTH), NOW))

    assert isinstance(own, Permit)
    assert isinstance(other, Denial)
    assert "no rule permits study:read" in other.reason


def test_an_administrator_sees_no_images():
    actor = somebody(Role.ADMINISTRATOR)

    for action in (Action.STUDY_READ, Action.STUDY_SEARCH, Action.INSTANCE_STORE):
        assert isinstance(decide(BUILTIN_RULES, Request(actor, action, None, NOW)), Denial)


def test_a_devices_rights_hold_over_dicom_alone():
    over_dicom = somebody(Role.DEVICE_STORE, door=Door.DIMSE)
    over_http = somebody(Role.DEVICE_STORE, door=Door.DICOMWEB)

    for actor, kind in ((over_dicom, Permit), (over_http, Denial)):
        decision = decide(BUILTIN_RULES, Request(actor, Action.INSTANCE_STORE, None, NOW))
        assert isinstance(decision, kind)


def test_the_local_operator_may_do_everything_on_the_host():
    operator = Actor(
        ActorKind.LOCAL_OPERATOR,
        "root",
        frozenset({Role.LOCAL_OPERATOR}),
        frozenset(),
        Origin(Door.COMMAND_LINE),
        all_facilities=True,
    )

    for action in Action:
        assert isinstance(decide(BUILTIN_RULES, Request(operator, action, study(), NOW)), Permit)


def test_no_role_may_do_anything_that_no_rule_names():
    for role in Role:
        actor = somebody(role)
        named = {a for r in BUILTIN_RULES.rules if role in r.roles for a in r.actions}
        for action in set(Action) - named:
            decision = decide(BUILTIN_RULES, Request(actor, action, None, NOW))
            assert isinstance(decision, Denial)


def test_a_denial_of_everything_is_told_before_the_study_is_known():
    rules = Rules(
        (
            Rule("yes", Effect.PERMIT, frozenset({Role.AUDITOR}), frozenset({Action.AUDIT_READ})),
            Rule(
                "never",
                Effect.DENY,
                frozenset({Role.AUDITOR}),
                frozenset({Action.AUDIT_READ}),
                StudyCondition(own_facilities=False),
            ),
        )
    )

    decision = decide(rules, Request(somebody(Role.AUDITOR), Action.AUDIT_READ, None, NOW))

    assert isinstance(decision, Denial)
    assert decision.reason == "rule 'never' denies it"


def test_of_two_permits_the_one_that_asks_for_less_is_taken():
    strict = frozenset({Obligation.STEP_UP, Obligation.REASON})
    rules = Rules(
        tuple(
            Rule(
                name,
                Effect.PERMIT,
                frozenset({Role.AUDITOR}),
                frozenset({Action.AUDIT_READ}),
                obligations=obligations,
            )
            for name, obligations in (("strict", strict), ("easy", frozenset()))
        )
    )

    decision = decide(rules, Request(somebody(Role.AUDITOR), Action.AUDIT_READ, None, NOW))

    assert isinstance(decision, Permit)
    assert (decision.rule, decision.obligations) == ("easy", frozenset())


@given(seen=studies)
def test_the_scope_of_everything_holds_every_study(seen):
    assert everything().contains(seen)


def test_every_builtin_rule_has_a_name_of_its_own():
    names = [rule.name for rule in BUILTIN_RULES.rules]

    assert len(set(names)) == len(names)


def _rule(name: str, effect: Effect, **studies: object) -> Rule:
    condition = StudyCondition(own_facilities=False, **studies)  # type: ignore[arg-type] # handed on
    return Rule(
        name, effect, frozenset({Role.RADIOLOGIST}), frozenset({Action.STUDY_READ}), condition
    )


def test_a_denial_of_some_studies_leaves_the_others_and_narrows_the_scope():
    rules = Rules(
        (
            _rule("yes", Effect.PERMIT),
            _rule("not the old ones", Effect.DENY, years=((1900, 1999),)),
        )
    )
    actor = somebody(Role.RADIOLOGIST)
    old, new = study(year=1999), study(year=2000)

    before = decide(rules, Request(actor, Action.STUDY_READ, None, NOW))
    on_old = decide(rules, Request(actor, Action.STUDY_READ, old, NOW))

    assert isinstance(before, Permit)
    assert (before.scope.contains(old), before.scope.contains(new)) == (False, True)
    assert isinstance(on_old, Denial)
    assert on_old.reason == "rule 'not the old ones' denies it"
    assert isinstance(decide(rules, Request(actor, Action.STUDY_READ, new, NOW)), Permit)


def test_a_permit_that_asks_for_more_does_not_take_the_place_of_one_that_asks_for_less():
    strict = frozenset({Obligation.STEP_UP})
    rules = Rules(
        tuple(
            Rule(
                name,
                Effect.PERMIT,
                frozenset({Role.AUDITOR}),
                frozenset({Action.AUDIT_READ}),
                obligations=obligations,
            )
            for name, obligations in (("easy", frozenset()), ("strict", strict))
        )
    )

    decision = decide(rules, Request(somebody(Role.AUDITOR), Action.AUDIT_READ, None, NOW))

    assert isinstance(decision, Permit)
    assert decision.rule == "easy"


def test_a_denial_names_who_asked_as_what_and_where():
    nobody = somebody()

    without = decide(BUILTIN_RULES, Request(nobody, Action.STUDY_READ, None, NOW))
    within = decide(BUILTIN_RULES, Request(nobody, Action.STUDY_READ, study(SOUTH), NOW))

    assert isinstance(without, Denial)
    assert isinstance(within, Denial)
    assert without.reason == "no rule permits study:read to token 'somebody' (roles: none)"
    assert within.reason == without.reason + " in facility 'south'"


def test_nobody_gets_a_role_by_being_in_no_facility():
    lost = Actor(
        ActorKind.TOKEN,
        "lost",
        frozenset({Role.RADIOLOGIST}),
        frozenset(),
        Origin(Door.DICOMWEB),
    )

    assert isinstance(decide(BUILTIN_RULES, Request(lost, Action.STUDY_READ, study(), NOW)), Denial)
    assert not scope_of(BUILTIN_RULES, lost, Action.STUDY_READ, NOW).contains(study())


def test_the_archives_own_processes_see_no_images_and_change_no_credentials():
    process = Actor(
        ActorKind.SERVICE,
        "worker-0",
        frozenset({Role.SERVICE}),
        frozenset(),
        Origin(Door.WORKER),
        all_facilities=True,
    )

    for action in (
        Action.STUDY_READ,
        Action.STUDY_SEARCH,
        Action.INSTANCE_STORE,
        Action.TOKEN_CREATE,
        Action.DEVICE_ENROLL,
    ):
        assert isinstance(decide(BUILTIN_RULES, Request(process, action, None, NOW)), Denial)


def test_the_operators_role_is_worth_nothing_over_the_network():
    for door in (Door.DIMSE, Door.DICOMWEB):
        intruder = somebody(Role.LOCAL_OPERATOR, door=door)
        for action in Action:
            decision = decide(BUILTIN_RULES, Request(intruder, action, None, NOW))
            assert isinstance(decision, Denial)


def test_storing_or_searching_alone_never_opens_an_image():
    for role in (Role.UPLOADER, Role.DEVICE_STORE, Role.DEVICE_FIND, Role.AUDITOR):
        actor = somebody(role, door=Door.DIMSE)
        decision = decide(BUILTIN_RULES, Request(actor, Action.STUDY_READ, study(), NOW))
        assert isinstance(decision, Denial)
