"""Finding: C-FIND, QIDO-RS and lists."""

from collections.abc import Iterator
from itertools import islice

from raykeep.domain.access import Action, Actor
from raykeep.domain.instance import Match
from raykeep.domain.query import Count, InSequence, Query
from raykeep.enforcement.door import Enforcer

AT_ONCE = 1000  # matches that are read before the record is written and the first is given out


def search(enforcer: Enforcer, actor: Actor, query: Query) -> Iterator[Match]:
    """Matches within what the actor may see, in the query's order.

    The record is committed before the first match is given out. It has the exact count up to
    `AT_ONCE`; of a longer answer the rest follows as it is asked for, and a second record
    tells how many were given out in the end.

    Raises:
        AccessDenied: the actor may not search.
        InvalidQuery: a condition does not fit its attribute.
    """
    details = _described(query)
    with enforcer.operation(actor, Action.STUDY_SEARCH) as op:
        matches = op.index.search(query)
        first = list(islice(matches, AT_ONCE))
        complete = len(first) < AT_ONCE
        op.note(count=len(first), details={**details, "complete": int(complete)})
    return iter(first) if complete else _long(enforcer, actor, details, first, matches)


def _long(
    enforcer: Enforcer,
    actor: Actor,
    details: dict[str, str | int],
    first: list[Match],
    rest: Iterator[Match],
) -> Iterator[Match]:
    given = 0
    try:
        for match in first:
            given += 1
            yield match
        for match in rest:
            given += 1
            yield match
    finally:
        # Also when the peer cancels or leaves: what it got must be known.
        with enforcer.operation(actor, Action.STUDY_SEARCH) as op:
            op.note(count=given, details={**details, "complete": 1})


def count(enforcer: Enforcer, actor: Actor, query: Query) -> Count:
    """Number of matches regardless of limit and offset, exact to 10,000.

    Raises:
        AccessDenied: the actor may not search.
    """
    with enforcer.operation(actor, Action.STUDY_SEARCH) as op:
        found = op.index.count(query)
        op.note(count=found.value, details={**_described(query), "counted": 1})
    return found


def search_page(enforcer: Enforcer, actor: Actor, query: Query) -> tuple[list[Match], Count]:
    """One page of matches and how many there are in all, in one operation.

    Raises:
        AccessDenied: the actor may not search.
        InvalidQuery: a condition does not fit its attribute.
    """
    with enforcer.operation(actor, Action.STUDY_SEARCH) as op:
        page = list(op.index.search(query))
        if query.limit is not None and len(page) < query.limit and (page or not query.offset):
            total = Count(query.offset + len(page), exact=True)
        else:
            total = op.index.count(query)
        op.note(count=len(page), details={**_described(query), "total": total.value})
    return page, total


def _described(query: Query) -> dict[str, str | int]:
    """Which keys were searched by: names, never values (a value may be a patient's name)."""
    keys = []
    for condition in query.conditions:
        name = condition.attribute.keyword
        if isinstance(condition, InSequence):
            inner = ".".join(c.attribute.keyword for c in condition.conditions)
            name = f"{name}.{inner}"
        keys.append(f"{name}:{type(condition).__name__}")
    return {"level": query.level.value, "keys": " ".join(sorted(keys))}
