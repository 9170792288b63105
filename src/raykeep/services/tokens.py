"""API tokens: made, listed, revoked."""

from dataclasses import dataclass
from datetime import timedelta

from raykeep.crypto.tokens import make_token
from raykeep.domain.access import Action, Actor, Role
from raykeep.domain.changes import AddToken, RevokeToken
from raykeep.domain.device import Network
from raykeep.domain.errors import FacilityNotFound, InvalidInput, TokenNotFound, shown
from raykeep.domain.facility import FacilityName
from raykeep.domain.token import ApiToken
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock

MAX_DAYS = 366  # a token's life
MAX_NAME = 64  # characters

# What a bearer may be: not the host's operator, not one of our own processes, not a device.
BEARER_ROLES = frozenset(
    {
        Role.ADMINISTRATOR,
        Role.SECURITY_OFFICER,
        Role.RADIOLOGIST,
        Role.TECHNOLOGIST,
        Role.UPLOADER,
        Role.AUDITOR,
    }
)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What an operator wants of a new token."""

    name: str
    role: Role
    facilities: frozenset[FacilityName]
    life: timedelta
    networks: tuple[Network, ...] = ()


def create_token(
    enforcer: Enforcer, actor: Actor, wish: TokenWish, clock: Clock
) -> tuple[ApiToken, str]:
    """Make a token; its text is returned once and kept nowhere.

    Raises:
        AccessDenied: `actor` may not.
        FacilityNotFound: one of the facilities is not there.
        InvalidInput: name, role, life or facilities do not do.
    """
    _check(wish)
    now = clock.now()
    made = make_token()
    token = ApiToken(
        token_id=made.token_id,
        name=wish.name,
        role=wish.role,
        facilities=wish.facilities,
        secret_sha256=made.secret_sha256,
        networks=wish.networks,
        created_at=now,
        expires_at=now + wish.life,
    )
    with enforcer.operation(actor, Action.TOKEN_CREATE) as op:
        for facility in wish.facilities:
            if op.registry.facility(facility) is None:
                msg = f"no facility '{facility}'. Add it with `raykeep facility add`"
                raise FacilityNotFound(msg)
        op.change(AddToken(token))
        op.note(
            details={
                "token": token.token_id,
                "role": wish.role.value,
                "facilities": " ".join(sorted(wish.facilities)),
                "expires": token.expires_at.isoformat(),
            }
        )
    return token, made.text


def revoke_token(enforcer: Enforcer, actor: Actor, token_id: str, clock: Clock) -> ApiToken:
    """Cut a token off: new requests at once, streams under way within five seconds.

    Raises:
        AccessDenied: `actor` may not.
        TokenNotFound: there is no such token, or it is revoked.
    """
    with enforcer.operation(actor, Action.TOKEN_REVOKE) as op:
        token = op.registry.token(token_id)
        if token is None or token.revoked_at is not None:
            why = "there is none of that id" if token is None else "it is revoked already"
            msg = f"no token {shown(token_id)}: {why}. `raykeep token list` shows them"
            raise TokenNotFound(msg)
        op.change(RevokeToken(token_id, clock.now()))
        op.note(details={"token": token_id})
    return token


def list_tokens(enforcer: Enforcer, actor: Actor) -> list[ApiToken]:
    """All tokens, newest first.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.TOKEN_READ) as op:
        tokens = op.registry.tokens()
        op.note(count=len(tokens))
    return tokens


def _check(wish: TokenWish) -> None:
    if not (wish.name.isprintable() and 1 <= len(wish.name) <= MAX_NAME):
        msg = f"a token's name has 1 to {MAX_NAME} printable characters, not {shown(wish.name)}"
        raise InvalidInput(msg)
    if wish.role not in BEARER_ROLES:
        allowed = ", ".join(sorted(BEARER_ROLES))
        msg = f"a token cannot have the role '{wish.role}'. Take one of: {allowed}"
        raise InvalidInput(msg)
    if not timedelta() < wish.life <= timedelta(days=MAX_DAYS):
        msg = f"a token lives up to {MAX_DAYS} days, not {wish.life.days}. Ask for less"
        raise InvalidInput(msg)
    if not wish.facilities:
        msg = "a token acts in at least one facility. Name one with --facility"
        raise InvalidInput(msg)
