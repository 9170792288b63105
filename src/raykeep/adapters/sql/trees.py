"""Conditions as small trees of tuples: cheap to make for each search, and good as a key.

A tree names columns and the numbers ("slots") of its values, never the values themselves.
So all searches of one form have one tree, and the SQL text that is made of it once, from
Core constructs, serves them all.

    ("eq", table, column, slot)            column = value
    ("in", table, column, slot)            column is one of a list
    ("like", table, column, slot)          column fits a pattern of the dialect's
    ("from" | "upto" | "below", …, slot)   column >= | <= | < value
    ("not_in", table, column, slot)        column is none of a list
    ("component", table, column, slot)     `^` and the column fit a pattern
    ("blank" | "date", table, column)
    ("some", child, parent, level, tag, tree)   a row of `child` below `parent` fits
    ("and", tree, …) ("or", tree, …) ("not", tree) ("never",) ("always",)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.dialect import Column, Dialect

Tree = tuple[Any, ...]
NEVER: Tree = ("never",)
ALWAYS: Tree = ("always",)


class Slots:
    """The values of one search, in the order in which its trees name them."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.values: dict[str, object] = {}

    def value(self, value: object) -> int:
        """Number of a new slot that holds `value`."""
        slot = len(self.values)
        self.values[slot_name(slot)] = value
        return slot

    def listed(self, values: Sequence[str] | Sequence[int]) -> int:
        """Number of a new slot that holds a list."""
        return self.value(self._dialect.list_parameter(values))

    def pattern(self, wildcards: str) -> int:
        """Number of a new slot that holds a pattern of `*` and `?`."""
        return self.value(self._dialect.pattern(wildcards))

    def containing(self, text: str) -> int:
        """Number of a new slot that holds the pattern of all that contains `text`."""
        any_text = self._dialect.pattern("*")
        return self.value(any_text + self._dialect.literal(text) + any_text)


def slot_name(slot: int) -> str:
    """How SQLAlchemy calls the value of a slot."""
    return f"v{slot}"


def all_of(*trees: Tree) -> Tree:
    """The tree that holds when all do; always, without any."""
    if NEVER in trees:
        return NEVER
    if not trees:
        return ALWAYS
    return trees[0] if len(trees) == 1 else ("and", *trees)


def any_of(*trees: Tree) -> Tree:
    """The tree that holds when one does."""
    left = tuple(tree for tree in trees if tree != NEVER)
    if not left:
        return NEVER
    return left[0] if len(left) == 1 else ("or", *left)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the names of a tree stand for: tables, and columns that are computed."""

    tables: Mapping[str, sa.FromClause]
    computed: Mapping[str, Column] = field(default_factory=dict)

    def column(self, table: str, name: str) -> Column:
        """The column of that name."""
        return self.computed[name] if name in self.computed else self.tables[table].c[name]


FOUR_LEVELS = {
    table.name: table for table in (tables.patient, tables.study, tables.series, tables.instance)
}
_CHILDREN = {
    table.name: table
    for table in (
        tables.multi_value,
        tables.sequence_item,
        tables.study_modality,
        tables.study_sop_class,
    )
}


class TreeCompiler:
    """Makes Core constructs of trees for one engine."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def sql(self, tree: Tree, scene: Scene, *, indexed: bool = False) -> Column:
        """The condition of `tree`.

        Args:
            tree: See above.
            scene: What its names stand for.
            indexed: It may choose the index that is walked.
        """
        kind = tree[0]
        if kind in {"and", "or"}:
            parts = [self.sql(part, scene, indexed=indexed) for part in tree[1:]]
            return sa.and_(*parts) if kind == "and" else sa.or_(*parts)
        if kind == "not":
            return sa.not_(self.sql(tree[1], scene, indexed=indexed))
        if kind in {"never", "always"}:
            return sa.false() if kind == "never" else sa.true()
        if kind == "some":
            return self._some(tree, scene)
        column = scene.column(tree[1], tree[2])
        seen = column if indexed else self._dialect.unindexed(column)
        names = [slot_name(slot) for slot in tree[3:]]
        return _LEAVES[kind](self._dialect, seen, *names)

    def _some(self, tree: Tree, scene: Scene) -> Column:
        _, name, parent, level, tag, inner = tree
        child = _CHILDREN[name].alias()
        owner = scene.tables[parent].c.id
        if "study_row" in child.c:
            belongs = [child.c.study_row == owner]
        else:
            belongs = [child.c.level == level, child.c.owner == owner, child.c.tag == tag]
        fits = self.sql(inner, Scene({name: child}))
        return sa.exists(sa.select(sa.literal(1)).where(*belongs, fits))


def _bound(column: Column, name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)


Leaf = Callable[..., Column]  # of the dialect, the column, and the name of its value


def _component(dialect: Dialect, column: Column, name: str) -> Column:
    return dialect.like(sa.literal("^").concat(sa.func.coalesce(column, "")), name)


_LEAVES: dict[str, Leaf] = {
    "eq": lambda _, column, name: column == _bound(column, name),
    "from": lambda _, column, name: column >= _bound(column, name),
    "upto": lambda _, column, name: column <= _bound(column, name),
    "below": lambda _, column, name: column < _bound(column, name),
    "in": lambda dialect, column, name: dialect.is_one_of(column, name),
    "not_in": lambda dialect, column, name: dialect.is_none_of(column, name),
    "like": lambda dialect, column, name: dialect.like(column, name),
    "component": _component,
    "blank": lambda _, column: sa.or_(column.is_(None), column == ""),
    "date": lambda dialect, column: dialect.is_date(column),
}
