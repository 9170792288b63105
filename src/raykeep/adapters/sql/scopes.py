"""From scopes to trees: the studies that an actor may see, and nothing else.

No column of a scope is ever NULL, so `not` means what it says.
"""

from raykeep.adapters.sql.trees import NEVER, Slots, Tree, all_of, any_of
from raykeep.domain.access import Scope, ScopeClause

_HAS_MODALITY = ("some", "study_modality", "study", 0, 0)


def tree_of_scope(scope: Scope, slots: Slots) -> Tree:
    """The tree that holds for the studies of `scope`."""
    allowed = any_of(*(_clause(clause, slots) for clause in scope.allowed))
    denied = any_of(*(_clause(clause, slots) for clause in scope.denied))
    return allowed if denied == NEVER else all_of(allowed, ("not", denied))


def only_facility(scope: Scope) -> str | None:
    """The facility of all that `scope` allows, if there is one alone."""
    names: set[str] = set()
    for clause in scope.allowed:
        if clause.facilities is None:
            return None
        names |= clause.facilities
    return next(iter(names)) if len(names) == 1 else None


def _clause(clause: ScopeClause, slots: Slots) -> Tree:
    parts: list[Tree] = []
    if clause.facilities is not None:
        parts.append(("in", "study", "facility", slots.listed(sorted(clause.facilities))))
    if clause.years is not None:
        parts.append(
            any_of(
                *(
                    (
                        "and",
                        ("from", "study", "year", slots.value(first)),
                        ("upto", "study", "year", slots.value(last)),
                    )
                    for first, last in clause.years
                )
            )
        )
    if clause.any_modality is not None:
        parts.append((*_HAS_MODALITY, _listed("in", clause.any_modality, slots)))
    if clause.all_modalities is not None:
        other = (*_HAS_MODALITY, _listed("not_in", clause.all_modalities, slots))
        parts += [("not", ("blank", "study", "modalities_in_study")), ("not", other)]
    return all_of(*parts)


def _listed(kind: str, modalities: frozenset[str], slots: Slots) -> Tree:
    return (kind, "study_modality", "modality", slots.listed(sorted(modalities)))
