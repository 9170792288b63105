"""What a scanner sees of the TLS listener (RT2)."""

import re
import subprocess

import pytest

from tests.interop.dimse.conftest import Site

ALLOWED = {
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
}


@pytest.fixture
def seen(site: Site) -> str:
    device = site.device("CT01")
    done = subprocess.run(
        # Without a certificate it would see no cipher of TLS 1.2 at all.
        [
            "sslscan",
            "--no-colour",
            f"--certs={device.certificate}",
            f"--pk={device.key}",
            f"127.0.0.1:{site.port}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def test_a_scanner_finds_nothing_old_or_weak(seen: str):
    enabled = set(re.findall(r"(SSLv\d|TLSv1\.\d)\s+enabled", seen))
    accepted = set(re.findall(r"(?:Preferred|Accepted)\s+\S+\s+\d+ bits\s+(\S+)", seen))

    assert enabled == {"TLSv1.2", "TLSv1.3"}, seen
    assert accepted == ALLOWED, seen
    assert "Session renegotiation not supported" in seen or "renegotiation disabled" in seen, seen
    assert "vulnerable to heartbleed" not in seen.replace("not vulnerable to heartbleed", "")
