"""RD1: what identifies a patient, and the pixels, lie nowhere on the disk in the clear."""

import subprocess
from pathlib import Path

from tests.builders import ct_instance
from tests.interop.archive.peers import Peer
from tests.running import RunningArchive

NAME = "SENTINELNAME^GIVEN"
IDENTIFIER = "SENTINEL-IDENTIFIER-4711"
PIXELS = b"PIXEL-SENTINEL-!"

WORDS = ("SENTINELNAME", "sentinelname", IDENTIFIER, PIXELS.decode())


def test_names_identifiers_and_pixels_are_found_nowhere_also_after_a_crash(tmp_path: Path) -> None:
    archive = RunningArchive(tmp_path / "archive")
    archive.folder.mkdir()
    archive.init()
    try:
        archive.start()
        peer = Peer(archive, "CT01", "main", archive.enroll("CT01"), archive.token())
        sent = tmp_path / "sent"
        sent.mkdir()
        for number in range(1, 6):
            built = ct_instance(
                patient_name=NAME,
                patient_id=IDENTIFIER,
                study_instance_uid="2.25.4711",
                InstanceNumber=str(number),
                rows=64,
                columns=64,
                pixels=PIXELS * (64 * 64 * 2 // len(PIXELS)),
            )
            (sent / f"{number}.dcm").write_bytes(built.part10)
        peer.store(sorted(sent.iterdir()), "1.2.840.10008.1.2.1")
        found = peer.find(f"PatientID={IDENTIFIER}", "PatientName", folder=tmp_path / "found")
        assert [str(one.PatientName) for one in found] == [NAME]
        with peer.http() as client:
            reply = client.get("/studies", params={"PatientName": "sentinelname*"})
            assert len(reply.json()) == 1
            assert client.get("/studies", params={"PatientID": f"no-{IDENTIFIER}"}).json() == []

        assert _where(archive.folder) == []
    finally:
        archive.kill()

    assert _where(archive.folder) == []


def _where(folder: Path) -> list[str]:
    """Files below `folder` that hold one of the words, logs and write-ahead logs included."""
    patterns = [part for word in WORDS for part in ("-e", word)]
    done = subprocess.run(
        ["grep", "-rlaF", *patterns, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.split()
