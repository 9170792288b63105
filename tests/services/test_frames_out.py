"""Frames and long values as they are stored, whatever their encoding."""

from dataclasses import replace

import pytest

from raykeep.dicom.stored_header import unpack_header
from raykeep.domain.access import Role
from raykeep.domain.errors import FrameNotFound, LimitExceeded
from raykeep.services import retrieve as module
from raykeep.services.retrieve import bulk_data, encapsulated_frames, frames
from tests.builders import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000_LOSSLESS,
    codestream,
    ct_instance,
    encapsulated_instance,
    multi_frame_instance,
)
from tests.services.stored import actor, store

RADIOLOGIST = actor(Role.RADIOLOGIST)
PIXEL_DATA = "7FE00010"


def stored(archive, built):
    store(archive, built)
    transfer = archive.enforcer.transfer(RADIOLOGIST, "wado")
    (row,) = transfer.find(built.study_instance_uid)
    return transfer, row


def content(stream):
    whole = b"".join(stream.pieces)
    assert len(whole) == stream.length
    return whole


def test_frames_of_single_bits_begin_at_a_byte_of_their_own(shared):
    # Five frames of 3 x 3 bits follow one another without padding (PS3.5 section 8.1.1).
    ones = [[1, 0, 1, 1, 0, 0, 1, 0, 1], [0] * 9, [1] * 9, [0, 1] * 4 + [1], [1, 1, 0] * 3]
    bits = [bit for frame in ones for bit in frame]
    bits += [0] * (-len(bits) % 8)
    packed = bytes(sum(bits[at + n] << n for n in range(8)) for at in range(0, len(bits), 8))
    built = multi_frame_instance(
        number_of_frames=5,
        rows=3,
        columns=3,
        pixels=packed,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
    )
    transfer, row = stored(shared, built)

    found = [content(one) for one in frames(transfer, row, range(1, 6))]

    unpacked = [[byte >> n & 1 for byte in frame for n in range(8)][:9] for frame in found]
    assert unpacked == ones
    assert {len(frame) for frame in found} == {2}


def test_a_frame_that_the_pixel_data_does_not_reach_is_not_there(shared, monkeypatch):
    # Screening keeps such instances back; a header that claims more than was kept is not believed.
    transfer, row = stored(shared, multi_frame_instance(number_of_frames=3))
    monkeypatch.setattr(
        module,
        "unpack_header",
        lambda packed: replace(unpack_header(packed), number_of_frames=9),
    )

    assert len(content(frames(transfer, row, [3])[0])) == 16
    with pytest.raises(FrameNotFound, match="beyond the pixel data"):
        frames(transfer, row, [4])


def test_frames_come_in_the_order_and_as_often_as_they_are_asked_for(shared):
    parts = [codestream(n) for n in range(3)]
    built = multi_frame_instance(transfer_syntax_uid=JPEG_2000_LOSSLESS, frames=parts)
    transfer, row = stored(shared, built)

    found = frames(transfer, row, [3, 1, 3])

    assert [content(one) for one in found] == [parts[2], parts[0], parts[2]]


@pytest.mark.parametrize("fragments_per_frame", [1, 2])
def test_encapsulated_pixel_data_by_reference_comes_frame_by_frame(shared, fragments_per_frame):
    parts = [codestream(n) for n in range(3)]
    built = multi_frame_instance(
        transfer_syntax_uid=JPEG_2000_LOSSLESS,
        frames=parts,
        fragments_per_frame=fragments_per_frame,
    )
    transfer, row = stored(shared, built)

    found = encapsulated_frames(transfer, row, PIXEL_DATA.lower(), most=3)

    assert [content(one) for one in found] == parts
    with pytest.raises(LimitExceeded, match="frames of one request is 3"):
        encapsulated_frames(transfer, row, PIXEL_DATA, most=2)


def test_frames_that_nothing_tells_apart_come_as_one_stream(shared):
    parts = [codestream(n) for n in range(3)]
    built = multi_frame_instance(
        number_of_frames=3,
        transfer_syntax_uid=JPEG_2000_LOSSLESS,
        frames=parts,
        fragments_per_frame=2,
        offset_table=False,
    )
    transfer, row = stored(shared, built)

    (whole,) = encapsulated_frames(transfer, row, PIXEL_DATA, most=1)

    assert content(whole) == b"".join(parts)


def test_what_is_no_encapsulated_pixel_data_has_no_frames_by_reference(shared):
    native = stored(shared, ct_instance())
    without_pixels = stored(shared, encapsulated_instance())
    encapsulated = stored(shared, multi_frame_instance(transfer_syntax_uid=JPEG_2000_LOSSLESS))

    assert encapsulated_frames(*native, PIXEL_DATA, most=9) is None
    assert encapsulated_frames(*without_pixels, PIXEL_DATA, most=9) is None
    assert encapsulated_frames(*encapsulated, "00420011", most=9) is None


@pytest.mark.parametrize("piece", [1, 7, 100, 65_536])
def test_parts_of_a_deflated_data_set_are_cut_wherever_inflating_pauses(shared, monkeypatch, piece):
    monkeypatch.setattr(module, "INFLATED_PIECE", piece)
    built = multi_frame_instance(
        number_of_frames=4, transfer_syntax_uid=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    )
    transfer, row = stored(shared, built)

    found = [content(one) for one in frames(transfer, row, [2, 4])]

    pixels = built.dataset.PixelData
    assert found == [pixels[16:32], pixels[48:64]]


def test_a_long_value_of_a_deflated_data_set_is_inflated_to_its_end(shared):
    document = b"%PDF-1.4 " + bytes(range(256)) * 400
    built = encapsulated_instance(document, transfer_syntax_uid=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    transfer, row = stored(shared, built)

    assert content(bulk_data(transfer, row, "00420011")).startswith(document)
