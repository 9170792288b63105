"""More than the archive can do at a time is refused with a word of when to come again (X8, X50)."""

import asyncio
import threading
from collections import Counter

import httpx
import pytest

from raykeep.domain.errors import StorageFull, StorageUnavailable
from raykeep.servers.dicomweb.settings import DicomwebSettings
from tests.builders import ct_instance
from tests.fakes.web import HOST, STOW_TYPE, Web, fake_web, multipart, path_of


def at_once(web: Web, count: int, method: str, path: str, **more) -> list[httpx.Response]:
    """The same request, so many times at once."""
    token = web.token()

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(web.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
            headers = {"authorization": f"Bearer {token}", **more.pop("headers", {})}
            return await asyncio.gather(
                *(
                    client.request(method, f"/dicom-web{path}", headers=headers, **more)
                    for _ in range(count)
                )
            )

    return web.loop.run(run())


def test_more_calls_than_may_wait_are_told_to_come_again(tmp_path) -> None:
    with fake_web(tmp_path, settings=DicomwebSettings(threads=1, waiting=2)) as web:
        answers = at_once(web, 20, "GET", "/studies")
        statuses = Counter(one.status_code for one in answers)

        assert statuses[200] >= 3
        assert statuses[503] >= 1
        assert set(statuses) == {200, 503}
        refused = next(one for one in answers if one.status_code == 503)
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"] == "busy"
        assert web.get("/studies").status_code == 200


def test_one_bearer_cannot_take_every_upload_thread(tmp_path) -> None:
    settings = DicomwebSettings(small_part_bytes=1_000, upload_threads=4, uploads_per_actor=1)
    with fake_web(tmp_path, settings=settings) as web:
        pixels = bytes(4_000_000)
        body = multipart([ct_instance(rows=1000, columns=2000, pixels=pixels).part10])
        answers = at_once(
            web, 3, "POST", "/studies", content=body, headers={"content-type": STOW_TYPE}
        )

        assert {one.status_code for one in answers} == {200, 429}
        assert web.app.dicomweb.snapshot()["uploads"] == 0


def test_downloads_are_counted(tmp_path) -> None:
    with fake_web(tmp_path, settings=DicomwebSettings(downloads=0)) as web:
        small = ct_instance()
        large = ct_instance(rows=1000, columns=1000, pixels=bytes(2_000_000))
        web.store(small, large)

        assert web.get(path_of(large)).status_code == 503
        # What is read already costs nothing to send.
        assert web.get(path_of(small)).status_code == 200


def test_a_busy_archive_lets_downloads_go_on_that_have_begun(tmp_path) -> None:
    with fake_web(tmp_path, settings=DicomwebSettings(threads=1, waiting=0)) as web:
        large = ct_instance(rows=1000, columns=1500, pixels=bytes(3_000_000))
        web.store(large)
        token, held = web.token(), threading.Event()
        got = bytearray()

        async def run() -> None:
            pools = web.app.dicomweb._pools

            async def send(message: dict) -> None:
                if message["type"] == "http.response.start":
                    busy.append(asyncio.create_task(pools.short.run(held.wait, patient=True)))
                    asyncio.get_running_loop().call_later(0.1, held.set)
                got.extend(message.get("body", b""))

            async def receive() -> dict:
                return {"type": "http.request", "body": b"", "more_body": False}

            busy: list[asyncio.Task] = []
            scope = {
                "type": "http",
                "method": "GET",
                "raw_path": f"/dicom-web{path_of(large)}".encode(),
                "query_string": b"",
                "headers": [
                    (b"host", HOST.encode()),
                    (b"authorization", f"Bearer {token}".encode()),
                    (b"accept", b"application/dicom"),
                ],
                "client": ("192.0.2.7", 1),
            }
            await web.app(scope, receive, send)
            await asyncio.gather(*busy)

        web.loop.run(run())
        assert got.endswith(large.data_set)


@pytest.mark.parametrize(
    ("error", "status"),
    [(StorageFull("no room"), 507), (StorageUnavailable("the key store is away"), 503)],
)
def test_an_archive_that_cannot_store_says_why_in_http(
    tmp_path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    with fake_web(tmp_path) as web:
        web.store(ct_instance())

        def refuse(*_args: object, **_more: object) -> None:
            raise error

        monkeypatch.setattr(type(web.archive.blobs), "put", refuse)
        answer = web.store(ct_instance(), ct_instance())

        assert answer.status_code == status
        assert "key store" not in answer.text
        assert ("retry-after" in answer.headers) == (status == 503)
