"""What a sender chooses must not decide how much memory an arrival takes: X4 of the attacks."""

import struct
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from raykeep.adapters.blobs.files import FileBlobs
from raykeep.domain.errors import LimitExceeded
from raykeep.domain.uids import UID
from raykeep.policy.decide import everything
from raykeep.services.ingest import Arrival, Stored, store_instance
from raykeep.services.ingest_settings import IngestSettings
from tests.builders import (
    ENCAPSULATED_PDF_STORAGE,
    EXPLICIT_VR_LITTLE_ENDIAN,
    new_uid,
)
from tests.fakes.archive import FACILITY, FakeArchive, fake_archive
from tests.fakes.web import BOUNDARY, STOW_TYPE, fake_web
from tests.services.stored import TECHNOLOGIST

MIB = 1_048_576
RAW_DATA = "1.2.840.10008.5.1.4.1.1.66"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[FakeArchive]:
    with fake_archive(tmp_path) as made:
        # On the disk, since a store in memory would hold everything.
        made.stores.vault._blobs = FileBlobs(_made(tmp_path / "blobs"), made.clock)
        yield made


def element(tag: int, vr: bytes, value: bytes = b"", length: int | None = None) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    long = vr in {b"OB", b"UT"}
    form = "<HH2sxxI" if long else "<HH2sH"
    told = len(value) if length is None else length
    return struct.pack(form, tag >> 16, tag & 0xFFFF, vr, told) + value


def identifiers(sop_class: str, study: str, sop: str) -> tuple[bytes, bytes]:
    """What stands in group 0008, and in groups 0010 and 0020."""
    return (
        element(0x00080016, b"UI", sop_class.encode()) + element(0x00080018, b"UI", sop.encode()),
        element(0x00100020, b"LO", b"PAT1")
        + element(0x0020000D, b"UI", study.encode())
        + element(0x0020000E, b"UI", f"{study}.1".encode()),
    )


def take(archive: FakeArchive, body: Iterator[bytes]) -> Stored:
    arrival = Arrival(UID(EXPLICIT_VR_LITTLE_ENDIAN), body, FACILITY, archive.clock.now())
    return store_instance(archive.enforcer, TECHNOLOGIST, arrival, IngestSettings())


def peak_of(archive: FakeArchive, body: Iterator[bytes]) -> tuple[Stored, int]:
    tracemalloc.start()
    try:
        return take(archive, body), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_document_is_sealed_as_it_comes_and_never_held_whole(archive: FakeArchive) -> None:
    study, sop, length = new_uid(), new_uid(), 64 * MIB
    group8, others = identifiers(ENCAPSULATED_PDF_STORAGE, study, sop)
    title = element(0x00420012, b"LO", b"application/pdf")

    def body() -> Iterator[bytes]:
        yield group8 + others + element(0x00420011, b"OB", length=length)
        for number in range(length // 65_536):
            yield bytes([number % 251]) * 65_536
        yield title

    stored, peak = peak_of(archive, body())

    assert peak < 16 * MIB
    (row,) = archive.stores.index.instances(
        everything(), study_instance_uid=study, sop_instance_uid=sop
    )
    assert row.sop_instance_uid == stored.sop_instance_uid
    assert b"".join(archive.stores.vault.open(row.sealed)) == b"".join(body())
    header = archive.stores.vault.open_header(row.sealed, row.sealed_header)
    assert title in header  # what came behind the document is in its header, too


def test_bulk_before_the_identifiers_is_bounded(archive: FakeArchive) -> None:
    group8, others = identifiers(RAW_DATA, new_uid(), new_uid())
    length = 64 * MIB

    def body() -> Iterator[bytes]:
        yield group8 + element(0x00091010, b"OB", length=length)
        for _ in range(length // 65_536):
            yield bytes(65_536)
        yield others

    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            take(archive, body())
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()


def test_tiny_pieces_cost_no_more_than_their_bytes(archive: FakeArchive) -> None:
    study, sop = new_uid(), new_uid()
    group8, others = identifiers(RAW_DATA, study, sop)
    text = element(0x00204000, b"UT", b"x" * 600_000)
    whole = group8 + others + text
    pieces = (whole[at : at + 2] for at in range(0, len(whole), 2))

    _, peak = peak_of(archive, pieces)

    assert peak < 10 * len(whole)


def test_an_upload_byte_by_byte_costs_no_more_than_its_bytes(tmp_path: Path) -> None:
    length = 300_000

    async def body() -> AsyncIterator[bytes]:
        yield f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        for _ in range(length):
            yield b"x"
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    with fake_web(tmp_path) as web:
        web.get("/studies")  # loads and fills what stays
        tracemalloc.start()
        try:
            web.ask("POST", "/studies", content=body(), headers={"content-type": STOW_TYPE})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak < 10 * length


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
