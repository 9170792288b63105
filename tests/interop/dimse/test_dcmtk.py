"""DCMTK's tools against the server, over TLS and without."""

import subprocess
import time
from pathlib import Path

import pytest

from raykeep.domain.access import Action
from raykeep.domain.audit_event import Outcome
from raykeep.domain.device import DeviceRight
from tests.builders import ct_instance, multi_frame_instance
from tests.fakes.pki import pki
from tests.fakes.waiting import until
from tests.interop.dimse.conftest import Files, Site


def run(*command: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=env,
    )


def tls(device: Files) -> list[object]:
    return ["+tls", device.key, device.certificate, "+cf", device.ca]


def peer(site: Site, title: str) -> list[object]:
    return ["-aet", title, "-aec", "RAYKEEP", "127.0.0.1", site.port]


def files_of(folder: Path, *instances: object) -> list[Path]:
    paths = []
    for number, built in enumerate(instances):
        path = folder / f"{number}.dcm"
        path.write_bytes(built.part10)
        paths.append(path)
    return paths


@pytest.mark.parametrize("profile", [[], ["+py"], ["+px"], ["+pz"]], ids=["none", *"yxz"])
def test_echo_works_with_every_tls_profile(site: Site, profile: list[str]):
    device = site.device("CT01")

    done = run("echoscu", *tls(device), *profile, *peer(site, "CT01"))

    assert done.returncode == 0, done.stderr
    assert site.server.counted("echoes_total") == 1


def test_no_certificate_no_dicom(site: Site):
    device = site.device("CT01")

    done = run("echoscu", "+tla", "+cf", device.ca, *peer(site, "CT01"))

    assert done.returncode != 0
    assert until(lambda: site.server.archive.records(outcome=Outcome.DENIED))
    denied = site.server.archive.records(outcome=Outcome.DENIED)
    assert denied[0].action is Action.SESSION_CREATE
    assert "peer did not return a certificate" in denied[0].reason


def test_no_tls_no_dicom(site: Site):
    done = run("echoscu", "-to", 5, "-ta", 5, *peer(site, "CT01"))

    assert done.returncode != 0


def test_a_stolen_title_is_rejected(site: Site):
    site.device("CT01")
    evil = site.device("EVIL")

    done = run("echoscu", "-v", *tls(evil), *peer(site, "CT01"))

    assert done.returncode != 0
    assert "Calling AE Title Not Recognized" in done.stdout + done.stderr


def test_the_called_title_is_rejected_with_the_same_words(site: Site):
    device = site.device("CT01")

    done = run(
        "echoscu", "-v", *tls(device), "-aet", "CT01", "-aec", "OTHER", "127.0.0.1", site.port
    )

    assert done.returncode != 0
    assert "Calling AE Title Not Recognized" in done.stdout + done.stderr


def test_an_enrolled_device_that_is_revoked_is_refused(site: Site):
    device = site.device("CT01")
    assert run("echoscu", *tls(device), *peer(site, "CT01")).returncode == 0

    site.server.archive.revoke("CT01")
    time.sleep(1.5)

    assert run("echoscu", *tls(device), *peer(site, "CT01")).returncode != 0


def test_storescu_sends_and_findscu_finds(site: Site):
    device = site.device("CT01")
    one, other = ct_instance(patient_id="P1", rows=128, columns=128), ct_instance(patient_id="P2")
    paths = files_of(site.folder, one, other)

    sent = run("storescu", *tls(device), *peer(site, "CT01"), *paths)
    found = run(
        "findscu", "-v", "-S", *tls(device), *peer(site, "CT01"),
        "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P1", "-k", "StudyInstanceUID",
    )  # fmt: skip

    assert sent.returncode == 0, sent.stderr
    assert found.returncode == 0, found.stderr
    told = found.stdout + found.stderr
    assert one.study_instance_uid in told
    assert other.study_instance_uid not in told


def test_a_patient_root_query_finds_patients(site: Site):
    device = site.device("CT01")
    paths = files_of(site.folder, ct_instance(patient_id="P1", patient_name="Test^One"))
    run("storescu", *tls(device), *peer(site, "CT01"), *paths)

    found = run(
        "findscu", "-v", "-P", *tls(device), *peer(site, "CT01"),
        "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientName=test*", "-k", "PatientID",
    )  # fmt: skip

    assert "P1" in found.stdout + found.stderr


def test_findscu_may_cancel(site: Site):
    device = site.device("CT01")
    paths = files_of(site.folder, *[ct_instance(patient_id=f"P{n}") for n in range(5)])
    run("storescu", *tls(device), *peer(site, "CT01"), *paths)

    found = run(
        "findscu", "-S", "--cancel", 1, *tls(device), *peer(site, "CT01"),
        "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID",
    )  # fmt: skip

    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("pdu", [4096, 16_384, 131_072])
def test_large_instances_arrive_whole_with_every_pdu_length(site: Site, pdu: int):
    device = site.device("CT01")
    paths = files_of(site.folder, multi_frame_instance())

    sent = run("storescu", "-pdu", pdu, *tls(device), *peer(site, "CT01"), *paths)

    assert sent.returncode == 0, sent.stderr
    assert site.server.counted("instances_stored_total") == 1


def test_a_device_that_may_only_store_finds_nothing(site: Site):
    device = site.device("CT01", DeviceRight.STORE)

    found = run(
        "findscu", "-S", *tls(device), *peer(site, "CT01"),
        "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID",
    )  # fmt: skip

    assert found.returncode != 0 or "No presentation context" in found.stderr
    denied = site.server.archive.records(outcome=Outcome.DENIED)
    assert [record.action for record in denied] == [Action.STUDY_SEARCH]


def test_an_old_device_comes_in_without_tls_while_it_has_leave(site: Site):
    site.server.archive.enroll_plain("OLD01")
    paths = files_of(site.folder, ct_instance())

    sent = run("storescu", "-aet", "OLD01", "-aec", "RAYKEEP", "127.0.0.1", site.plain_port, *paths)

    assert sent.returncode == 0, sent.stderr
    assert site.server.counted("instances_stored_total") == 1


def test_storescu_as_installed_keeps_its_pace(site: Site):
    """DCMTK leaves Nagle's algorithm on: forty milliseconds an object where nobody cures it."""
    site.server.archive.enroll_plain("OLD01")
    paths = files_of(site.folder, *[ct_instance(rows=64, columns=64) for _ in range(100)])
    begun = time.monotonic()

    sent = run(
        "storescu", "-aet", "OLD01", "-aec", "RAYKEEP", "127.0.0.1", site.plain_port, *paths,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip

    assert sent.returncode == 0, sent.stderr
    assert time.monotonic() - begun < 5


def test_a_user_identity_is_no_obstacle(site: Site):
    device = site.device("CT01")

    paths = files_of(site.folder, ct_instance())
    done = run("storescu", "-usr", "alice", "-pwd", "x", *tls(device), *peer(site, "CT01"), *paths)

    assert done.returncode == 0, done.stderr


def test_the_archives_certificate_is_checked_by_the_tools(site: Site):
    device = site.device("CT01")
    device.ca.write_text(pki("other").root_pem)

    assert run("echoscu", *tls(device), *peer(site, "CT01")).returncode != 0
