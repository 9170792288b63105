"""Every route passes the door: without a credential, without a right, with a wrong method."""

import re

import pytest

from raykeep.domain.access import Action, ActorKind, Role
from raykeep.domain.audit_event import Outcome
from raykeep.edge.router import Route
from raykeep.edge.security_headers import security_headers
from raykeep.servers.dicomweb.routes import ROUTES, Store
from tests.builders import ct_instance, new_uid
from tests.fakes.web import STOW_TYPE, Web, multipart, path_of

NAMES = {"frames": "1", "reference*": "7FE00010"}


def filled(route: Route, **uids: str) -> str:
    """The route's path with something in each placeholder."""
    return re.sub(r"{([a-z*]+)}", lambda m: uids.get(m[1]) or NAMES.get(m[1]) or new_uid(),
                  route.template)  # fmt: skip


def called(route: Route) -> str:
    return f"{route.method} {route.template}"


def body_of(route: Route) -> dict:
    if not isinstance(route.action, Store):
        return {}
    content = multipart([ct_instance().part10])
    return {"content": content, "headers": {"content-type": STOW_TYPE}}


@pytest.mark.parametrize("route", ROUTES, ids=called)
def test_without_a_token_every_route_answers_401(web: Web, route: Route) -> None:
    answer = web.ask(route.method, filled(route), token=None, **body_of(route))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "token" not in answer.json()["detail"] or "Bearer" in answer.json()["detail"]


@pytest.mark.parametrize("route", ROUTES, ids=called)
def test_without_a_right_every_route_is_denied_and_recorded(web: Web, route: Route) -> None:
    built = ct_instance()
    web.store(built)
    path = filled(
        route,
        study=built.study_instance_uid,
        series=built.series_instance_uid,
        instance=built.sop_instance_uid,
    )
    before = len(web.archive.records(outcome=Outcome.DENIED))
    answer = web.ask(route.method, path, token=web.token(Role.AUDITOR), **body_of(route))
    denied = web.archive.records(outcome=Outcome.DENIED)[before:]

    assert answer.status_code in {403, 404}
    assert len(denied) == 1
    assert denied[0].actor_kind is ActorKind.TOKEN
    assert denied[0].action in {Action.INSTANCE_STORE, Action.STUDY_SEARCH, Action.STUDY_READ}


@pytest.mark.parametrize("route", ROUTES, ids=called)
def test_other_methods_are_told_which_there_are(web: Web, route: Route) -> None:
    for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
        answer = web.ask(method, filled(route))
        assert answer.status_code == 405
        assert route.method in answer.headers["allow"].split(", ")


@pytest.mark.parametrize("route", ROUTES, ids=called)
def test_every_answer_has_the_security_headers(web: Web, route: Route) -> None:
    for token in (None, ""):
        answer = web.ask(route.method, filled(route), token=token, **body_of(route))
        for name, value in security_headers():
            assert answer.headers[name.decode()] == value.decode()


def test_no_two_routes_are_the_same() -> None:
    assert len({called(route) for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/study", "/studies/", "/studies/1.2/", "/patients", "/studies/1.2/rendered",
     "/studies/1.2/series/1.3/instances/1.4/frames", "//studies", "/../studies", "/Studies"],
)  # fmt: skip
def test_other_paths_are_not_found_or_hold_no_uid(web: Web, path: str) -> None:
    assert web.get(path).status_code in {400, 404}


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/", "/metrics", "/healthz", "/docs", "/openapi.json"]
)
def test_nothing_else_is_mounted(web: Web, path: str) -> None:
    answer = web.get(f"/dicom-web/../..{path}")

    assert answer.status_code == 404


def test_a_path_of_a_real_instance_works_with_all_read_routes(web: Web) -> None:
    built = ct_instance()
    web.store(built)

    for route in ROUTES:
        if route.method == "GET":
            path = filled(
                route,
                study=built.study_instance_uid,
                series=built.series_instance_uid,
                instance=built.sop_instance_uid,
            )
            assert web.get(path).status_code == 200, route.template
    assert web.get(path_of(built)).status_code == 200
