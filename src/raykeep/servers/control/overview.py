"""`raykeep status`, `keys status`, `tls status`, `db status`, `policy …`."""

from raykeep.domain.access import Action, Actor, ActorKind, Door, Origin, Role
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput, TokenNotFound, shown
from raykeep.domain.uids import UID
from raykeep.servers.control.context import Context, local_operator
from raykeep.servers.control.plain import WARN, time_text
from raykeep.servers.control.statuses import DONE, FOUND_WRONG
from raykeep.servers.control.steps import Finished, Plain
from raykeep.servers.control.table import CommandTable, Nothing, Parameters
from raykeep.services import overview
from raykeep.services.authentication import device_actor, token_actor
from raykeep.services.devices import show_device
from raykeep.services.tokens import list_tokens

COMMANDS = CommandTable()


class Explain(Parameters, frozen=True):
    """`policy explain`. `user` is `device:AET`, `token:ID`, `role:ROLE` or `operator`."""

    user: str
    action: str
    study: str | None = None


@COMMANDS.answer("status", Nothing)
def status(context: Context, actor: Actor, _: Nothing) -> Plain:
    """State of the archive."""
    found = overview.archive_status(context.enforcer, actor)
    return {
        **context.facts,
        "totals": found.totals,
        "free_bytes": found.free_bytes,
        "devices": found.devices,
        "tokens": found.tokens,
        "facilities": found.facilities,
        "jobs_waiting": found.jobs_waiting,
        "audit": {"sealed": found.sealed_records, "unsealed": found.unsealed_records},
    }


@COMMANDS.answer("keys.status", Nothing)
def keys(context: Context, actor: Actor, _: Nothing) -> Plain:
    """Which keys there are."""
    found = overview.key_status(context.enforcer, actor)
    return {
        "provider": found.provider,
        "facility_keys": [
            {
                "facility": key.facility,
                "version": key.version,
                "created": time_text(key.created_at),
                "current": key.is_current,
                "study_keys": found.study_keys.get(key.facility, {}).get(key.version, 0),
            }
            for key in found.facility_keys
        ],
    }


@COMMANDS.answer("tls.status", Nothing)
def tls(context: Context, actor: Actor, _: Nothing) -> Finished:
    """Certificates and how long they last."""
    now = context.clock.now()
    found = overview.tls_status(context.enforcer, actor, context.tls_certificates())
    told: list[Plain] = [
        {
            "name": name,
            "subject": facts.subject,
            "key": facts.key,
            "names": list(facts.names),
            "sha256": facts.sha256,
            "expires": time_text(facts.not_after),
            "days_left": (facts.not_after - now).days,
        }
        for name, facts in found
    ]
    ends_soon = any(facts.not_after - now < WARN for _, facts in found)
    result: Plain = {"certificates": told, "ca": str(context.ca_bundle)}
    return Finished(result, FOUND_WRONG if ends_soon else DONE)


@COMMANDS.answer("tls.bundle", Nothing)
def bundle(context: Context, actor: Actor, _: Nothing) -> Plain:
    """The certificates that peers must trust."""
    pem = overview.ca_bundle(context.enforcer, actor)
    return {"ca": str(context.ca_bundle), "pem": pem}


@COMMANDS.answer("db.status", Nothing)
def database(context: Context, actor: Actor, _: Nothing) -> Plain:
    """Which engine and which revision."""
    return overview.database_status(context.enforcer, actor, context.database_facts)


@COMMANDS.answer("policy.show", Nothing)
def policy(context: Context, actor: Actor, _: Nothing) -> Plain:
    """The rules in force."""
    rules = overview.show_policy(context.enforcer, actor)
    return {
        "version": rules.version,
        "rules": [
            {
                "name": rule.name,
                "effect": rule.effect.value,
                "roles": sorted(rule.roles),
                "actions": sorted(rule.actions),
                "doors": sorted(rule.doors) if rule.doors is not None else None,
            }
            for rule in rules.rules
        ],
    }


@COMMANDS.answer("policy.explain", Explain)
def explain(context: Context, actor: Actor, given: Explain) -> Plain:
    """Why somebody may or may not; the answer is told, whichever it is."""
    try:
        action = Action(given.action)
    except ValueError:
        actions = ", ".join(sorted(Action))
        msg = f"{shown(given.action)} is not an action. Take one of: {actions}"
        raise InvalidInput(msg) from None
    subject = _subject(context, actor, given.user)
    study = None if given.study is None else UID.parse(given.study)
    answers = overview.explain(context.enforcer, actor, subject, action, study)
    told = [
        {
            "permitted": answer.permitted,
            "reason": answer.reason,
            "facility": answer.facility or None,
            "obligations": list(answer.obligations),
        }
        for answer in answers
    ]
    return {
        "user": given.user,
        "roles": sorted(subject.roles),
        "action": action.value,
        "study": study,
        "answers": told,
        "permitted": any(answer.permitted for answer in answers),
    }


def _subject(context: Context, actor: Actor, text: str) -> Actor:
    kind, _, name = text.partition(":")
    if kind == "device" and name:
        device = show_device(context.enforcer, actor, AETitle(name))
        return device_actor(device, Origin(Door.DIMSE))
    if kind == "token" and name:
        for token in list_tokens(context.enforcer, actor):
            if name in {token.token_id, token.name}:
                return token_actor(token, Origin(Door.DICOMWEB))
        msg = f"no token {shown(name)}. `raykeep token list` shows them"
        raise TokenNotFound(msg)
    if kind == "operator" and not name:
        return local_operator("operator")
    if kind == "role" and name in set(Role):
        return Actor(
            ActorKind.ANONYMOUS, text, frozenset({Role(name)}), frozenset(), Origin(Door.DICOMWEB)
        )
    msg = f"{shown(text)} is nobody: name device:AET, token:ID, role:ROLE or operator"
    raise InvalidInput(msg)
