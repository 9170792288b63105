"""What must become of a hostile data set, on each of the three ways in."""

import time
from pathlib import Path
from typing import Any

import httpx

from raykeep.wire.dimse.commands import CStoreRQ, Response
from tests.fakes.scu import UID
from tests.running import RunningArchive
from tests.security.callers import PeakMemory, calling, web
from tests.security.hostile import Hostile

MOST_MEMORY = 64 * 1_048_576  # bytes more of a process, whatever it is sent
SOON = 20.0  # seconds; a reader that is slow by the square of its input takes minutes


class Ways:
    """C-STORE, STOW-RS and import into one archive; each tells what it was answered."""

    def __init__(self, archive: RunningArchive, device: dict[str, Any], token: str) -> None:
        self.archive = archive
        self.device = device
        self._token = token

    def c_store(self, hostile: Hostile) -> Response:
        request = {
            "abstract_syntaxes": [UID(hostile.sop_class_uid)],
            "transfer_syntaxes": (UID(hostile.transfer_syntax_uid),),
        }
        with calling(self.archive, self.device, timeout=60.0, **request) as scu:
            command = CStoreRQ(
                message_id=1,
                affected_sop_class_uid=UID(hostile.sop_class_uid),
                affected_sop_instance_uid=UID(hostile.sop_instance_uid),
            )
            scu.send(1, command, [hostile.data_set])
            response = scu.response()
            assert response is not None, (hostile.name, scu.messages.how_ended)
            return response

    def stow(self, part10: bytes) -> httpx.Response:
        with web(self.archive, self._token) as client:
            headers = {"Content-Type": "application/dicom"}
            return client.post("/studies", content=part10, headers=headers)

    def take_in(self, *paths: Path, expect: int = 1) -> dict[str, Any]:
        names = [str(path) for path in paths]
        found: dict[str, Any] = self.archive.ask(
            "import", *names, "--facility", "main", expect=expect
        )
        return found

    def is_found(self, study_instance_uid: str) -> bool:
        with web(self.archive, self._token) as client:
            found = client.get("/studies", params={"StudyInstanceUID": study_instance_uid})
            assert found.status_code == 200
            return bool(found.json())


def refused_by_c_store(ways: Ways, hostile: Hostile) -> None:
    memory, begun = PeakMemory(ways.archive, "dimse"), time.monotonic()

    response = ways.c_store(hostile)

    assert response.status == hostile.status, f"{response.status:04X}H {response.error_comment}"
    assert memory.growth < MOST_MEMORY
    assert time.monotonic() - begun < SOON
    assert not ways.is_found(hostile.study_instance_uid)


def refused_by_stow(ways: Ways, hostile: Hostile) -> None:
    memory, begun = PeakMemory(ways.archive, "web"), time.monotonic()

    reply = ways.stow(hostile.part10)

    assert reply.status_code == 409, (reply.status_code, reply.text[:300])
    answer = reply.json()
    (failure,) = (answer.get("00081198") or answer["0008119A"])["Value"]
    assert failure["00081197"]["Value"] == [hostile.status], answer
    assert memory.growth < MOST_MEMORY
    assert time.monotonic() - begun < SOON
    assert not ways.is_found(hostile.study_instance_uid)


def refused_by_import(ways: Ways, hostile: Hostile, folder: Path) -> None:
    path = folder / "hostile.dcm"
    path.write_bytes(hostile.part10)
    memory = PeakMemory(ways.archive, "worker")

    report = ways.take_in(path)

    assert (report["refused"], report["stored"]) == (1, 0), report
    assert report["refusals"][0]["path"] == str(path)
    assert memory.growth < MOST_MEMORY
    assert not ways.is_found(hostile.study_instance_uid)
