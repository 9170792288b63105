"""Bearers: how a token may come, when it is good, and what happens when it no longer is."""

import asyncio
import time
from datetime import timedelta
from ipaddress import ip_network

import httpx
import pytest

from raykeep.domain.access import Role
from raykeep.domain.audit_event import EventID, Outcome
from tests.builders import ct_instance
from tests.fakes.web import HOST, STOW_TYPE, Web, fake_web, multipart, path_of


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic cm9vdDpyb290", "rk_0000000000000000_x", "Bearer rk_x",
     "Bearer rk_0000000000000000_" + "A" * 43, "Bearer " + "a" * 600, "Bearer é",
     "Bearer {0.__class__}", "Bearer a b"],
)  # fmt: skip
def test_what_is_no_good_token_is_401_and_all_look_the_same(web: Web, header: str) -> None:
    plain = web.get("/studies", token=None)
    answer = web.ask(
        "GET", "/studies", token=None, headers=[("authorization", header.encode("latin-1"))]
    )

    assert answer.status_code == 401
    assert answer.content == plain.content
    assert answer.headers == plain.headers


def test_two_authorization_headers_are_none(web: Web) -> None:
    answer = web.ask("GET", "/studies", headers=[("authorization", "Bearer x")])

    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["token", "access_token", "Token"])
def test_a_token_in_the_address_is_refused_even_beside_a_good_one(web: Web, name: str) -> None:
    answer = web.get(f"/studies?{name}={web.token()}")

    assert answer.status_code == 400
    assert web.token() not in answer.text


def test_an_expired_token_is_no_token(web: Web) -> None:
    token = web.token(Role.AUDITOR, life=timedelta(hours=1))
    assert web.get("/studies", token=token).status_code == 403
    web.archive.clock.ahead = timedelta(hours=2)
    try:
        assert web.get("/studies", token=token).status_code == 401
    finally:
        web.archive.clock.ahead = timedelta(0)


def test_a_token_is_good_from_its_own_networks_alone(web: Web) -> None:
    token = web.token(networks=(ip_network("198.51.100.0/24"),))

    assert web.get("/studies", token=token, address="198.51.100.9").status_code == 200
    assert web.get("/studies", token=token, address="192.0.2.7").status_code == 401


def test_who_is_refused_stands_on_the_trail_once_and_without_the_token(web: Web) -> None:
    for _ in range(5):
        web.ask("GET", "/studies", token="rk_bad", address="203.0.113.5")
    refused = [
        one
        for one in web.archive.records(event=EventID.USER_AUTHENTICATION, outcome=Outcome.DENIED)
        if one.address == "203.0.113.5"
    ]

    assert len(refused) == 1
    assert "rk_bad" not in str(refused)


def test_a_revoked_token_is_no_token(web: Web) -> None:
    token = web.token(Role.RADIOLOGIST)
    assert web.get("/studies", token=token).status_code == 200
    web.revoke(token)

    assert web.get("/studies", token=token).status_code == 401
    del web.tokens[Role.RADIOLOGIST, frozenset({"main"})]


# --- in the middle of a request -----------------------------------------------------------------


def asked(web: Web, token: str, path: str, **more) -> httpx.Request:
    headers = {"host": HOST, "authorization": f"Bearer {token}", **more.pop("headers", {})}
    return httpx.Request(
        more.pop("method", "GET"), f"https://{HOST}/dicom-web{path}", headers=headers, **more
    )


def test_a_download_ends_within_five_seconds_of_its_token(tmp_path) -> None:
    with fake_web(tmp_path) as web:
        built = ct_instance(rows=1024, columns=2048, pixels=bytes(4 * 1024 * 1024))
        web.store(built)
        token = web.token(Role.RADIOLOGIST)
        sent: list[dict] = []

        async def slow_client() -> float:
            """Take one piece, then hold the rest back; the token ends meanwhile."""
            taken = asyncio.Event()

            async def send(message: dict) -> None:
                sent.append(message)
                if message["type"] == "http.response.body":
                    taken.set()
                    await asyncio.sleep(3600)

            async def receive() -> dict:
                return {"type": "http.request", "body": b"", "more_body": False}

            request = asked(web, token, path_of(built))
            scope = {
                "type": "http",
                "method": "GET",
                "raw_path": request.url.raw_path,
                "query_string": b"",
                "headers": [(k.lower(), v) for k, v in request.headers.raw],
                "client": ("192.0.2.7", 1),
            }
            task = asyncio.create_task(web.app(scope, receive, send))
            await taken.wait()
            began = time.monotonic()
            await asyncio.to_thread(web.revoke, token)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 10)
            return time.monotonic() - began

        assert web.loop.run(slow_client()) < 5
        assert sum(len(one.get("body", b"")) for one in sent) < len(built.data_set)
        assert web.app.dicomweb.snapshot() == {
            "calls": 0,
            "uploads": 0,
            "downloads": 0,
            "cut_off": 1,
        }


def test_an_upload_ends_within_five_seconds_of_its_token_and_leaves_nothing(tmp_path) -> None:
    with fake_web(tmp_path) as web:
        built = ct_instance(rows=1024, columns=2048, pixels=bytes(4 * 1024 * 1024))
        token = web.token(Role.UPLOADER)
        whole = multipart([built.part10])

        async def slow_client() -> float:
            half = asyncio.Event()
            pieces = iter([whole[:1_500_000], whole[1_500_000:2_500_000]])

            async def receive() -> dict:
                piece = next(pieces, None)
                if piece is None:
                    half.set()
                    await asyncio.sleep(3600)
                return {"type": "http.request", "body": piece, "more_body": True}

            async def send(message: dict) -> None:
                raise AssertionError(message)

            request = asked(
                web, token, "/studies", method="POST", headers={"content-type": STOW_TYPE}
            )
            scope = {
                "type": "http",
                "method": "POST",
                "raw_path": request.url.raw_path,
                "query_string": b"",
                "headers": [(k.lower(), v) for k, v in request.headers.raw],
                "client": ("192.0.2.7", 1),
            }
            task = asyncio.create_task(web.app(scope, receive, send))
            await half.wait()
            began = time.monotonic()
            await asyncio.to_thread(web.revoke, token)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 10)
            return time.monotonic() - began

        assert web.loop.run(slow_client()) < 5
        assert web.get(path_of(built)).status_code == 404
        assert web.app.dicomweb.snapshot()["uploads"] == 0
        assert list(web.archive.blobs.list()) == []
