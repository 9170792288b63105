"""X1: who shows no certificate of an enrolled device reaches no DIMSE at all."""

import socket
import ssl
import subprocess
from typing import Any

import pytest

from raykeep.wire.upperlayer.encoding import encode
from tests.fakes.scu import associate_rq
from tests.running import RunningArchive
from tests.security.callers import denial, dimse_address, tls_context

TLS_ALERT = 0x15

ECHO = ("echoscu", "-v", "-to", "5", "-ta", "5", "-aet", "ATTACKER", "-aec", "RAYKEEP")
FIND = ("findscu", *ECHO[1:], "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=*")


def run(archive: RunningArchive, *command: str) -> subprocess.CompletedProcess[str]:
    host, port = dimse_address(archive)
    return subprocess.run(
        [*command, host, str(port)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("tool", [ECHO, FIND], ids=["echo", "find"])
def test_dcmtk_without_tls_is_not_let_in(archive: RunningArchive, tool: tuple[str, ...]) -> None:
    done = run(archive, *tool)

    assert done.returncode != 0
    assert "Association Accepted" not in done.stdout + done.stderr
    assert denial(archive, "TLS handshake failed")["address"] == "127.0.0.1"


@pytest.mark.parametrize("tool", [ECHO, FIND], ids=["echo", "find"])
def test_dcmtk_without_a_certificate_is_not_let_in(
    archive: RunningArchive, tool: tuple[str, ...]
) -> None:
    done = run(archive, *tool, "+tla", "-ic")

    assert done.returncode != 0
    assert "Association Accepted" not in done.stdout + done.stderr
    record = denial(archive, "did not return a certificate")
    assert (record["action"], record["door"]) == ("session:create", "dimse")
    assert record["event"] == 110114  # User Authentication


def test_a_certificate_of_another_authority_is_not_let_in(
    archive: RunningArchive, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("forged")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=ATTACKER", "-addext", "subjectAltName=URI:urn:raykeep:aet:ATTACKER",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip

    done = run(archive, *ECHO, "+tls", str(key), str(certificate), "+cf", archive.ca)

    assert done.returncode != 0
    assert "Association Accepted" not in done.stdout + done.stderr
    assert denial(archive, "certificate verify failed")["address"] == "127.0.0.1"


def test_a_request_in_the_clear_is_answered_by_a_tls_alert_at_most(
    archive: RunningArchive,
) -> None:
    with socket.create_connection(dimse_address(archive), 10) as raw:
        raw.sendall(encode(associate_rq("ATTACKER")))
        raw.settimeout(15)
        try:
            answer = raw.recv(1000)
        except ConnectionResetError:
            answer = b""

    assert not answer or answer[0] == TLS_ALERT


def test_nothing_is_said_to_whoever_says_nothing(archive: RunningArchive) -> None:
    with socket.create_connection(dimse_address(archive), 10) as raw:
        raw.settimeout(1.0)
        with pytest.raises(TimeoutError):
            raw.recv(1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.*is deprecated:DeprecationWarning")
def test_old_tls_is_not_spoken(
    archive: RunningArchive, device: dict[str, Any], version: ssl.TLSVersion
) -> None:
    context = tls_context(archive.ca, device)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version

    with (
        socket.create_connection(dimse_address(archive), 10) as raw,
        pytest.raises(OSError, match=r"(?i)protocol version|handshake|EOF|reset"),
    ):
        context.wrap_socket(raw)
