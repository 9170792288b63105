"""X33, X34, RD4: what is stored is never replaced, and what contradicts it is found by nobody."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Built, ct_instance
from tests.interop.archive.comparing import data_set_of
from tests.running import RunningArchive, running_archive
from tests.security.callers import calling, records, web
from tests.security.refusing import Ways

SECURITY_ALERT = 110113


@pytest.fixture
def first(ways: Ways) -> Built:
    """An instance that is stored."""
    built = ct_instance(patient_id="RIGHTFUL")
    assert ways.stow(built.part10).status_code == 200
    return built


def forged(original: Built, **changes: object) -> Built:
    """An instance of the same UIDs with other content."""
    told = {"patient_id": "RIGHTFUL", "pixels": bytes(128), **changes}
    return ct_instance(
        study_instance_uid=original.study_instance_uid,
        series_instance_uid=original.series_instance_uid,
        sop_instance_uid=original.sop_instance_uid,
        **told,  # type: ignore[arg-type]  # keywords of all kinds
    )


def retrieved(archive: RunningArchive, token: str, built: Built) -> bytes:
    path = (
        f"/studies/{built.study_instance_uid}/series/{built.series_instance_uid}"
        f"/instances/{built.sop_instance_uid}"
    )
    with web(archive, token) as client:
        reply = client.get(path, headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert reply.status_code == 200, reply.text[:300]
        return data_set_of(reply.content)


def alerts(archive: RunningArchive, built: Built) -> list[dict[str, Any]]:
    return records(archive, event=SECURITY_ALERT, study=built.study_instance_uid)


def test_by_c_store_the_first_is_untouched_and_the_second_in_quarantine(
    archive: RunningArchive, device: dict[str, Any], token: str, first: Built
) -> None:
    second = forged(first)

    with calling(archive, device) as scu:
        assert scu.store(second).status == 0

    assert retrieved(archive, token, first) == first.data_set
    with web(archive, token) as client:
        found = client.get("/instances", params={"SOPInstanceUID": first.sop_instance_uid}).json()
    assert len(found) == 1


def test_by_stow_the_second_is_answered_with_a_warning(
    archive: RunningArchive, token: str, ways: Ways, first: Built
) -> None:
    reply = ways.stow(forged(first).part10)

    assert reply.status_code == 202
    (item,) = reply.json()["00081199"]["Value"]
    assert item["00081196"]["Value"] == [0xB007]
    assert retrieved(archive, token, first) == first.data_set


def test_by_import_the_second_is_counted_as_quarantined(
    archive: RunningArchive, token: str, ways: Ways, first: Built, tmp_path: Path
) -> None:
    path = tmp_path / "second.dcm"
    path.write_bytes(forged(first).part10)

    assert ways.take_in(path)["quarantined"] == 1

    assert retrieved(archive, token, first) == first.data_set


def test_an_alert_stands_on_the_trail(archive: RunningArchive, ways: Ways, first: Built) -> None:
    second = forged(first)
    ways.stow(second.part10)

    (alert,) = alerts(archive, first)

    assert alert["details"]["sop_instance_uid"] == first.sop_instance_uid
    assert alert["details"]["sha256"] == hashlib.sha256(second.data_set).hexdigest()
    assert "stored already with other content" in alert["details"]["quarantined"]


def test_the_very_same_content_again_is_a_success_and_changes_nothing(
    archive: RunningArchive, ways: Ways, first: Built
) -> None:
    blobs = sum(1 for path in (archive.data / "blobs").rglob("*") if path.is_file())

    reply = ways.stow(first.part10)

    assert reply.status_code == 200
    assert alerts(archive, first) == []
    assert sum(1 for path in (archive.data / "blobs").rglob("*") if path.is_file()) == blobs


def test_a_study_does_not_change_its_patient(
    archive: RunningArchive, token: str, ways: Ways, first: Built
) -> None:
    """X34: an instance of the same study with another patient waits where nobody finds it."""
    other = ct_instance(patient_id="WRONG", study_instance_uid=first.study_instance_uid)

    reply = ways.stow(other.part10)

    assert reply.status_code == 202
    with web(archive, token) as client:
        assert client.get("/studies", params={"PatientID": "WRONG"}).json() == []
        (study,) = client.get(
            "/studies", params={"StudyInstanceUID": first.study_instance_uid}
        ).json()
        assert study["00100020"]["Value"] == ["RIGHTFUL"]
        assert study["00201208"]["Value"] == [1]
    findings = [
        record["details"].get("quarantined", "")
        for record in records(archive, action="instance:store", study=first.study_instance_uid)
    ]
    assert "its study is stored already with another Patient ID" in findings


# --- where the operator would rather have it refused --------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningArchive]:
    folder = tmp_path_factory.mktemp("strict")
    (folder / "data").mkdir(mode=0o700)
    (folder / "data" / "raykeep.toml").write_text('[ingest]\nconflicts = "refuse"\n')
    with running_archive(folder) as found:
        yield found


def test_where_conflicts_are_refused_the_second_is(strict: RunningArchive) -> None:
    token, files = strict.token(), strict.enroll("CT01")
    first = ct_instance()
    second = forged(first, patient_id="TEST-0001")
    with calling(strict, files) as scu:
        assert scu.store(first).status == 0

        response = scu.store(second)

        assert response.status == 0xC000
        assert "stored already with other content" in response.error_comment
    assert retrieved(strict, token, first) == first.data_set
