"""RT6, RI9: revoked is cut off within five seconds, whatever is under way."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from raykeep.wire.dimse.codec import encode
from raykeep.wire.dimse.exchange import fragment
from tests.builders import Built, ct_instance
from tests.fakes.scu import CT, Scu
from tests.interop.archive.peers import Peer
from tests.running import RunningArchive
from tests.security.callers import call, calling, denial, until, web

CUT_OFF = 5.0  # seconds
PIECE = 65_536  # bytes


@pytest.fixture
def leaver(archive: RunningArchive, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A device that the test revokes."""
    return archive.enroll(f"GONE{abs(hash(request.node.name)) % 10**6}")


def ends_within(scu: Scu, seconds: float) -> float:
    """Seconds until the archive closes the connection."""
    begun = time.monotonic()
    scu.socket.settimeout(seconds + 20)
    with suppress(ConnectionError):
        while scu.socket.recv(PIECE):
            pass
    return time.monotonic() - begun


def test_a_revoked_device_is_let_in_no_more(
    archive: RunningArchive, leaver: dict[str, Any]
) -> None:
    with calling(archive, leaver) as scu:
        scu.release()
    archive.ask("device", "revoke", leaver["aet"])

    def rejection() -> tuple[int, int, int] | None:
        scu = call(archive, leaver)
        scu.close()
        return scu.rejection

    assert until(rejection, CUT_OFF, "it is let in all the same") == (1, 1, 3)
    assert "revoked" in denial(archive, "revoked")["reason"]
    printed = Peer(archive, leaver["aet"], "main", leaver, "").dcmtk("echoscu", "-v", expect=None)
    assert "Rejected Permanent" in printed


def test_an_idle_association_of_a_revoked_device_ends(
    archive: RunningArchive, leaver: dict[str, Any]
) -> None:
    with calling(archive, leaver) as scu:
        assert scu.echo().status == 0

        archive.ask("device", "revoke", leaver["aet"])

        assert ends_within(scu, CUT_OFF) < CUT_OFF


def test_a_store_of_a_revoked_device_is_cut_off_and_nothing_is_kept(
    archive: RunningArchive, leaver: dict[str, Any], token: str
) -> None:
    built = ct_instance(rows=512, columns=512)
    with calling(archive, leaver) as scu:
        pdus = list(_store_pdus(scu, built))
        for pdu in pdus[: len(pdus) // 2]:
            scu.stream.send(pdu, 10)

        archive.ask("device", "revoke", leaver["aet"])

        assert ends_within(scu, CUT_OFF) < CUT_OFF
    with web(archive, token) as client:
        assert client.get(f"/studies/{built.study_instance_uid}").status_code == 404


def _store_pdus(scu: Scu, built: Built) -> Iterator[list[bytes]]:
    command = encode(scu.store_rq(built))
    for pdu in fragment(scu.context_of(CT), command, [built.data_set], 16_384):
        yield [bytes(buffer) for buffer in pdu]


def test_a_revoked_token_is_let_in_no_more(archive: RunningArchive) -> None:
    token = archive.token()
    with web(archive, token) as client:
        assert client.get("/studies").status_code == 200

        archive.ask("token", "revoke", token.split("_")[1])

        until(lambda: client.get("/studies").status_code == 401, CUT_OFF, "it is let in still")


@pytest.fixture(scope="module")
def large(archive: RunningArchive, token: str) -> Built:
    """A stored instance of 40 MB, more than the sockets' buffers hold."""
    built = ct_instance(rows=4000, columns=5000, pixels=bytes(40_000_000))
    with web(archive, token) as client:
        headers = {"Content-Type": "application/dicom"}
        assert client.post("/studies", content=built.part10, headers=headers).status_code == 200
    return built


def test_a_download_of_a_revoked_token_is_cut_off(archive: RunningArchive, large: Built) -> None:
    token, received = archive.token(), 0
    path = (
        f"/studies/{large.study_instance_uid}/series/{large.series_instance_uid}"
        f"/instances/{large.sop_instance_uid}"
    )
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    with web(archive, token) as client, client.stream("GET", path, headers=accept) as reply:
        assert reply.status_code == 200
        length = int(reply.headers["content-length"])
        pieces = reply.iter_raw(PIECE)
        received += len(next(pieces))

        archive.ask("token", "revoke", token.split("_")[1])
        time.sleep(CUT_OFF)

        # What lies in the buffers between us still comes, and no more.
        with pytest.raises(httpx.TransportError):
            for piece in pieces:
                received += len(piece)
    assert received < length


def test_an_upload_of_a_revoked_token_is_cut_off_and_nothing_is_kept(
    archive: RunningArchive, token: str
) -> None:
    doomed = archive.token()
    built = ct_instance(rows=2000, columns=2000)
    begun = 0.0

    def body() -> Iterator[bytes]:
        nonlocal begun
        whole = built.part10
        yield whole[: len(whole) // 2]
        archive.ask("token", "revoke", doomed.split("_")[1])
        begun = time.monotonic()
        # Dribbles on, so that the connection does not end for want of bytes.
        for at in range(len(whole) // 2, len(whole), 64):
            time.sleep(0.05)
            yield whole[at : at + 64]

    with web(archive, doomed) as client:
        try:
            headers = {"Content-Type": "application/dicom"}
            status = client.post("/studies", content=body(), headers=headers).status_code
        except (httpx.TransportError, OSError):
            status = 0

    assert time.monotonic() - begun < CUT_OFF + 1  # httpx looks when it next writes
    assert status in {0, 401}
    with web(archive, token) as client:
        assert client.get(f"/studies/{built.study_instance_uid}").status_code == 404
