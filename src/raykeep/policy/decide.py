"""One decision, and the set of studies in sight, from the same rules.

Deny overrides permit; what no rule permits is denied. Law (tested): for every
study, `scope_of(...).contains(study)` equals `decide(...)` being a `Permit`.
"""

from collections.abc import Iterator
from datetime import datetime

from raykeep.domain.access import (
    Action,
    Actor,
    Decision,
    Denial,
    Effect,
    Permit,
    Request,
    Rule,
    Rules,
    Scope,
    ScopeClause,
)


def decide(rules: Rules, request: Request) -> Decision:
    """Whether the actor may do the action, on the study if one is named.

    Without a study the question is whether the actor may do this at all; on
    which studies is then said by the permit's scope.
    """
    actor, action, study = request.actor, request.action, request.study
    scope = scope_of(rules, actor, action, request.now)
    permitting = None
    for rule in _applying(rules, actor, action):
        clause = _clause(rule, actor)
        if study is not None and not clause.contains(study):
            continue
        if rule.effect is Effect.DENY:
            # Before the study is known, a denial of some studies is the scope's business.
            if study is not None or clause == _EVERYTHING:
                return Denial(request, f"rule '{rule.name}' denies it")
        elif permitting is None or len(rule.obligations) < len(permitting.obligations):
            permitting = rule
    if permitting is None:
        where = "" if study is None else f" in facility '{study.facility}'"
        return Denial(request, f"no rule permits {action} to {_named(actor)}{where}")
    return Permit(request, permitting.name, scope, permitting.obligations)


def scope_of(rules: Rules, actor: Actor, action: Action, _now: datetime) -> Scope:
    """The studies on which the actor may do the action."""
    allowed: list[ScopeClause] = []
    denied: list[ScopeClause] = []
    for rule in _applying(rules, actor, action):
        clauses = denied if rule.effect is Effect.DENY else allowed
        clause = _clause(rule, actor)
        if clause not in clauses:
            clauses.append(clause)
    return Scope(tuple(allowed), tuple(denied))


def everything() -> Scope:
    """All studies: to tell, for the trail alone, a hidden study from one that is not there."""
    return Scope((_EVERYTHING,))


def _applying(rules: Rules, actor: Actor, action: Action) -> Iterator[Rule]:
    for rule in rules.rules:
        if (
            action in rule.actions
            and not rule.roles.isdisjoint(actor.roles)
            and (rule.doors is None or actor.origin.door in rule.doors)
        ):
            yield rule


def _clause(rule: Rule, actor: Actor) -> ScopeClause:
    """The studies that a rule is about, for this actor."""
    asked = rule.studies
    facilities = asked.facilities
    if asked.own_facilities and not actor.all_facilities:
        own = actor.facilities
        facilities = own if facilities is None else facilities & own
    return ScopeClause(facilities, asked.years, asked.any_modality, asked.all_modalities)


_EVERYTHING = ScopeClause()


def _named(actor: Actor) -> str:
    roles = ", ".join(sorted(actor.roles)) or "none"
    return f"{actor.kind} '{actor.name}' (roles: {roles})"
