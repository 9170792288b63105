"""From the form of a search to SQL text: built of Core constructs once a form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.conditions import TABLES
from raykeep.adapters.sql.dialect import Column, Dialect, Statement, compiled
from raykeep.adapters.sql.probes import Probe
from raykeep.adapters.sql.trees import FOUR_LEVELS, Scene, Tree, TreeCompiler, slot_name
from raykeep.domain.attributes import BY_TAG, UNIQUE_KEY, Attribute, Level

Turn = Callable[[Column], sa.UnaryExpression[Any]]

LEVELS = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE)
_PARENT = {1: "patient_row", 2: "study_row", 3: "series_row"}  # by depth
_COUNTS = {
    "number_of_patient_related_studies": None,
    "number_of_patient_related_series": "number_of_study_related_series",
    "number_of_patient_related_instances": "number_of_study_related_instances",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What two searches must share to share their SQL.

    Attributes:
        level: What is searched for.
        trees: Depth, tree, and whether it is an exact key; see `trees`.
        scope: Tree of the scope.
        start: `keys`, `patient` or `study` (from the rows listed in `rows`), `walk`, or, to
            count many, `lead` (from the index that answers the tree `lead`).
        rows: Slot of that list; -1 for none.
        facility: Slot of the one facility to walk; -1 for none.
        returns: Tags that are wanted.
        ordered: Newest first.
        continued: Begins after the row whose place is bound as `k0`, `k1` …
        counted: Only the number of matches.
    """

    level: Level
    trees: tuple[tuple[int, Tree, bool], ...]
    scope: Tree
    start: str
    rows: int
    facility: int
    returns: frozenset[int]
    ordered: bool
    continued: bool = False
    counted: bool = False
    lead: Tree = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """SQL text, and what its columns are.

    Attributes:
        statement: Values: the slots, `k0` … when continued, `limit` and `offset`.
        wanted: The first columns: attributes that the answer carries.
        keys: How many columns at the end tell the place of a row in the order.
    """

    statement: Statement
    wanted: tuple[Attribute, ...]
    keys: int


class SearchCompiler:
    """Makes plans for one engine."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._trees = TreeCompiler(dialect)

    def probe(self, probe: Probe) -> Statement:
        """The statement of a probe; its value beside the slots is `limit`."""
        if probe.trigrams:
            names = [slot_name(slot) for slot in probe.trigrams]
            found = self._dialect.patients_by_name_text(names)
        else:
            table = tables.metadata.tables[probe.table]
            fits = self._trees.sql(probe.tree, Scene({probe.table: table}), indexed=True)
            found = sa.select(table.c[probe.number]).where(fits)
            if probe.tag:
                found = found.where(table.c.level == probe.level, table.c.tag == probe.tag)
        return compiled(self._dialect, found.limit(sa.bindparam("limit", type_=sa.Integer())))

    def plan(self, form: Form) -> Plan:
        """The plan for a form."""
        scene = Scene(FOUR_LEVELS, self._patient_counts(form.scope))
        wanted = _wanted(form)
        order = self._order(form)
        columns = [scene.column(TABLES[a.level], a.column) for a in wanted]
        facility = tables.patient if form.level is Level.PATIENT else tables.study
        shown = [*columns, facility.c.facility, *(column for column, _ in order)]
        if form.counted:
            shown = [sa.literal_column("1")]
        fits = self._conditions(form, scene)
        if form.continued:
            fits.append(self._after(form))
        limit = sa.bindparam("limit", type_=sa.BigInteger())
        joined = self._joined(form)
        if form.counted:
            inner = sa.select(*shown).select_from(joined).where(*fits).limit(limit).subquery()
            count = sa.select(sa.func.count()).select_from(inner)
            return Plan(compiled(self._dialect, count), (), 0)
        hide = self._hide(form)
        turned = [turn(hide(column)) for column, turn in order]

        def page(query: sa.Select[Any]) -> sa.Select[Any]:
            offset = sa.bindparam("offset", type_=sa.BigInteger())
            return query.order_by(*turned).limit(limit).offset(offset)

        query = sa.select(*shown).select_from(joined)
        if form.level is Level.STUDY and form.start in {"patient", "study"}:
            # Many may be sorted for one page: sort their numbers, then fetch the page's rows.
            numbers = sa.select(tables.study.c.id).select_from(_sorted(form)).where(*fits)
            query = query.where(tables.study.c.id.in_(page(numbers))).order_by(*turned)
        else:
            query = page(query.where(*fits))
        return Plan(compiled(self._dialect, query), wanted, len(order))

    def _hide(self, form: Form) -> Callable[[Column], Column]:
        """Keep a column from choosing the index, unless the order of studies is walked."""
        return (lambda column: column) if form.start == "walk" else self._dialect.unindexed

    def _joined(self, form: Form) -> sa.FromClause:
        if form.level is Level.PATIENT:
            return tables.patient
        study, patient, series, instance = (
            tables.study, tables.patient, tables.series, tables.instance,
        )  # fmt: skip
        # Whoever walks begins with the studies: from the other side, nothing leads to them.
        walked = form.start == "walk" and form.ordered
        behind = self._dialect.unindexed if walked else (lambda column: column)
        found: sa.FromClause = study.join(patient, patient.c.id == behind(study.c.patient_row))
        if form.level.depth >= Level.SERIES.depth:
            found = found.join(series, series.c.study_row == behind(study.c.id))
        if form.level is Level.INSTANCE:
            found = found.join(instance, instance.c.series_row == behind(series.c.id))
        return found

    # --- conditions --------------------------------------------------------------------------

    def _conditions(self, form: Form, scene: Scene) -> list[Column]:
        depth = form.level.depth
        found = [
            self._trees.sql(tree, scene, indexed=self._leads(form, tree, is_key=is_key))
            for at, tree, is_key in form.trees
            if at <= depth
        ]
        if depth >= Level.STUDY.depth:
            found += self._of_study(form, scene)
        elif form.start == "patient":
            found.append(self._listed(tables.patient.c.id, form))
        if depth == 0 or any(at > depth for at, _, _ in form.trees):
            found.append(self._below(form, scene, depth + 1))
        return found

    def _of_study(self, form: Form, scene: Scene) -> list[Column]:
        """Scope, and where the search starts."""
        study = tables.study
        found = [self._trees.sql(form.scope, scene)]
        if form.start == "patient":
            found.append(self._listed(study.c.patient_row, form))
        elif form.start == "study":
            found.append(self._listed(study.c.id, form))
        elif form.start == "walk" and form.facility >= 0:
            found.append(study.c.facility == sa.bindparam(slot_name(form.facility)))
        return found

    def _listed(self, column: Column, form: Form) -> Column:
        return self._dialect.is_one_of(column, slot_name(form.rows))

    def _below(self, form: Form, scene: Scene, depth: int) -> Column:
        """One row of the next level, and so on down, fits all conditions of those levels."""
        table = FOUR_LEVELS[TABLES[LEVELS[depth]]]
        above = FOUR_LEVELS[TABLES[LEVELS[depth - 1]]]
        fits = [
            self._trees.sql(tree, scene, indexed=is_key)
            for at, tree, is_key in form.trees
            if at == depth
        ]
        if depth == Level.STUDY.depth:
            fits += self._of_study(form, scene)
        if any(at > depth for at, _, _ in form.trees):
            fits.append(self._below(form, scene, depth + 1))
        parent = table.c[_PARENT[depth]]
        starts_here = form.start == "study" and depth == 1
        if starts_here or any(is_key and at >= depth for at, _, is_key in form.trees):
            # Few rows: found first, then looked up above.
            return above.c.id.in_(sa.select(parent).where(*fits))
        return sa.exists(sa.select(sa.literal(1)).where(parent == above.c.id, *fits))

    def _leads(self, form: Form, tree: Tree, *, is_key: bool) -> bool:
        """Whether a condition may choose the index: a key, or the date that is walked."""
        if form.start == "keys":
            return is_key
        if form.start == "lead":
            return tree == form.lead
        return form.start == "walk" and "order_date" in _columns(tree)

    def _patient_counts(self, scope: Tree) -> dict[str, Column]:
        """Numbers below a patient, of what is in scope alone: existence is a secret, too."""
        counts: dict[str, Column] = {}
        for name, summed in _COUNTS.items():
            study = tables.study.alias(f"of_{name}")
            number = sa.func.count() if summed is None else sa.func.sum(study.c[summed])
            counts[name] = (
                sa.select(sa.cast(sa.func.coalesce(number, 0), sa.BigInteger()))
                .select_from(study)
                .where(
                    study.c.patient_row == tables.patient.c.id,
                    self._trees.sql(scope, Scene({"study": study})),
                )
                .correlate(tables.patient)
                .scalar_subquery()
            )
        return counts

    # --- order -------------------------------------------------------------------------------

    def _order(self, form: Form) -> list[tuple[Column, Turn]]:
        if not form.ordered:
            return [(FOUR_LEVELS[TABLES[form.level]].c.id, sa.asc)]
        if form.level is Level.PATIENT:
            return [(tables.patient.c.id, sa.desc)]
        study = tables.study.c
        order: list[tuple[Column, Turn]] = [
            (column, sa.desc) for column in (study.order_date, study.order_time, study.id)
        ]
        for level in LEVELS[2 : form.level.depth + 1]:
            table = FOUR_LEVELS[TABLES[level]].c
            order += [(table.order_number, sa.asc), (table.id, sa.asc)]
        return order

    def _after(self, form: Form) -> Column:
        """Rows behind the one whose place is bound."""
        order = self._order(form)
        hide = self._hide(form)
        places = [
            sa.bindparam(f"k{number}", type_=column.type)
            for number, (column, _) in enumerate(order)
        ]
        columns = [hide(column) for column, _ in order]
        if len(order) == 1:
            column, turned = order[0]
            ahead = hide(column)
            return ahead > places[0] if turned is sa.asc else ahead < places[0]
        studies, place = sa.tuple_(*columns[:3]), sa.tuple_(*places[:3])
        if form.level is Level.STUDY:
            return studies < place
        behind = sa.tuple_(*columns[3:5]) > sa.tuple_(*places[3:5])
        if form.level is Level.INSTANCE:
            further = sa.tuple_(*columns[5:]) > sa.tuple_(*places[5:])
            behind = sa.or_(behind, sa.and_(columns[4] == places[4], further))
        return sa.and_(studies <= place, sa.or_(studies < place, behind))


def _sorted(form: Form) -> sa.FromClause:
    """What is needed to choose and sort studies alone."""
    if any(at == Level.PATIENT.depth for at, _, _ in form.trees):
        return tables.study.join(tables.patient)
    return tables.study


def _wanted(form: Form) -> tuple[Attribute, ...]:
    """What the answer carries: unique keys down to the level, and what was asked for."""
    depth = form.level.depth
    asked = {UNIQUE_KEY[level].tag for level in LEVELS[: depth + 1]} | form.returns
    return tuple(
        attribute
        for tag, attribute in BY_TAG.items()
        if tag in asked and attribute.level.depth <= depth
    )


def _columns(tree: Tree) -> set[Any]:
    """Columns that a tree names."""
    if tree[0] in {"and", "or", "not"}:
        return set().union(*(_columns(part) for part in tree[1:]))
    return set(tree[2:3])
