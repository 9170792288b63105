"""DCMTK, pynetdicom and DICOMweb clients as an enrolled device and a token holder run them."""

import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pynetdicom import AE
from pynetdicom.association import Association

from tests.corpus import corpus
from tests.running import RunningArchive

TIMEOUT = 120  # seconds
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"

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

# Information models, as findscu and pynetdicom are told them.
STUDY_ROOT, PATIENT_ROOT = "-S", "-P"
MODELS = {
    STUDY_ROOT: "1.2.840.10008.5.1.4.1.2.2.1",
    PATIENT_ROOT: "1.2.840.10008.5.1.4.1.2.1.1",
}

_SENT = re.compile(
    r"^I: (?:Sending Find Request .*|Writing response dataset to file: (.+))$", re.MULTILINE
)
_ENDED = re.compile(r"Received Final Find Response \((.*)\)")


class _Checkpoint(threading.Event):
    """Holds pynetdicom's own thread while a request is under way.

    Its `send_c_...` clear an event and look whether that thread has stopped at it; but the thread
    says so before it looks at the event, and may then go on and take the answer away ("Received
    unexpected C-FIND service message"), which happens on a busy machine. Here `clear` returns
    when the thread has come round once more, and so has stopped.
    """

    def __init__(self) -> None:
        super().__init__()
        self._came_by = 0
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        self._came_by += 1
        return super().wait(timeout)

    def clear(self) -> None:
        was_open, before = self.is_set(), self._came_by
        super().clear()
        deadline = time.monotonic() + TIMEOUT
        while was_open and self._came_by == before and time.monotonic() < deadline:
            time.sleep(0.0005)


@dataclass(frozen=True)
class Peer:
    """One device: its AE title, its files, and a token of the same facility."""

    archive: RunningArchive
    aet: str
    facility: str
    files: dict[str, Any]
    token: str

    @property
    def token_id(self) -> str:
        """What the trail calls the holder of the token."""
        return self.token.split("_")[1]

    # --- DCMTK ---------------------------------------------------------------------------------

    def tls(self) -> list[str]:
        return ["+tls", self.files["key"], self.files["certificate"], "+cf", self.files["ca"]]

    def dcmtk(
        self,
        tool: str,
        *options: str,
        files: Iterable[Path] = (),
        called: str = "RAYKEEP",
        tls: Sequence[str] | None = None,
        expect: int | None = 0,
    ) -> str:
        """Run one of DCMTK's tools against the archive; everything that it printed."""
        head = [tool, *(self.tls() if tls is None else tls), "-aet", self.aet, "-aec", called]
        where = ["127.0.0.1", str(self.archive.ready["dimse_port"])]
        done = subprocess.run(
            [*head, *options, *where, *map(str, files)],
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
        printed = self.dcmtk("storescu", "-v", "-R", PROPOSE[transfer_syntax], files=files)
        statuses = re.findall(r"Received Store Response \((.*)\)", printed)
        assert statuses == ["Success"] * len(files), printed
        return printed

    def find(
        self, *keys: str, level: str = "STUDY", folder: Path, model: str = STUDY_ROOT
    ) -> list[Dataset]:
        """C-FIND by findscu, keys as on its command line; the responses' identifiers."""
        arguments = [f for k in (f"QueryRetrieveLevel={level}", *keys) for f in ("-k", k)]
        (found,) = self._findscu(folder, model, arguments, [])
        return found

    def find_each(
        self, queries: Sequence[Dataset], folder: Path, model: str = STUDY_ROOT
    ) -> list[list[Dataset]]:
        """One C-FIND for each identifier, over one association of findscu."""
        asked = folder / "asked"
        asked.mkdir(parents=True, exist_ok=True)
        paths = []
        for number, query in enumerate(queries):
            path = asked / f"{number:05}.dcm"
            meta = FileMetaDataset()
            meta.TransferSyntaxUID = EXPLICIT_VR_LITTLE_ENDIAN
            query.file_meta = meta
            dcmwrite(path, query, enforce_file_format=False)
            paths.append(path)
        return self._findscu(folder / "found", model, [], paths)

    def _findscu(
        self, folder: Path, model: str, options: list[str], files: list[Path]
    ) -> list[list[Dataset]]:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        printed = self.dcmtk(
            "findscu", "-v", model, "-X", "-od", str(folder), *options, files=files
        )
        found: list[list[Dataset]] = []
        for event in _SENT.finditer(printed):
            if event[1] is None:
                found.append([])
            else:
                found[-1].append(dcmread(event[1]))  # numbered over all requests of a run
        endings = _ENDED.findall(printed)
        assert endings == ["Success"] * len(found), printed[-2000:]
        return found

    # --- pynetdicom ----------------------------------------------------------------------------

    def client_tls(self) -> ssl.SSLContext:
        """TLS with this device's certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.files["ca"])
        context.load_cert_chain(self.files["certificate"], self.files["key"])
        return context

    @contextmanager
    def association(self, contexts: Iterable[tuple[str, list[str]]]) -> Iterator[Association]:
        """An association of pynetdicom, with presentation contexts of (SOP class, syntaxes)."""
        ae = AE(ae_title=self.aet)
        ae.dimse_timeout = ae.network_timeout = TIMEOUT
        for abstract_syntax, transfer_syntaxes in contexts:
            ae.add_requested_context(abstract_syntax, transfer_syntaxes)
        association = ae.associate(
            "127.0.0.1",
            self.archive.ready["dimse_port"],
            ae_title="RAYKEEP",
            max_pdu=131_072,
            tls_args=(self.client_tls(), "127.0.0.1"),
        )
        assert association.is_established
        association._reactor_checkpoint = _Checkpoint()
        try:
            yield association
            association.release()
        finally:
            association.abort()

    # --- DICOMweb ------------------------------------------------------------------------------

    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.archive.dicomweb,
            verify=ssl.create_default_context(cafile=self.archive.ca),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )

    @contextmanager
    def dicomweb(self) -> Iterator[DICOMwebClient]:
        """dicomweb-client with this peer's token."""
        with requests.Session() as session:
            session.trust_env = False  # else variables of the environment go before `verify`
            session.verify = self.archive.ca
            session.headers["Authorization"] = f"Bearer {self.token}"
            client = DICOMwebClient(self.archive.dicomweb, session=session, timeout=TIMEOUT)
            client.set_http_retry_params(retry=False)
            yield client

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
    """One peer for each rank of the corpus, each in a facility of its own."""

    archive: RunningArchive
    by_rank: tuple[Peer, ...]

    @classmethod
    def enrolled(cls, archive: RunningArchive, prefix: str) -> "Peers":
        """Peers `PREFIX00`, `PREFIX01`, …: a device and a token each."""
        ranks = range(max(file.rank for file in corpus()) + 1)

        def enrolled(rank: int) -> Peer:
            name = f"{prefix}{rank:02}"
            facility = name.lower()
            archive.ask("facility", "add", facility)
            files = archive.enroll(name, facility=facility)
            return Peer(archive, name, facility, files, archive.token(facility=facility))

        return cls(archive, tuple(enrolled(rank) for rank in ranks))


def by_syntax(datasets: Iterable[tuple[Path, str]]) -> dict[str, list[Path]]:
    """Paths by transfer syntax."""
    found: dict[str, list[Path]] = {}
    for path, syntax in datasets:
        found.setdefault(syntax, []).append(path)
    return found
