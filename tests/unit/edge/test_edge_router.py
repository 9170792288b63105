"""From path to route."""

import pytest

from raykeep.edge.errors import HttpRefusal
from raykeep.edge.router import Route, Router

ROUTES = Router(
    [
        Route("GET", "/studies", "search"),
        Route("POST", "/studies", "store"),
        Route("GET", "/studies/{study}", "study"),
        Route("GET", "/studies/{study}/metadata", "metadata"),
        Route("GET", "/studies/{study}/bulkdata/{path*}", "bulk"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "action", "values"),
    [
        ("GET", "studies", "search", ()),
        ("POST", "studies", "store", ()),
        ("GET", "studies/1.2", "study", ("1.2",)),
        ("GET", "studies/1.2/metadata", "metadata", ("1.2",)),
        ("GET", "studies/1.2/bulkdata/a", "bulk", ("1.2", "a")),
        ("GET", "studies/1.2/bulkdata/a/0/b", "bulk", ("1.2", "a/0/b")),
    ],
)
def test_a_path_finds_its_route(method: str, path: str, action: str, values: tuple) -> None:
    route, found = ROUTES.find(method, tuple(path.split("/")))

    assert (route.action, found) == (action, values)


@pytest.mark.parametrize(
    "path", ["", "study", "studies/1.2/other", "studies/1/metadata/2", "studies/1/bulkdata"]
)
def test_another_path_is_not_found(path: str) -> None:
    with pytest.raises(HttpRefusal) as refused:
        ROUTES.find("GET", tuple(path.split("/")))

    assert refused.value.status == 404


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE", "TRACE", "get"])
def test_another_method_is_told_which_there_are(method: str) -> None:
    with pytest.raises(HttpRefusal) as refused:
        ROUTES.find(method, ("studies",))

    assert refused.value.status == 405
    assert refused.value.headers == ((b"allow", b"GET, POST"),)


def test_a_route_stands_in_the_table_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Router([Route("GET", "/a/{b}", 1), Route("GET", "/a/{c}", 2)])
