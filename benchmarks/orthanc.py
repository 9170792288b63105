"""Orthanc as a peer: SQLite index, files synced, as it comes, with its DICOMweb plugin.

What differs from its defaults is what lets it answer at all (open access, no limits on answers)
and a maximum PDU length of 128 KiB, which is to its advantage.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import trustme

from benchmarks.association import Acceptor, TlsFiles
from benchmarks.dcmtk import MAX_PDU_LENGTH, answers_echo, environment, system_program
from benchmarks.failures import BenchmarkFailed, PeerMissing
from benchmarks.orthanc_https import library_folder
from benchmarks.processes import free_port, serving, wait_until
from benchmarks.web_client import DICOM_JSON, WebConnection, WebService

PLUGINS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc", "/usr/local/share/orthanc/plugins")
PLUGIN = "libOrthancDicomWeb.so"
ROOT = "/dicom-web"


@dataclass(frozen=True, slots=True)
class RunningOrthanc:
    """A running Orthanc.

    Attributes:
        dicom: Its DICOM server.
        web: Its DICOMweb service.
        pid: Its process.
    """

    dicom: Acceptor
    web: WebService
    pid: int


@dataclass(frozen=True, slots=True)
class Secured:
    """What TLS between a peer and its clients takes, made anew for each run.

    Attributes:
        server: Key, certificate and trust of the servers.
        device: Those of the clients.
        server_pem: Key and certificate of the servers in one file.
        libraries: Where Orthanc looks for libraries first; None for where it always does.
    """

    server: TlsFiles
    device: TlsFiles
    server_pem: Path
    libraries: Path | None = None

    @classmethod
    def make(cls, folder: Path) -> "Secured":
        """Make an authority with a certificate for each side.

        Raises:
            PeerMissing: a library of Orthanc's is not installed.
        """
        folder.mkdir(parents=True)
        authority = trustme.CA()
        ca = folder / "ca.crt"
        authority.cert_pem.write_to_path(str(ca))
        files = {}
        for name in ("server", "device"):
            issued = authority.issue_cert("127.0.0.1", "localhost", common_name=name)
            key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
            issued.private_key_pem.write_to_path(str(key))
            issued.cert_chain_pems[0].write_to_path(str(certificate))
            files[name] = TlsFiles(key, certificate, ca)
        both = folder / "server.pem"
        server = files["server"]
        both.write_bytes(server.key.read_bytes() + server.certificate.read_bytes())
        return cls(server, files["device"], both, library_folder(folder))


@contextmanager
def orthanc(
    folder: Path,
    secured: Secured,
    *,
    dicom_tls: bool = False,
    https: bool = True,
    no_delay: bool = True,
) -> Iterator[RunningOrthanc]:
    """Run Orthanc on a folder until the block ends.

    Args:
        folder: Its index and its files; what is there is used.
        secured: Certificates.
        dicom_tls: Whether DICOM goes over TLS, with certificates on both sides.
        https: Whether HTTP does.
        no_delay: Whether DCMTK's variable against Nagle's algorithm is set.

    Raises:
        PeerMissing: it is not installed.
        BenchmarkFailed: it did not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dicom_port, http_port = free_port(), free_port()
    settings = {
        "Name": "peer",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "StorageCompression": False,
        "SyncStorageArea": True,
        "Plugins": [str(plugin())],
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "SslEnabled": https,
        "SslCertificate": str(secured.server_pem),
        "DicomAet": "ORTHANC",
        "DicomPort": dicom_port,
        "DicomTlsEnabled": dicom_tls,
        "DicomTlsCertificate": str(secured.server.certificate),
        "DicomTlsPrivateKey": str(secured.server.key),
        "DicomTlsTrustedCertificates": str(secured.server.ca),
        "DicomTlsRemoteCertificateRequired": True,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "LimitFindResults": 0,
        "LimitFindInstances": 0,
        "MaximumPduLength": MAX_PDU_LENGTH,
        "DicomWeb": {"Enable": True, "Root": f"{ROOT}/", "Host": "127.0.0.1", "Ssl": https},
    }
    config, log = folder / "orthanc.json", folder / "orthanc.log"
    config.write_text(json.dumps(settings, indent=2))
    device = secured.device if dicom_tls else None
    acceptor = Acceptor(dicom_port, "ORTHANC", "BENCH", device)
    web = WebService(http_port, ROOT, secured.server.ca if https else None)
    command = [system_program("Orthanc"), str(config)]
    variables = environment(no_delay=no_delay)
    if https and secured.libraries is not None:
        variables["LD_LIBRARY_PATH"] = str(secured.libraries)
    with serving(command, log, variables) as process:
        wait_until(lambda: answers_echo(acceptor) and _answers_http(web), process, log)
        yield RunningOrthanc(acceptor, web, process.pid)


def plugin() -> Path:
    """Where its DICOMweb plugin is.

    Raises:
        PeerMissing: it is not installed.
    """
    for place in PLUGINS:
        if (path := Path(place) / PLUGIN).exists():
            return path
    raise PeerMissing(PLUGIN)


@cache
def version() -> str:
    """Its version, e.g. `1.10.1`.

    Raises:
        PeerMissing: it is not installed.
    """
    told = subprocess.run(
        [system_program("Orthanc"), "--version"], capture_output=True, text=True, check=False
    )
    return (told.stdout.split() or ["Orthanc", "?"])[1]


def plugin_version() -> str:
    """The version of its DICOMweb plugin, as its file is named."""
    return plugin().resolve().name.partition(".so.")[2] or "?"


def _answers_http(web: WebService) -> bool:
    # Its own status page stands outside DICOMweb.
    with suppress(OSError, BenchmarkFailed):
        connection = WebConnection(replace(web, root=""))
        connection.get("/system", DICOM_JSON)
        connection.close()
        return True
    return False
