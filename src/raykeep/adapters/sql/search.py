"""Searches: pages of matches, each page a short statement of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from raykeep.adapters.sql.conditions import tree_of
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.probes import Probe, is_key, probe_for
from raykeep.adapters.sql.scopes import only_facility, tree_of_scope
from raykeep.adapters.sql.search_sql import Form, Plan, SearchCompiler
from raykeep.adapters.sql.trees import NEVER, Slots, Tree
from raykeep.adapters.sql.values import facility_name
from raykeep.domain.access import Scope
from raykeep.domain.attributes import Attribute
from raykeep.domain.instance import Match, Values
from raykeep.domain.query import Condition, Count, Query

PAGE = 500  # matches fetched at a time
FEW = 1_000  # rows of an index from which a search may start
MOST_FORMS = 1_000  # remembered; a peer chooses them
_BEYOND = 1 << 62  # no archive has so many rows, and no engine counts so far


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search whose SQL is known or can be made."""

    form: Form
    values: dict[str, object]
    many: Tree = ()  # a condition that an index answers, though with many rows


class Searches:
    """Runs queries within scopes; remembers the SQL of each form."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._compiler = SearchCompiler(database.dialect)
        self._plans: dict[Form, Plan] = {}
        self._probes: dict[Probe, Any] = {}

    def search(self, query: Query, scope: Scope) -> Iterator[Match]:
        """See `StudyIndex.search`."""
        asked = self._asked(query, scope)
        limit = _BEYOND if query.limit is None else query.limit
        if asked is None or limit <= 0 or query.offset >= _BEYOND:
            return iter(())
        return self._pages(asked, limit, max(query.offset, 0))

    def count(self, query: Query, scope: Scope, cap: int) -> Count:
        """See `StudyIndex.count`."""
        asked = self._asked(query, scope)
        if asked is None:
            return Count(0, exact=True)
        form = replace(asked.form, counted=True, returns=frozenset(), ordered=True)
        if form.start == "walk" and asked.many:
            form = replace(form, start="lead", lead=asked.many, facility=-1)
        plan = self._plan(form)
        [(found,)] = self._database.rows(plan.statement, asked.values | {"limit": cap + 1})
        return Count(min(found, cap), exact=found <= cap)

    def _pages(self, asked: _Asked, limit: int, offset: int) -> Iterator[Match]:
        form, values = asked.form, asked.values
        while limit > 0:
            plan = self._plan(form)
            size = min(limit, PAGE)
            rows = self._database.rows(plan.statement, values | {"limit": size, "offset": offset})
            for row in rows:
                yield _match(plan.wanted, row)
            if len(rows) < size:
                return
            limit -= size
            offset = 0
            form = asked.form if form.continued else replace(form, continued=True)
            asked = _Asked(form, values)
            last = rows[-1][-plan.keys :]
            values = values | {f"k{number}": place for number, place in enumerate(last)}

    # --- from a query to a form ----------------------------------------------------------------

    def _asked(self, query: Query, scope: Scope) -> _Asked | None:
        """The form and the values of a search; None when nothing can match."""
        slots = Slots(self._database.dialect)
        found: list[tuple[Condition, Tree]] = []
        for condition in query.conditions:
            tree = tree_of(condition, slots)
            if tree == NEVER:
                return None
            found.append((condition, tree))
        scope_tree = tree_of_scope(scope, slots)
        if scope_tree == NEVER:
            return None
        trees = tuple((c.attribute.level.depth, tree, is_key(c)) for c, tree in found)
        start, rows, facility = "walk", -1, -1
        if any(key for _, _, key in trees):
            start = "keys"
        elif hit := self._probed(found, slots):
            start, listed, answered = hit
            if not listed:
                return None
            rows = slots.listed(listed)
            trees = tuple(one for one in trees if one[1] != answered)
        elif (only := only_facility(scope)) is not None:
            facility = slots.value(only)
        form = Form(
            query.level, trees, scope_tree, start, rows, facility, query.returns,
            query.newest_first,
        )  # fmt: skip
        return _Asked(form, slots.values, _many(found, slots) if start == "walk" else ())

    def _probed(
        self, found: list[tuple[Condition, Tree]], slots: Slots
    ) -> tuple[str, list[int], Tree] | None:
        """Rows to start from, if an index knows that they are few, and what they all fit."""
        for condition, tree in found:
            probe = probe_for(condition, tree, slots)
            if probe is None:
                continue
            statement = self._probes.get(probe)
            if statement is None:
                statement = _kept(self._probes, probe, self._compiler.probe(probe))
            rows = self._database.rows(statement, slots.values | {"limit": FEW + 1})
            if len(rows) <= FEW:
                answered = NEVER if probe.trigrams else tree
                return probe.finds, list({number for (number,) in rows}), answered
        return None

    def _plan(self, form: Form) -> Plan:
        plan = self._plans.get(form)
        if plan is None:
            plan = _kept(self._plans, form, self._compiler.plan(form))
        return plan


def _many(found: list[tuple[Condition, Tree]], slots: Slots) -> Tree:
    probes = [(probe_for(condition, tree, slots), tree) for condition, tree in found]
    led = (tree for probe, tree in probes if probe and probe.tree == tree and probe.indexed)
    return next(led, ())


def _kept(memory: dict[Any, Any], key: object, value: Any) -> Any:  # noqa: ANN401 - of two kinds
    if len(memory) >= MOST_FORMS:
        memory.clear()
    memory[key] = value
    return value


_items = msgspec.json.Decoder(tuple[dict[int, str], ...])


def _match(wanted: tuple[Attribute, ...], row: tuple[Any, ...]) -> Match:
    values: dict[int, str] = {}
    sequences: dict[int, tuple[Values, ...]] = {}
    for attribute, value in zip(wanted, row, strict=False):
        if value is None:
            continue
        if attribute.items:
            sequences[attribute.tag] = _items.decode(value)
        else:
            values[attribute.tag] = value if isinstance(value, str) else str(value)
    return Match(facility_name(row[len(wanted)]), values, sequences)
