"""RL5: whatever is sent, and however it fails, no log and no file says of whom it was."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.exchange import fragment
from tests.builders import IMPLICIT_VR_LITTLE_ENDIAN, ct_instance, encode
from tests.fakes.scu import CT, STUDY_ROOT_FIND
from tests.interop.archive.matching import Case
from tests.running import RunningArchive
from tests.security.callers import calling, records, web
from tests.security.hostile import PATIENT_ID, PATIENT_NAME, TRAPS, everything, victim
from tests.security.refusing import Ways


def where(folder: Path, *words: str) -> list[str]:
    """Files below `folder` that hold one of the words in the clear."""
    patterns = [part for word in words for part in ("-e", word)]
    done = subprocess.run(
        ["grep", "-rlaF", *patterns, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.split()


def test_refused_data_sets_leave_no_name(ways: Ways, tmp_path: Path) -> None:
    for number, hostile in enumerate(everything()):
        assert ways.c_store(hostile).status != 0, hostile.name
        assert ways.stow(hostile.part10).status_code != 200, hostile.name
        (tmp_path / f"{number}.dcm").write_bytes(hostile.part10)
    assert ways.take_in(tmp_path)["stored"] == 0

    assert where(ways.archive.folder, *TRAPS) == []


def test_stored_and_quarantined_ones_leave_no_name(ways: Ways) -> None:
    first = victim()
    second = victim(
        study_instance_uid=first.study_instance_uid,
        series_instance_uid=first.series_instance_uid,
        sop_instance_uid=first.sop_instance_uid,
        StudyDescription="TRAPDOOR study",
    )
    assert ways.stow(first.part10).status_code == 200
    assert ways.stow(second.part10).status_code == 202

    assert where(ways.archive.folder, *TRAPS) == []


@pytest.mark.parametrize(
    "path",
    [
        f"/studies?PatientName={PATIENT_NAME}",
        f"/studies?PatientName={PATIENT_NAME}&fuzzymatching=true",
        f"/studies?PatientID={PATIENT_ID}&limit=x",
        f"/studies?PatientBirthDate={PATIENT_ID}",
        f"/studies?{PATIENT_NAME}=1",
        f"/studies?StudyDate={PATIENT_ID}",
        f"/studies/{PATIENT_ID}",
        f"/studies/1.2/series/{PATIENT_ID}/metadata",
        f"/{PATIENT_NAME}",
        f"/studies/1.2/bulkdata/{PATIENT_NAME}",
        f"/studies?includefield={PATIENT_NAME}",
    ],
)
def test_searches_leave_no_name(archive: RunningArchive, token: str, path: str) -> None:
    with web(archive, token) as client:
        client.get(path)
        client.get(path, headers={"Accept": PATIENT_NAME, "User-Agent": PATIENT_NAME})
        client.request("DELETE", path)
    with web(archive, PATIENT_ID) as client:
        assert client.get(path).status_code in {401, 404}

    assert where(archive.folder, *TRAPS) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"PatientName": PATIENT_NAME},
        {"PatientID": PATIENT_ID, "StudyDate": "TRAPDOOR"},
        {"PatientName": "TRAPDOOR" * 1000},
        {"ReferringPhysicianName": PATIENT_NAME, "PatientComments": PATIENT_NAME},
        {"StudyInstanceUID": PATIENT_ID},
    ],
    ids=["name", "wrong date", "too long", "others", "no UID"],
)
def test_c_finds_leave_no_name(
    archive: RunningArchive, device: dict[str, Any], keys: dict[str, str]
) -> None:
    query = Case("trap", keys, "").identifier()
    with calling(archive, device, transfer_syntaxes=("1.2.840.10008.1.2",)) as scu:
        scu.find(encode(query, IMPLICIT_VR_LITTLE_ENDIAN), STUDY_ROOT_FIND)

    assert where(archive.folder, *TRAPS) == []


def test_broken_off_associations_and_uploads_leave_no_name(
    archive: RunningArchive, device: dict[str, Any], token: str
) -> None:
    built = ct_instance(patient_name=PATIENT_NAME, patient_id=PATIENT_ID, rows=256, columns=256)
    with calling(archive, device) as scu:
        command = encode_command(scu.store_rq(built))
        pdus = list(fragment(scu.context_of(CT), command, [built.data_set], 16_384))
        for pdu in pdus[:-2]:
            scu.stream.send(pdu, 10)
    with web(archive, token) as client:
        head = {"Content-Type": "application/dicom"}
        client.post("/studies", content=built.part10[: len(built.part10) // 2], headers=head)

    assert where(archive.folder, *TRAPS) == []


def test_tokens_are_in_no_file(archive: RunningArchive, token: str) -> None:
    with web(archive, token) as client:
        client.get("/studies")

    assert where(archive.folder, token, token.split("_")[2]) == []


def test_the_trail_tells_of_all_this_without_a_name(ways: Ways) -> None:
    ways.stow(victim().part10)
    ways.c_store(everything()[0])

    told = json.dumps(records(ways.archive))

    assert "instance:store" in told
    assert not any(trap in told for trap in TRAPS)


def test_what_is_in_the_clear_would_be_found(archive: RunningArchive) -> None:
    with calling(archive, archive.enroll("INTHECLEAR")) as scu:
        scu.release()

    assert [Path(path).name for path in where(archive.folder, "INTHECLEAR") if "log" in path] == [
        "serve.log"
    ]
