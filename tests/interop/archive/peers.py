"""DCMTK's tools as an enrolled device runs them, and the archive's answers over DICOMweb."""

import re
import ssl
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from pydicom import Dataset, dcmread

from tests.running import RunningArchive

TIMEOUT = 120  # seconds

# How storescu is told to propose a transfer syntax.
PROPOSE = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.1.99": "-xd",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}


@dataclass(frozen=True)
class Peer:
    """One device: its AE title, its files, and a token of the same facility."""

    archive: RunningArchive
    aet: str
    facility: str
    files: dict[str, Any]
    token: str

    def tls(self) -> list[str]:
        return ["+tls", self.files["key"], self.files["certificate"], "+cf", self.files["ca"]]

    def dcmtk(
        self, tool: str, *arguments: str, called: str = "RAYKEEP", expect: int | None = 0
    ) -> str:
        """Run one of DCMTK's tools against the archive; everything that it printed."""
        head = [tool, *self.tls(), "-aet", self.aet, "-aec", called]
        where = ["127.0.0.1", str(self.archive.ready["dimse_port"])]
        done = subprocess.run(
            [*head, *arguments[:-1], *where, *arguments[-1:]]
            if tool == "storescu"
            else [*head, *arguments, *where],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
        printed = done.stdout + done.stderr
        if expect is not None:
            assert done.returncode == expect, printed
        return printed

    def store(self, files: Sequence[Path], transfer_syntax: str) -> str:
        """C-STORE files in their own transfer syntax, over one association."""
        head = ["storescu", *self.tls(), "-v", "-aet", self.aet, "-aec", "RAYKEEP"]
        where = ["127.0.0.1", str(self.archive.ready["dimse_port"])]
        done = subprocess.run(
            [*head, "-R", PROPOSE[transfer_syntax], *where, *map(str, files)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, printed
        statuses = re.findall(r"Received Store Response \((.*)\)", printed)
        assert statuses == ["Success"] * len(files), printed
        return printed

    def find(self, *keys: str, level: str = "STUDY", folder: Path) -> list[Dataset]:
        """C-FIND by findscu; the responses' identifiers."""
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        arguments = [f for k in (f"QueryRetrieveLevel={level}", *keys) for f in ("-k", k)]
        self.dcmtk("findscu", "-S", "-X", "-od", str(folder), *arguments)
        return [dcmread(path, force=True) for path in sorted(folder.iterdir())]

    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.archive.dicomweb,
            verify=ssl.create_default_context(cafile=self.archive.ca),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )

    def retrieve(self, client: httpx.Client, dataset: Dataset) -> bytes:
        """One instance by WADO-RS, as a PS3.10 file."""
        path = (
            f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
            f"/instances/{dataset.SOPInstanceUID}"
        )
        accept = {"Accept": "application/dicom; transfer-syntax=*"}
        reply = client.get(path, headers=accept)
        assert reply.status_code == 200, (reply.status_code, reply.text[:500])
        return reply.content


@dataclass(frozen=True)
class Peers:
    """One peer for each rank of the corpus."""

    archive: RunningArchive
    by_rank: tuple[Peer, ...]

    @classmethod
    def enrolled(cls, archive: RunningArchive, ranks: int) -> "Peers":
        found = []
        for rank in range(ranks):
            facility = "main" if rank == 0 else f"rank-{rank}"
            if rank:
                archive.command("facility", "add", facility)
            aet = f"CT{rank:02d}"
            files = archive.enroll(aet, facility=facility)
            found.append(Peer(archive, aet, facility, files, archive.token(facility=facility)))
        return cls(archive, tuple(found))


def data_set_of(part10: bytes) -> bytes:
    """The data set's bytes of a PS3.10 file."""
    length = int.from_bytes(part10[140:144], "little")
    return part10[144 + length :]


def read(part10: bytes) -> Dataset:
    return dcmread(BytesIO(part10))


def by_syntax(datasets: Iterable[tuple[Path, str]]) -> dict[str, list[Path]]:
    """Paths by transfer syntax."""
    found: dict[str, list[Path]] = {}
    for path, syntax in datasets:
        found.setdefault(syntax, []).append(path)
    return found
