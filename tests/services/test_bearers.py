"""API tokens: made, shown, refused, revoked."""

import re
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from itertools import count

import pytest

from raykeep.domain.access import Action, Actor, ActorKind, Door, Origin, Role
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.errors import (
    AccessDenied,
    FacilityNotFound,
    InvalidInput,
    NotAuthenticated,
    TokenNotFound,
)
from raykeep.domain.facility import FacilityName
from raykeep.services.authentication import authenticate_token, still_good
from raykeep.services.tokens import (
    BEARER_ROLES,
    MAX_DAYS,
    TokenWish,
    create_token,
    list_tokens,
    revoke_token,
)
from tests.fakes.archive import FACILITY, OPERATOR
from tests.services.stored import actor

HERE = Origin(Door.DICOMWEB, ip_address("10.1.2.3"))
DAY = timedelta(days=1)

_numbers = count(1)


@pytest.fixture
def fresh(shared, monkeypatch):
    """The shared archive a day later than the test before, so that no refusal is only counted."""
    later = 86_400.0 * next(_numbers)
    monkeypatch.setattr(shared.clock, "monotonic", lambda: later)
    shared.enforcer.identities.poll()
    return shared


def wish(**changes):
    return replace(TokenWish("viewer", Role.RADIOLOGIST, frozenset({FACILITY}), DAY), **changes)


def made(archive, who=OPERATOR, **changes):
    return create_token(archive.enforcer, who, wish(**changes), archive.clock)


def authenticate(archive, text, origin=HERE):
    return authenticate_token(archive.enforcer, text, origin, archive.clock)


def last(archive):
    return archive.records()[-1]


# --- made --------------------------------------------------------------------------------------


def test_a_token_is_kept_without_its_secret_and_the_trail_knows_neither(fresh):
    token, text = made(fresh, networks=(ip_network("10.0.0.0/8"),))

    secret = text.split("_", 2)[2]
    assert re.fullmatch(r"rk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", text)
    kept = fresh.stores.registry.token(token.token_id)
    assert kept == token
    assert secret not in repr(kept)
    record = last(fresh)
    assert (record.action, record.event) == (Action.TOKEN_CREATE, EventID.SECURITY_ALERT)
    assert record.details == {
        "token": token.token_id,
        "role": "radiologist",
        "facilities": "main",
        "expires": token.expires_at.isoformat(),
    }
    assert secret not in repr(record)
    assert token.expires_at == token.created_at + DAY


@pytest.mark.parametrize("role", sorted(set(Role) - BEARER_ROLES))
def test_no_bearer_is_an_operator_a_process_or_a_device(fresh, role):
    with pytest.raises(InvalidInput, match=f"cannot have the role '{role}'"):
        made(fresh, role=role)


@pytest.mark.parametrize("role", sorted(BEARER_ROLES))
def test_a_bearer_acts_in_the_role_of_its_token(fresh, role):
    _, text = made(fresh, role=role)

    assert authenticate(fresh, text).roles == {role}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": ""}, "name has 1 to 64"),
        ({"name": "a" * 65}, "name has 1 to 64"),
        ({"name": "a\x1b[2J"}, "name has 1 to 64"),
        ({"life": timedelta()}, "lives up to"),
        ({"life": -DAY}, "lives up to"),
        ({"life": timedelta(days=MAX_DAYS, seconds=1)}, "lives up to"),
        ({"facilities": frozenset()}, "at least one facility"),
    ],
)
def test_a_wish_that_does_not_do_makes_no_token(fresh, changes, why):
    before = len(fresh.stores.registry.tokens())

    with pytest.raises(InvalidInput, match=why):
        made(fresh, **changes)

    assert len(fresh.stores.registry.tokens()) == before


def test_a_token_lives_for_a_year_at_most(fresh):
    token, _ = made(fresh, life=timedelta(days=MAX_DAYS))

    assert token.expires_at - token.created_at == timedelta(days=MAX_DAYS)


def test_a_token_is_made_for_facilities_that_are_there(fresh):
    nowhere = FacilityName("nowhere")

    with pytest.raises(FacilityNotFound, match="no facility 'nowhere'"):
        made(fresh, facilities=frozenset({FACILITY, nowhere}))

    assert (last(fresh).action, last(fresh).outcome) == (Action.TOKEN_CREATE, Outcome.FAILED)


def test_who_may_not_make_tokens_makes_none(fresh):
    before = len(fresh.stores.registry.tokens())

    for role in (Role.RADIOLOGIST, Role.SECURITY_OFFICER):
        with pytest.raises(AccessDenied):
            made(fresh, who=actor(role))

    assert len(fresh.stores.registry.tokens()) == before


# --- shown -------------------------------------------------------------------------------------


def test_a_bearer_acts_where_its_token_says_and_as_nobody_else(fresh):
    token, text = made(fresh)

    bearer = authenticate(fresh, text)

    assert (bearer.kind, bearer.name) == (ActorKind.TOKEN, token.token_id)
    assert (bearer.facilities, bearer.all_facilities) == ({FACILITY}, False)
    assert (bearer.origin, bearer.version) == (HERE, token.version)


def test_a_good_token_is_recorded_once_an_hour_and_address(fresh):
    _, text = made(fresh)
    elsewhere = Origin(Door.DICOMWEB, ip_address("10.1.2.4"))
    before = len(fresh.records())

    for origin in (HERE, HERE, elsewhere, HERE):
        authenticate(fresh, text, origin)

    assert len(fresh.records()) == before + 2
    assert (last(fresh).action, last(fresh).outcome) == (Action.SESSION_CREATE, Outcome.SUCCESS)


def refused(archive, text, origin=HERE):
    """The one answer that the peer gets, and what the trail says."""
    with pytest.raises(NotAuthenticated) as error:
        authenticate(archive, text, origin)
    record = last(archive)
    assert (record.action, record.outcome) == (Action.SESSION_CREATE, Outcome.DENIED)
    assert record.reason == error.value.reason
    assert str(error.value) == "not authenticated: bring a valid credential"
    return record


@pytest.mark.parametrize(
    "text",
    ["", "Bearer", "rk_", "rk_0_0", f"rk_{'0' * 16}_{'A' * 42}", f"rk_{'0' * 16}_{'A' * 42}B", "ü"],
)
def test_what_is_no_token_is_refused(fresh, text):
    record = refused(fresh, text)

    assert (record.reason, record.actor) == ("the token is malformed", "bearer")


def test_an_unknown_token_and_a_wrong_secret_are_refused_alike(fresh):
    token, text = made(fresh)
    _, other = made(fresh)
    wrong_secret = f"rk_{token.token_id}_{other.split('_', 2)[2]}"
    unknown = f"rk_{'0' * 16}_{text.split('_', 2)[2]}"

    for number, shown in enumerate((wrong_secret, unknown)):
        record = refused(fresh, shown, Origin(Door.DICOMWEB, ip_address(f"10.1.3.{number}")))
        assert (record.reason, record.actor) == ("the token is unknown", "bearer")


def test_a_token_that_has_expired_is_refused_by_its_name(archive):
    token, text = made(archive)
    archive.clock.ahead = DAY

    record = refused(archive, text)

    assert record.reason == "the token is revoked or has expired"
    assert record.actor == f"token {token.token_id}"


def test_a_revoked_token_is_refused_once_the_process_has_heard_of_it(fresh):
    token, text = made(fresh)
    authenticate(fresh, text)
    revoke_token(fresh.enforcer, OPERATOR, token.token_id, fresh.clock)
    fresh.enforcer.identities.poll()

    assert refused(fresh, text).reason == "the token is revoked or has expired"


@pytest.mark.parametrize("address", [ip_address("192.0.2.1"), ip_address("::1"), None])
def test_a_token_is_good_from_its_own_addresses_alone(fresh, address):
    _, text = made(fresh, networks=(ip_network("10.0.0.0/8"),))

    authenticate(fresh, text)
    record = refused(fresh, text, Origin(Door.DICOMWEB, address))

    assert record.reason == "the address is not one of the token's"


# --- still good --------------------------------------------------------------------------------


def test_a_stream_goes_on_while_its_token_is_good(fresh):
    _, text = made(fresh)
    bearer = authenticate(fresh, text)
    now = fresh.clock.now()

    assert still_good(fresh.enforcer, bearer, now)
    assert not still_good(fresh.enforcer, bearer, now + DAY)


def test_a_stream_ends_with_the_revocation_of_its_token(fresh):
    token, text = made(fresh)
    bearer = authenticate(fresh, text)

    revoke_token(fresh.enforcer, OPERATOR, token.token_id, fresh.clock)
    fresh.enforcer.identities.poll()

    assert not still_good(fresh.enforcer, bearer, fresh.clock.now())


def test_a_bearer_of_a_token_that_is_not_there_is_not_good(fresh):
    ghost = Actor(ActorKind.TOKEN, "0" * 16, frozenset(), frozenset(), HERE, version=1)

    assert not still_good(fresh.enforcer, ghost, fresh.clock.now())


def test_who_needs_no_token_is_good_without_one(fresh):
    assert still_good(fresh.enforcer, OPERATOR, fresh.clock.now())


# --- revoked and listed ------------------------------------------------------------------------


def test_a_token_is_revoked_once(fresh):
    token, _ = made(fresh)

    revoke_token(fresh.enforcer, OPERATOR, token.token_id, fresh.clock)

    assert fresh.stores.registry.token(token.token_id).revoked_at is not None
    assert last(fresh).details == {"token": token.token_id}
    with pytest.raises(TokenNotFound, match="revoked already"):
        revoke_token(fresh.enforcer, OPERATOR, token.token_id, fresh.clock)
    with pytest.raises(TokenNotFound, match="none of that id"):
        revoke_token(fresh.enforcer, OPERATOR, "0" * 16, fresh.clock)
    assert last(fresh).outcome is Outcome.FAILED


def test_tokens_are_listed_newest_first_without_secrets(fresh):
    one, text = made(fresh, name="one")
    two, _ = made(fresh, name="two")

    tokens = list_tokens(fresh.enforcer, OPERATOR)

    ids = [token.token_id for token in tokens]
    assert ids.index(two.token_id) < ids.index(one.token_id)
    assert text.split("_", 2)[2] not in repr(tokens)
    assert (last(fresh).action, last(fresh).count) == (Action.TOKEN_READ, len(tokens))
