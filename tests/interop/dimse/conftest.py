"""A server in this process, and devices with their keys in files, as DCMTK's tools want them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from raykeep.domain.device import DeviceRight
from tests.fakes.dimse_server import RunningServer, running_server
from tests.fakes.pki import pki


@dataclass(frozen=True)
class Files:
    """A device's key and certificate, and whom it trusts."""

    title: str
    key: Path
    certificate: Path
    ca: Path


class Site:
    """A server and a folder with the files of its devices."""

    def __init__(self, server: RunningServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.port = server.address[1]
        self.plain_port = server.plain_address[1]

    def device(self, title: str, *rights: DeviceRight) -> Files:
        """Enrol a device and write its files."""
        key = self.server.enroll(title, *rights)
        files = Files(
            title,
            self.folder / f"{title}.key",
            self.folder / f"{title}.crt",
            self.folder / "ca.crt",
        )
        files.key.write_text(key.private_key_pem)
        files.certificate.write_text(key.chain_pem)
        files.ca.write_text(pki().root_pem)
        return files


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "data").mkdir()
    with running_server(tmp_path / "data") as server:
        yield Site(server, tmp_path)
