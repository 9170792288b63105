"""Synthetic objects, the same in every run: made of a template and arithmetic, no patient ever.

`ct`          512 x 512 x 16 bit, 0.5 MB each, one series
`small`       CR of 7 to 29 KB, ten a study
`tiny`        CR of 1.3 KB, each a study of its own, two studies a patient: for large archives
`multi_frame` 200 frames of 512 x 512 x 16 bit, 100 MB

A batch makes the same objects under other UIDs, so that a server can be measured again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.encoding import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    Template,
    element,
    element_head,
    sequence,
    short,
)

CT_IMAGE_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
CR_IMAGE_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.1"
MULTI_FRAME_WORD_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.7.3"
MULTI_FRAME_FRAMES: Final = 200
FRAME_BYTES: Final = 512 * 512 * 2  # of `ct` and `multi_frame`

_ROOT: Final = "1.2.826.0.1.3680043.8.498.4343"
_PIXEL_DATA: Final = 0x7FE00010
# fmt: off
_FAMILIES: Final = (
    "Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan",
    "Spruce", "Yew",
)
_GIVEN: Final = (
    "Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gwen", "Hugo", "Iris", "Jon", "Kira", "Leo",
    "Mia", "Nils", "Olga",
)
# fmt: on
_FIRST_DAY: Final = date(2011, 1, 1)
_DAYS: Final = 5_400  # that studies are spread over
_SIDES: Final = tuple(range(60, 121, 4))  # of `small`: 60 x 60 to 120 x 120 pixels
_VARIANTS: Final = 16  # of pixel data


@dataclass(frozen=True, slots=True)
class Instance:
    """One object; `pieces` make its data set, encoded as explicit VR little endian."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    patient_id: str
    accession_number: str
    pieces: tuple[bytes, ...]

    @property
    def path(self) -> str:
        """Its place below a DICOMweb service (PS3.18 section 10.4.1)."""
        return (
            f"/studies/{self.study_instance_uid}/series/{self.series_instance_uid}"
            f"/instances/{self.sop_instance_uid}"
        )

    def part10(self) -> bytes:
        """The object as a file (PS3.10 section 7.1)."""
        meta = b"".join(
            (
                element(0x00020001, "OB", b"\0\1"),
                element(0x00020002, "UI", self.sop_class_uid.encode()),
                element(0x00020003, "UI", self.sop_instance_uid.encode()),
                element(0x00020010, "UI", EXPLICIT_VR_LITTLE_ENDIAN.encode()),
                element(0x00020012, "UI", f"{_ROOT}.1".encode()),
            )
        )
        length = element(0x00020000, "UL", len(meta).to_bytes(4, "little"))
        return b"".join((bytes(128), b"DICM", length, meta, *self.pieces))


def ct(batch: int, start: int, count: int) -> Iterator[Instance]:
    """Slices of one series; `start` is counted from 0."""
    pixels = _pixels(512, 512)
    for number in range(start, start + count):
        yield _instance(_CT, CT_IMAGE_STORAGE, (batch, 0, number), pixels[number % _VARIANTS])


def small(batch: int, start: int, count: int) -> Iterator[Instance]:
    """Small images, ten a study."""
    for number in range(start, start + count):
        side = _SIDES[number * 7 % len(_SIDES)]
        pixels = _pixels(side, side)[number % _VARIANTS]
        template = _cr_template(side)
        yield _instance(template, CR_IMAGE_STORAGE, (batch, 1 + number // 10, number % 10), pixels)


def tiny(batch: int, start: int, count: int) -> Iterator[Instance]:
    """Images of 4 x 4 pixels, each a study."""
    pixels = _pixels(4, 4)
    template = _cr_template(4)
    for number in range(start, start + count):
        yield _instance(template, CR_IMAGE_STORAGE, (batch, number, 0), pixels[number % _VARIANTS])


def multi_frame(batch: int, start: int = 0, count: int = 1) -> Iterator[Instance]:
    """Objects of 200 frames, each a study."""
    frames = _pixels(512, 512)
    pixels = b"".join(frames[number % _VARIANTS] for number in range(MULTI_FRAME_FRAMES))
    for number in range(start, start + count):
        yield _instance(
            _MULTI_FRAME, MULTI_FRAME_WORD_STORAGE, (batch, 900_000 + number, 0), pixels
        )


KINDS: Final[dict[str, Callable[[int, int, int], Iterator[Instance]]]] = {
    "ct": ct,
    "small": small,
    "tiny": tiny,
    "multi_frame": multi_frame,
}

SOP_CLASSES: Final = {
    "ct": CT_IMAGE_STORAGE,
    "small": CR_IMAGE_STORAGE,
    "tiny": CR_IMAGE_STORAGE,
    "multi_frame": MULTI_FRAME_WORD_STORAGE,
}


def write_files(folder: Path, instances: Iterator[Instance]) -> int:
    """Write objects as files; returns how many."""
    folder.mkdir(parents=True)
    number = 0
    for number, one in enumerate(instances, start=1):
        (folder / f"{number:05d}.dcm").write_bytes(one.part10())
    return number


# --- how they are made -------------------------------------------------------------------------


def _instance(
    template: Template, sop_class: str, place: tuple[int, int, int], pixels: bytes
) -> Instance:
    """One object; its place is batch, study, and number in the study's only series."""
    batch, study, number = place
    patient = study // 2
    # Components without leading zeros (PS3.5 section 9.1).
    study_uid = f"{_ROOT}.{1000 + batch}.{1_000_000 + study}"
    series_uid = f"{study_uid}.1"
    sop_instance_uid = f"{series_uid}.{1 + number}"
    patient_id = f"B{batch:03d}-{patient:07d}"
    accession = f"A{batch:03d}{study:08d}"
    # 37 and the number of days have no divisor in common: neighbours are far apart.
    day = _FIRST_DAY + timedelta(days=study * 37 % _DAYS)
    head = template.fill(
        {
            "sop_instance_uid": sop_instance_uid,
            "study_uid": study_uid,
            "series_uid": series_uid,
            "patient_id": patient_id,
            "family": f"{_FAMILIES[patient % len(_FAMILIES)]}{patient // 195}",
            "given": _GIVEN[patient // len(_FAMILIES) % len(_GIVEN)],
            "sex": "FM"[patient % 2],
            "birth": f"19{30 + patient % 70}0{1 + patient % 9}{10 + patient % 19}",
            "accession": accession,
            "day": f"{day:%Y%m%d}",
            "time": f"{study % 24:02d}{study // 24 % 60:02d}{number % 60:02d}",
            "study": study,
            "number": 1 + number,
            "height": f"{number * 1.25:.2f}",
            "kind": study % 97,
        }
    )
    return Instance(
        sop_class,
        sop_instance_uid,
        series_uid,
        study_uid,
        patient_id,
        accession,
        (head + element_head(_PIXEL_DATA, "OW", len(pixels)), pixels),
    )


@cache
def _pixels(rows: int, columns: int) -> tuple[bytes, ...]:
    """Pixel data of 12 bits in 16: a bright disc in noise, in some variants."""
    random = np.random.default_rng(rows * 4_096 + columns)
    y, x = np.mgrid[0:rows, 0:columns]
    distance = np.hypot((y - rows / 2) / (rows * 0.42), (x - columns / 2) / (columns * 0.36))
    picture = np.where(distance < 1, 1000 + 150 * np.sin(9 * distance), 30)
    noise = random.normal(0, 12, (rows, columns))
    return tuple(
        np.clip(picture + np.roll(noise, 13 * variant, axis=1) + variant, 0, 4095)
        .astype("<u2")
        .tobytes()
        for variant in range(_VARIANTS)
    )


def _template(
    sop_class: str, modality: str, rows: int, columns: int, frames: int | None = None
) -> Template:
    reference = element(0x00081150, "UI", sop_class.encode()) + element(
        0x00081155, "UI", f"{_ROOT}.2".encode()
    )
    number_of_frames = [] if frames is None else [(0x00280008, "IS", str(frames))]
    return Template(
        [
            (0x00080005, "CS", "ISO_IR 192"),
            (0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
            (0x00080016, "UI", sop_class),
            (0x00080018, "UI", "{sop_instance_uid}"),
            (0x00080020, "DA", "{day}"),
            (0x00080021, "DA", "{day}"),
            (0x00080022, "DA", "{day}"),
            (0x00080023, "DA", "{day}"),
            (0x00080030, "TM", "{time}"),
            (0x00080031, "TM", "{time}"),
            (0x00080033, "TM", "{time}"),
            (0x00080050, "SH", "{accession}"),
            (0x00080060, "CS", modality),
            (0x00080070, "LO", "Synthetic"),
            (0x00080080, "LO", "General Hospital"),
            (0x00080090, "PN", "Referrer^Rita"),
            (0x00081010, "SH", "ST01"),
            (0x00081030, "LO", "Study of kind {kind}"),
            (0x0008103E, "LO", "Axial soft tissue"),
            (0x00081090, "LO", "Model 64"),
            sequence(0x00081140, [reference, reference]),
            (0x00100010, "PN", "{family}^{given}"),
            (0x00100020, "LO", "{patient_id}"),
            (0x00100030, "DA", "{birth}"),
            (0x00100040, "CS", "{sex}"),
            (0x00101010, "AS", "045Y"),
            (0x00180015, "CS", "CHEST"),
            (0x00180050, "DS", "1.25"),
            (0x00180060, "DS", "120"),
            (0x00181030, "LO", "Chest routine"),
            (0x0020000D, "UI", "{study_uid}"),
            (0x0020000E, "UI", "{series_uid}"),
            (0x00200010, "SH", "{study}"),
            (0x00200011, "IS", "1"),
            (0x00200013, "IS", "{number}"),
            (0x00200032, "DS", "-170.5\\-170.5\\{height}"),
            (0x00200037, "DS", "1\\0\\0\\0\\1\\0"),
            (0x00200052, "UI", "{study_uid}.9"),
            (0x00201041, "DS", "{height}"),
            element(0x00280002, "US", short(1)),
            (0x00280004, "CS", "MONOCHROME2"),
            *number_of_frames,
            element(0x00280010, "US", short(rows)),
            element(0x00280011, "US", short(columns)),
            (0x00280030, "DS", "0.7\\0.7"),
            element(0x00280100, "US", short(16)),
            element(0x00280101, "US", short(12)),
            element(0x00280102, "US", short(11)),
            element(0x00280103, "US", short(0)),
            (0x00281050, "DS", "1040"),
            (0x00281051, "DS", "400"),
            (0x00281052, "DS", "-1024"),
            (0x00281053, "DS", "1"),
            (0x00281054, "LO", "HU"),
            (0x00290010, "LO", "SYNTHETIC 1"),
            element(0x00291010, "OB", bytes(range(256)) * 2),
        ]
    )


@cache
def _cr_template(side: int) -> Template:
    return _template(CR_IMAGE_STORAGE, "CR", side, side)


_CT: Final = _template(CT_IMAGE_STORAGE, "CT", 512, 512)
_MULTI_FRAME: Final = _template(MULTI_FRAME_WORD_STORAGE, "XA", 512, 512, MULTI_FRAME_FRAMES)
