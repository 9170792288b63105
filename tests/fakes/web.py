"""The web application over a whole archive, asked without a network."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from raykeep.bootstrap.system import SystemEntropy
from raykeep.domain.access import Role
from raykeep.domain.device import Network
from raykeep.domain.facility import FacilityName
from raykeep.servers.dicomweb.app import WebApp, build_web_app
from raykeep.servers.dicomweb.settings import DicomwebSettings
from raykeep.services.ingest_settings import IngestSettings
from raykeep.services.tenants import add_facility
from raykeep.services.tokens import TokenWish, create_token, revoke_token
from tests.builders import Built
from tests.fakes.archive import FACILITY, OPERATOR, FakeArchive, fake_archive

HOST = "pacs.example.org"
BASE = f"https://{HOST}/dicom-web"
BOUNDARY = "a-boundary"
OTHER = FacilityName("other")


@dataclass
class Web:
    """The application, and ways to ask it."""

    archive: FakeArchive
    app: WebApp
    loop: asyncio.Runner
    tokens: dict[tuple[Role, frozenset[str]], str] = field(default_factory=dict)

    def token(
        self,
        role: Role = Role.TECHNOLOGIST,
        *facilities: FacilityName,
        networks: tuple[Network, ...] = (),
        life: timedelta = timedelta(days=1),
    ) -> str:
        """A token's text; for the same role and facilities the same, unless it is bounded."""
        named = frozenset(facilities or (FACILITY,))
        if (known := self.tokens.get((role, named))) and not networks:
            return known
        wish = TokenWish(f"{role}", role, named, life, networks)
        _, text = create_token(self.archive.enforcer, OPERATOR, wish, self.archive.clock)
        if not networks:
            self.tokens[role, named] = text
        return text

    def revoke(self, text: str) -> None:
        """Cut a token off, and let this process know, as its timer does each second."""
        revoke_token(self.archive.enforcer, OPERATOR, text.split("_")[1], self.archive.clock)
        self.archive.enforcer.identities.poll()

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = "",
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        address: str = "192.0.2.7",
    ) -> httpx.Response:
        """One request; `token` None sends none, empty sends a technologist's."""
        sent = list(headers.items() if isinstance(headers, Mapping) else headers or ())
        if token is not None:
            sent.append(("authorization", f"Bearer {token or self.token()}"))

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(
                self.app, client=(address, 4711), raise_app_exceptions=False
            )
            async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
                return await client.request(
                    method,
                    path if path.startswith("/dicom-web") else f"/dicom-web{path}",
                    headers=sent,
                    content=content,
                    params=params,
                )

        return self.loop.run(run())

    def get(self, path: str, accept: str | None = None, **more) -> httpx.Response:
        headers = list((more.pop("headers", None) or {}).items())
        if accept is not None:
            headers.append(("accept", accept))
        return self.ask("GET", path, headers=headers, **more)

    def store(self, *built: Built, path: str = "/studies", **more) -> httpx.Response:
        """STOW-RS with one part an instance."""
        return self.ask(
            "POST",
            path,
            content=multipart([one.part10 for one in built]),
            headers={"content-type": STOW_TYPE},
            **more,
        )


STOW_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


def multipart(parts: list[bytes], kind: str = "application/dicom") -> bytes:
    """A multipart body, as a client makes it."""
    lines = []
    for part in parts:
        lines += [f"--{BOUNDARY}\r\nContent-Type: {kind}\r\n\r\n".encode(), part, b"\r\n"]
    return b"".join([*lines, f"--{BOUNDARY}--\r\n".encode()])


def parts_of(answer: httpx.Response) -> list[tuple[dict[str, str], bytes]]:
    """Headers and bytes of each part of a multipart answer, read plainly."""
    kind = answer.headers["content-type"]
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    found = []
    for raw in (b"\r\n" + answer.content).split(b"\r\n--" + boundary)[1:-1]:
        head, _, body = raw.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line.decode().partition(": ") for line in head.split(b"\r\n")]
        found.append(({name.lower(): value for name, _, value in lines}, body))
    return found


def path_of(built: Built, *more: str) -> str:
    """The address of an instance, below the mount."""
    study = f"/studies/{built.study_instance_uid}"
    series = f"series/{built.series_instance_uid}"
    return "/".join((study, series, f"instances/{built.sop_instance_uid}", *more))


@contextmanager
def fake_web(
    folder: Path,
    *,
    settings: DicomwebSettings | None = None,
    ingest: IngestSettings | None = None,
    names: tuple[str, ...] = (HOST,),
) -> Iterator[Web]:
    """A new archive with two facilities, and the application over it."""
    with fake_archive(folder) as archive, asyncio.Runner() as loop:
        add_facility(archive.enforcer, OPERATOR, OTHER, "Other", archive.clock)
        app = build_web_app(
            archive.enforcer,
            clock=archive.clock,
            entropy=SystemEntropy(),
            names=names,
            dicomweb=settings,
            ingest=ingest,
        )
        try:
            yield Web(archive, app, loop)
        finally:
            app.close()
