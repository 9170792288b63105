"""`raykeep token …` and `raykeep facility …`."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta

from raykeep.domain.access import Actor, Role
from raykeep.domain.errors import InvalidInput, shown
from raykeep.domain.facility import Facility, FacilityName
from raykeep.domain.token import ApiToken
from raykeep.servers.control.context import Context
from raykeep.servers.control.devices import Networks, networks
from raykeep.servers.control.plain import state_of, time_text
from raykeep.servers.control.steps import Plain
from raykeep.servers.control.table import CommandTable, Nothing, Parameters
from raykeep.services.tenants import add_facility, list_facilities, show_facility
from raykeep.services.tokens import BEARER_ROLES, TokenWish, create_token, list_tokens, revoke_token

COMMANDS = CommandTable()

MAX_LIFE = 10 * 366 * 86_400  # seconds that can be asked for; the service allows less
MAX_FACILITIES = 1000  # of one token


class CreateToken(Parameters, frozen=True):
    """`token create`. `expires` in seconds."""

    name: str
    role: str
    facility: Annotated[tuple[str, ...], Meta(max_length=MAX_FACILITIES)]
    expires: Annotated[int, Meta(ge=1, le=MAX_LIFE)]
    ip: Networks = ()


class ById(Parameters, frozen=True):
    """Commands on one token."""

    token_id: str


class NewFacility(Parameters, frozen=True):
    """`facility add`."""

    name: str
    title: str = ""


class ByName(Parameters, frozen=True):
    """Commands on one facility."""

    name: str


@COMMANDS.answer("token.create", CreateToken)
def create(context: Context, actor: Actor, given: CreateToken) -> Plain:
    """Make a token; the answer carries its text once."""
    wish = TokenWish(
        given.name,
        _role(given.role),
        frozenset(FacilityName(name) for name in given.facility),
        timedelta(seconds=given.expires),
        tuple(networks(given.ip)),
    )
    token, text = create_token(context.enforcer, actor, wish, context.clock)
    return {"id": token.token_id, "token": text, "expires": time_text(token.expires_at)}


@COMMANDS.answer("token.list", Nothing)
def list_all(context: Context, actor: Actor, _: Nothing) -> Plain:
    """All tokens, without their secrets, which nobody has."""
    now = context.clock.now()
    return {"tokens": [_told(token, now) for token in list_tokens(context.enforcer, actor)]}


@COMMANDS.answer("token.revoke", ById)
def revoke(context: Context, actor: Actor, given: ById) -> Plain:
    """Cut a token off."""
    token = revoke_token(context.enforcer, actor, given.token_id, context.clock)
    return {"id": token.token_id, "revoked": True}


@COMMANDS.answer("facility.add", NewFacility)
def add(context: Context, actor: Actor, given: NewFacility) -> Plain:
    """Register a tenant."""
    name = FacilityName(given.name)
    return _facility(add_facility(context.enforcer, actor, name, given.title, context.clock))


@COMMANDS.answer("facility.list", Nothing)
def facilities(context: Context, actor: Actor, _: Nothing) -> Plain:
    """All tenants."""
    return {"facilities": [_facility(f) for f in list_facilities(context.enforcer, actor)]}


@COMMANDS.answer("facility.show", ByName)
def facility(context: Context, actor: Actor, given: ByName) -> Plain:
    """One tenant."""
    return _facility(show_facility(context.enforcer, actor, FacilityName(given.name)))


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        allowed = ", ".join(sorted(BEARER_ROLES))
        msg = f"{shown(text)} is not a role. Take one of: {allowed}"
        raise InvalidInput(msg) from None


def _told(token: ApiToken, now: datetime) -> Plain:
    return {
        "id": token.token_id,
        "name": token.name,
        "role": token.role.value,
        "facilities": sorted(token.facilities),
        "ip": [str(network) for network in token.networks],
        "state": state_of(token.revoked_at, token.expires_at, now),
        "created": time_text(token.created_at),
        "expires": time_text(token.expires_at),
        "revoked": time_text(token.revoked_at),
    }


def _facility(facility: Facility) -> Plain:
    return {
        "name": facility.name,
        "title": facility.title,
        "created": time_text(facility.created_at),
    }
