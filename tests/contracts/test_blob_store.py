"""Every blob store keeps the promises of the port."""

from pathlib import Path

import pytest

from raykeep.adapters.blobs.files import FileBlobs
from raykeep.adapters.blobs.memory import MemoryBlobs
from raykeep.ports.blobs import BlobStore
from tests.contracts.blob_store import BlobStoreContract, HandClock


class TestMemoryBlobs(BlobStoreContract):
    @pytest.fixture
    def store(self, clock: HandClock) -> BlobStore:
        return MemoryBlobs(clock)


class TestFileBlobs(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path, clock: HandClock) -> BlobStore:
        return FileBlobs(tmp_path / "blobs", clock)


class TestFileBlobsUnderTemporaryNames(BlobStoreContract):
    """As on file systems without nameless files."""

    @pytest.fixture
    def store(self, tmp_path: Path, clock: HandClock) -> BlobStore:
        return FileBlobs(tmp_path / "blobs", clock, nameless=False)
