"""X12: claims about pixels are no reason to take memory, whoever asks for what of them."""

import struct
import time

import pytest

from tests.builders import JPEG_2000_LOSSLESS, Built, ct_instance, multi_frame_instance
from tests.running import RunningArchive
from tests.security.callers import PeakMemory, web
from tests.security.hostile import PATIENT_ID, PATIENT_NAME
from tests.security.refusing import Ways

MOST_MEMORY = 64 * 1_048_576  # bytes
SOON = 5.0  # seconds

STORED, QUARANTINED, REFUSED = 200, 202, 409


def victim(**changes: object) -> Built:
    told = {"patient_name": PATIENT_NAME, "patient_id": PATIENT_ID, **changes}
    return ct_instance(**told)  # type: ignore[arg-type]  # keywords of all kinds


def codestream(side: int) -> bytes:
    """A JPEG 2000 codestream of 110 bytes that claims to be a picture of `side` squared."""
    siz = struct.pack(">HHIIIIIIIIH", 47, 0, side, side, 0, 0, side, side, 0, 0, 3) + b"\7\1\1" * 3
    cod = struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, 5, 4, 4, 0, 1)
    head = b"\xff\x4f\xff\x51" + siz + b"\xff\x52" + cod
    return head.ljust(108, b"\0") + b"\xff\xd9"


def lying_offsets(table: bytes) -> Built:
    """Three frames in three fragments, and an offset table that says otherwise."""
    built = multi_frame_instance(
        transfer_syntax_uid=JPEG_2000_LOSSLESS, patient_name=PATIENT_NAME, patient_id=PATIENT_ID
    )
    value = built.dataset.PixelData
    (length,) = struct.unpack_from("<I", value, 4)
    built.dataset.PixelData = (
        value[:4] + struct.pack("<I", len(table)) + table + value[8 + length :]
    )
    return built


BOMBS = {
    "65,535 rows and columns": (
        victim(rows=8, columns=8, Rows=65_535, Columns=65_535), QUARANTINED,
    ),
    "2^31 frames": (victim(NumberOfFrames=2**31 - 1), QUARANTINED),
    "255 samples": (victim(SamplesPerPixel=255), QUARANTINED),
    "no rows": (victim(Rows=0), QUARANTINED),
    "pixels of 0 bits": (victim(BitsAllocated=0), QUARANTINED),
    "pixels of 65,535 bits": (victim(BitsAllocated=65_535), QUARANTINED),
    "2^31 compressed frames": (
        victim(
            transfer_syntax_uid=JPEG_2000_LOSSLESS,
            frames=[codestream(8)],
            NumberOfFrames=2**31 - 1,
        ),
        QUARANTINED,
    ),
    "a codestream of 60,000 squared": (
        victim(transfer_syntax_uid=JPEG_2000_LOSSLESS, frames=[codestream(60_000)]), STORED,
    ),
    "an offset table beyond the end": (
        lying_offsets(struct.pack("<3I", 0, 2**31, 2**32 - 2)), STORED,
    ),
    "an offset table that goes back": (lying_offsets(struct.pack("<3I", 0, 200, 100)), STORED),
    "an offset table of odd length": (lying_offsets(b"\0" * 6), STORED),
}  # fmt: skip


@pytest.fixture(params=BOMBS)
def bomb(request: pytest.FixtureRequest) -> tuple[Built, int]:
    return BOMBS[request.param]


def test_it_is_judged_by_its_bytes_and_not_by_its_claims(
    ways: Ways, bomb: tuple[Built, int]
) -> None:
    built, expected = bomb
    memory, begun = PeakMemory(ways.archive, "web"), time.monotonic()

    reply = ways.stow(built.part10)

    assert reply.status_code == expected, reply.text[:300]
    assert ways.is_found(built.study_instance_uid) == (expected == STORED)
    assert memory.growth < MOST_MEMORY
    assert time.monotonic() - begun < SOON


ASKED = ("", "/metadata", "/frames/1", "/frames/2", "/frames/2147483647", "/bulkdata/7FE00010",
         "/frames/" + ",".join(str(n) for n in range(1, 1001)))  # fmt: skip


def test_asking_for_it_costs_nothing_either(
    archive: RunningArchive, token: str, ways: Ways, bomb: tuple[Built, int]
) -> None:
    built, expected = bomb
    ways.stow(built.part10)
    path = (
        f"/studies/{built.study_instance_uid}/series/{built.series_instance_uid}"
        f"/instances/{built.sop_instance_uid}"
    )
    memory = PeakMemory(archive, "web")
    with web(archive, token) as client:
        for asked in ASKED:
            begun = time.monotonic()
            reply = client.get(path + asked, headers={"Accept": "*/*"})
            if expected != STORED:
                assert reply.status_code == 404, asked  # as if it were not there
            assert reply.status_code in {200, 404}, (asked, reply.text[:300])
            assert time.monotonic() - begun < SOON
    assert memory.growth < MOST_MEMORY


@pytest.mark.parametrize("numbers", ["0", "-1", "1.5", "1,,2", "1-9", "x", "1,2,", "9" * 30])
def test_frame_lists_that_are_none_are_refused(
    archive: RunningArchive, token: str, ways: Ways, numbers: str
) -> None:
    built = victim()
    ways.stow(built.part10)
    path = (
        f"/studies/{built.study_instance_uid}/series/{built.series_instance_uid}"
        f"/instances/{built.sop_instance_uid}/frames/{numbers}"
    )
    with web(archive, token) as client:
        assert client.get(path).status_code == 400
