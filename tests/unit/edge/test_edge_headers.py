"""The OWASP Secure Headers list stands on every answer (RW1)."""

import asyncio

import httpx
import pytest

from raykeep.edge.gate import Gate
from raykeep.edge.hosts import HostNames
from raykeep.edge.security_headers import security_headers, with_security
from tests.unit.edge.apps import broken, hello
from tests.unit.edge.conftest import CountingEntropy

WANTED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=()",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-frame-options": "deny",
    "x-permitted-cross-domain-policies": "none",
    "x-xss-protection": "1; mode=block",
}


async def framed(scope, receive, send):
    """An application that needs another policy for its pages."""
    headers = [(b"content-security-policy", b"default-src 'self'"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


GATE = Gate(
    {"hello": hello, "broken": broken, "framed": framed},
    hosts=HostNames(["localhost"]),
    always=security_headers("classic"),
    entropy=CountingEntropy(),
)


def ask(path: str, *, method: str = "GET", **more) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(GATE, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
            return await client.request(method, path, **more)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "status"), [("/hello", 200), ("/broken", 500), ("/none", 404), ("/", 404)]
)
def test_every_answer_carries_them(path: str, status: int) -> None:
    answer = ask(path)

    assert answer.status_code == status
    for name, value in WANTED.items():
        assert value in answer.headers[name]
    assert "server" not in answer.headers


def test_an_answer_to_a_wrong_host_carries_them() -> None:
    answer = ask("/hello", headers={"host": "evil"})

    assert answer.status_code == 421
    assert answer.headers["x-frame-options"] == "deny"


def test_no_origin_is_let_in_by_cross_origin_headers() -> None:
    answer = ask("/hello", headers={"origin": "https://evil.example"})

    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_application_may_name_a_policy_of_its_own_once() -> None:
    answer = ask("/framed")

    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers["x-frame-options"] == "deny"


def test_the_old_header_comes_with_the_classic_preset_alone() -> None:
    assert b"x-xss-protection" in dict(security_headers("classic"))
    assert b"x-xss-protection" not in dict(security_headers("nist"))


def test_no_header_stands_twice() -> None:
    made = with_security([(b"cache-control", b"no-store")], security_headers())

    assert len({name for name, _ in made}) == len(made)


def test_only_http_is_spoken_at_the_gate() -> None:
    async def run() -> None:
        await GATE({"type": "websocket"}, None, None)

    with pytest.raises(RuntimeError, match="websocket"):
        asyncio.run(run())
