"""Live, ready, and numbers; nothing else, and to nobody else (X42)."""

import asyncio

import httpx
import pytest

from raykeep.bootstrap.system import SystemEntropy
from raykeep.domain.errors import StorageUnavailable
from raykeep.servers.health.app import build_health_app
from raykeep.servers.health.metrics import Source, exposition
from raykeep.servers.health.settings import HealthSettings


def ask(path: str, *, method: str = "GET", host: str = "127.0.0.1:9464", **built) -> httpx.Response:
    async def run() -> httpx.Response:
        app = build_health_app(entropy=SystemEntropy(), **built)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(method, path)

    return asyncio.run(run())


def away() -> None:
    raise StorageUnavailable("the key of facility north is away")


WEB = Source(
    "raykeep_web",
    lambda: {"requests": 7, "connections": 2, "seconds": 0.5},
    frozenset({"requests"}),
    "HTTPS listener:",
)


def test_it_is_alive() -> None:
    assert (ask("/healthz").status_code, ask("/healthz").text) == (200, "alive\n")


def test_it_is_ready_when_every_check_passes() -> None:
    answer = ask("/readyz", checks={"database": lambda: None, "keys": lambda: True})

    assert (answer.status_code, answer.text) == (200, "ready\n")


def test_it_is_not_ready_when_one_does_not_and_says_which_but_not_why() -> None:
    answer = ask("/readyz", checks={"database": lambda: None, "keys": away})

    assert (answer.status_code, answer.text) == (503, "not ready: keys\n")


def test_numbers_come_in_the_format_of_prometheus() -> None:
    answer = ask("/metrics", sources=(WEB,))

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.splitlines() == [
        "# HELP raykeep_web_connections HTTPS listener: connections.",
        "# TYPE raykeep_web_connections gauge",
        "raykeep_web_connections 2",
        "# HELP raykeep_web_requests_total HTTPS listener: requests.",
        "# TYPE raykeep_web_requests_total counter",
        "raykeep_web_requests_total 7",
        "# HELP raykeep_web_seconds HTTPS listener: seconds.",
        "# TYPE raykeep_web_seconds gauge",
        "raykeep_web_seconds 0.5",
    ]


@pytest.mark.parametrize("name", ["Test^Patient", 'a{user="ann"}', "a b", "a\n1"])
def test_a_number_cannot_carry_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="metric"):
        exposition((Source("raykeep", lambda: {name: 1}),))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_nothing_can_be_done_here(path: str, method: str) -> None:
    assert ask(path, method=method).status_code == 405


@pytest.mark.parametrize("path", ["/", "/debug", "/metrics/x", "/dicom-web/studies", "/docs"])
def test_there_is_nothing_else(path: str) -> None:
    assert ask(path).status_code == 404


def test_a_page_of_another_site_cannot_reach_it_by_a_name_of_its_own() -> None:
    assert ask("/metrics", host="evil.example:9464").status_code == 421


def test_no_version_and_no_banner() -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = ask(path, sources=(WEB,))
        assert "server" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "version" not in answer.text


def test_nothing_in_the_settings_opens_it_to_others() -> None:
    assert not {"host", "address", "bind"} & set(HealthSettings.__dataclass_fields__)
