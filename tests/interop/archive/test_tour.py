"""The tour of README.md and the tutorial, word by word, against an archive of its own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.running import RunningArchive, running_archive

ROOT = Path(__file__).parents[3]
TUTORIAL = ROOT / "docs" / "tutorials" / "first-archive.md"
TIMEOUT = 120  # seconds for all commands of a page


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[RunningArchive]:
    """An archive that runs, in a folder that looks like a clone with an image in it."""
    program = tmp_path / ".venv" / "bin" / "raykeep"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m raykeep "$@"\n')
    program.chmod(0o755)
    image = Path(str(get_testdata_file("CT_small.dcm")))
    (tmp_path / "image.dcm").write_bytes(image.read_bytes())
    with running_archive(tmp_path) as found:
        yield found


def commands(text: str) -> str:
    """The indented blocks of a page, but for what starts the archive."""
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    return "\n".join(line for line in lines if not line.startswith("make "))


def typed(archive: RunningArchive, script: str) -> str:
    """What a shell prints when somebody types all this; the archive's ports are put in."""
    script = re.sub(r"\b2762\b", str(archive.ready["dimse_port"]), script)
    script = re.sub(r"\b8443\b", str(archive.ready["https_port"]), script)
    done = subprocess.run(
        ["/bin/bash", "-u"],
        input=script,
        cwd=archive.folder,
        env={**archive.environment, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.stdout


def denied(archive: RunningArchive) -> set[str]:
    found = archive.json("audit", "search", "--outcome", "denied")
    return {record["reason"] for record in found["records"]}


def test_the_tour_of_the_readme_does_what_it_says(archive: RunningArchive) -> None:
    page = (ROOT / "README.md").read_text()
    tour = page.partition("## A tour")[2].partition("\n## ")[0]

    printed = typed(archive, commands(tour))

    assert "Find Response: 1 (Pending)" in printed
    assert '"0020000D":{"vr":"UI"' in printed
    assert "instance:store" in printed
    assert "the trail holds" in printed
    assert not re.search(r"^[EFW]: |command not found|^raykeep: ", printed, re.MULTILINE), printed

    assert denied(archive) == set()
    typed(
        archive,
        """
        .venv/bin/raykeep device enroll CT02 --facility main --out keys
        call="-aet CT01 -aec RAYKEEP 127.0.0.1 2762"
        echoscu +tla +cf keys/ca.crt $call
        echoscu +tls keys/CT02.key keys/CT02.crt +cf keys/ca.crt $call
        true
        """,
    )
    assert denied(archive) == {
        "the TLS handshake failed: peer did not return a certificate",
        "the certificate is not the device's",
    }


def test_the_tutorial_does_what_it_says(archive: RunningArchive) -> None:
    printed = typed(archive, commands(TUTORIAL.read_text()))

    for told in (
        "Received Store Response (Success)",
        "Find Response: 1 (Pending)",
        '"00081190": {',
        "200 39",  # and more digits: the size of the study
        "the trail holds",
        "1 checked",
        "0 damaged",
        "revoked",
        "Reason: Calling AE Title Not Recognized",
        "the device is revoked",
    ):
        assert told in printed, printed
    assert printed.count("F: Association Rejected") == 1
    assert not re.search(r"^[EW]: |command not found|^raykeep: ", printed, re.MULTILINE), printed
    assert denied(archive) == {"the device is revoked"}
