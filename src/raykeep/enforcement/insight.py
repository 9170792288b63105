"""Why the policy says what it says, in plain words."""

from dataclasses import dataclass
from datetime import datetime

from raykeep.domain.access import Action, Actor, Permit, Request, Rules, StudyRef
from raykeep.policy.decide import decide


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision, explained.

    Attributes:
        permitted: The answer.
        reason: Rule that permitted, or why not.
        facility: Of the study asked about; empty when none was.
        roles: What rules see of the subject.
        obligations: What would be asked for.
    """

    permitted: bool
    reason: str
    facility: str
    roles: tuple[str, ...]
    obligations: tuple[str, ...]


def explain(
    rules: Rules, subject: Actor, action: Action, study: StudyRef | None, now: datetime
) -> Explanation:
    """The decision that `subject` would get, without making use of it."""
    decision = decide(rules, Request(subject, action, study, now))
    permitted = isinstance(decision, Permit)
    return Explanation(
        permitted=permitted,
        reason=f"rule '{decision.rule}'" if isinstance(decision, Permit) else decision.reason,
        facility=study.facility if study else "",
        roles=tuple(sorted(subject.roles)),
        obligations=tuple(sorted(decision.obligations)) if isinstance(decision, Permit) else (),
    )
