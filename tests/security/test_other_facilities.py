"""X21: what belongs to another facility is not there: not found, not counted, and no slower."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.builders import IMPLICIT_VR_LITTLE_ENDIAN, Built, ct_instance, encode
from tests.fakes.scu import STUDY_ROOT_FIND
from tests.interop.archive.matching import Case
from tests.interop.archive.peers import Peer
from tests.running import RunningArchive
from tests.security.callers import calling, newest, records, web

UNKNOWN = "1.2.826.0.1.3680043.8.498.99"


@pytest.fixture(scope="module")
def theirs(archive: RunningArchive) -> Built:
    """An instance of the facility `north`."""
    archive.ask("facility", "add", "north")
    built = ct_instance(patient_name="Foreign^Patient", patient_id="NORTH-1", rows=64, columns=64)
    with web(archive, archive.token(facility="north")) as client:
        headers = {"Content-Type": "application/dicom"}
        assert client.post("/studies", content=built.part10, headers=headers).status_code == 200
    return built


@pytest.fixture(scope="module")
def stranger(archive: RunningArchive) -> Iterator[httpx.Client]:
    """A client of the facility `south`, which holds one instance of its own."""
    archive.ask("facility", "add", "south")
    with web(archive, archive.token(facility="south")) as client:
        headers = {"Content-Type": "application/dicom"}
        own = ct_instance(patient_id="SOUTH-1").part10
        assert client.post("/studies", content=own, headers=headers).status_code == 200
        yield client


def paths(study: str, series: str, instance: str) -> list[str]:
    below = f"/studies/{study}/series/{series}"
    one = f"{below}/instances/{instance}"
    return [
        f"/studies/{study}", below, one,
        f"/studies/{study}/metadata", f"{below}/metadata", f"{one}/metadata",
        f"{one}/frames/1", f"{one}/frames/1,2", f"{one}/bulkdata/7FE00010",
    ]  # fmt: skip


def told(reply: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """What a client learns of an answer."""
    changing = {"date"}
    headers = {name: value for name, value in reply.headers.items() if name not in changing}
    return reply.status_code, reply.text, headers


@pytest.mark.parametrize("which", range(9))
def test_it_answers_as_if_it_were_not_there(
    stranger: httpx.Client, theirs: Built, which: int
) -> None:
    uids = theirs.study_instance_uid, theirs.series_instance_uid, theirs.sop_instance_uid
    hidden = stranger.get(paths(*uids)[which], headers={"Accept": "*/*"})
    nothing = stranger.get(
        paths(UNKNOWN, f"{UNKNOWN}.1", f"{UNKNOWN}.2")[which], headers={"Accept": "*/*"}
    )

    assert hidden.status_code == 404
    assert told(hidden) == told(nothing)


def test_the_trail_knows_that_it_was_hidden(
    archive: RunningArchive, stranger: httpx.Client, theirs: Built
) -> None:
    before = len(records(archive, study=theirs.study_instance_uid, outcome="denied"))

    stranger.get(f"/studies/{theirs.study_instance_uid}")

    denied = records(archive, study=theirs.study_instance_uid, outcome="denied")
    assert len(denied) == before + 1
    assert (denied[0]["action"], denied[0]["event"]) == ("study:read", 110113)
    assert denied[0]["reason"] == "outside the actor's scope"


SEARCHES = (
    {}, {"PatientID": "NORTH-1"}, {"PatientName": "Foreign*"}, {"PatientName": "*"},
    {"PatientName": "foreign", "fuzzymatching": "true"}, {"includefield": "all"},
    {"StudyDate": "19000101-20991231"}, {"offset": "0", "limit": "1"}, {"ModalitiesInStudy": "CT"},
)  # fmt: skip


@pytest.mark.parametrize("level", ["studies", "series", "instances"])
@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_no_search_shows_or_counts_it(
    stranger: httpx.Client, theirs: Built, level: str, search: dict[str, str]
) -> None:
    reply = stranger.get(f"/{level}", params=search)

    assert reply.status_code == 200
    assert theirs.study_instance_uid not in reply.text
    assert "NORTH" not in reply.text
    found = len(reply.json())
    assert found <= 1
    assert reply.headers["x-total-count"] == str(found)
    assert "warning" not in reply.headers


def test_no_search_by_its_uids_finds_it(stranger: httpx.Client, theirs: Built) -> None:
    study, series = theirs.study_instance_uid, theirs.series_instance_uid
    for path in (
        f"/studies?StudyInstanceUID={study}",
        f"/studies/{study}/series",
        f"/studies/{study}/instances",
        f"/studies/{study}/series/{series}/instances",
        f"/series?SeriesInstanceUID={series}",
        f"/instances?SOPInstanceUID={theirs.sop_instance_uid}",
        f"/studies?StudyInstanceUID={UNKNOWN},{study}",
    ):
        reply = stranger.get(path)
        assert (reply.status_code, reply.json()) == (200, []), path
        assert reply.headers["x-total-count"] == "0"


def test_no_series_of_theirs_is_found_under_a_study_of_ours(
    archive: RunningArchive, stranger: httpx.Client, theirs: Built
) -> None:
    (own,) = stranger.get("/studies").json()
    ours = own["0020000D"]["Value"][0]

    reply = stranger.get(f"/studies/{ours}/series/{theirs.series_instance_uid}")

    assert reply.status_code == 404


def test_storing_into_their_study_does_not_touch_it(
    archive: RunningArchive, stranger: httpx.Client, theirs: Built
) -> None:
    """The same UIDs in another facility are another study, with keys of its own."""
    forged = ct_instance(
        patient_id="SOUTH-2",
        study_instance_uid=theirs.study_instance_uid,
        series_instance_uid=theirs.series_instance_uid,
        sop_instance_uid=theirs.sop_instance_uid,
        pixels=bytes(128),
    )
    headers = {"Content-Type": "application/dicom"}
    path = f"/studies/{theirs.study_instance_uid}"

    assert stranger.post("/studies", content=forged.part10, headers=headers).status_code == 200

    with web(archive, archive.token(facility="north")) as client:
        (found,) = client.get("/studies", params={"PatientID": "NORTH-1"}).json()
        assert found["00201208"]["Value"] == [1]
        assert theirs.data_set in client.get(path, headers={"Accept": "*/*"}).content
    (mine,) = stranger.get("/studies", params={"PatientID": "SOUTH-2"}).json()
    assert mine["00201208"]["Value"] == [1]
    assert forged.data_set in stranger.get(path, headers={"Accept": "*/*"}).content


def test_a_facility_that_is_not_ones_own_is_not_stored_into(stranger: httpx.Client) -> None:
    headers = {"Content-Type": "application/dicom"}
    body = ct_instance().part10
    foreign = stranger.post("/studies?facility=north", content=body, headers=headers)
    unknown = stranger.post("/studies?facility=nowhere", content=body, headers=headers)

    assert foreign.status_code == 403
    assert told(foreign) == told(unknown)


@pytest.fixture(scope="module")
def device(archive: RunningArchive, stranger: httpx.Client) -> dict[str, Any]:
    """A device of the facility `south`."""
    assert stranger
    return archive.enroll("SOUTHERN", facility="south")


@pytest.mark.parametrize(
    "keys",
    [
        {"PatientID": "NORTH-1"},
        {"PatientName": "Foreign*"},
        {"PatientID": "*"},
        {"PatientName": ""},
    ],
    ids=str,
)
def test_no_c_find_shows_it(
    archive: RunningArchive, device: dict[str, Any], theirs: Built, keys: dict[str, str]
) -> None:
    query = Case("theirs", {"StudyInstanceUID": "", **keys}, "").identifier()
    with calling(archive, device, transfer_syntaxes=("1.2.840.10008.1.2",)) as scu:
        found, response = scu.find(encode(query, IMPLICIT_VR_LITTLE_ENDIAN), STUDY_ROOT_FIND)

    assert response is not None
    assert response.status == 0
    assert not any(b"NORTH" in one or b"Foreign" in one for one in found)
    assert newest(archive, actor="SOUTHERN", action="study:search")["count"] == len(found)


def test_dcmtk_of_another_facility_finds_nothing(
    archive: RunningArchive, device: dict[str, Any], theirs: Built, tmp_path: Any
) -> None:
    peer = Peer(archive, "SOUTHERN", "south", device, "")

    assert peer.find("PatientID=NORTH-1", "StudyInstanceUID", folder=tmp_path) == []


ROUNDS = 150


def test_what_is_hidden_takes_no_longer_than_what_is_not_there(
    stranger: httpx.Client, theirs: Built
) -> None:
    """Asked in turns, so that the machine's load falls on both alike; medians are compared."""
    uids = theirs.study_instance_uid, f"{theirs.series_instance_uid}.9", "1.2.3"
    hidden_path = f"/studies/{uids[0]}/series/{uids[1]}"
    unknown_path = f"/studies/{UNKNOWN}/series/{UNKNOWN}.9"
    times: dict[str, list[float]] = {hidden_path: [], unknown_path: []}
    for _ in range(ROUNDS):
        for path, taken in times.items():
            begun = time.perf_counter()
            assert stranger.get(path).status_code == 404
            taken.append(time.perf_counter() - begun)

    hidden, unknown = (statistics.median(taken) for taken in times.values())
    assert 0.6 < hidden / unknown < 1.7, (hidden, unknown)
