"""UIDs that break the rules (PS3.5 section 9.1), or differ from what was announced, are refused."""

import struct
from pathlib import Path

import pytest

from raykeep.wire.dimse.exchange import fragment
from tests.builders import CT_IMAGE_STORAGE, ct_instance
from tests.fakes.scu import CT
from tests.security.callers import calling
from tests.security.hostile import BAD_UIDS, Hostile, identifiers, implicit, padded, part10_of
from tests.security.refusing import (
    Ways,
    refused_by_c_store,
    refused_by_import,
    refused_by_stow,
)

INVALID_ARGUMENT_VALUE, MISTYPED_ARGUMENT = 0x0115, 0x0212  # PS3.7 annex C

every = pytest.mark.parametrize("hostile", identifiers(), ids=[one.name for one in identifiers()])


@every
def test_c_store_refuses_it(ways: Ways, hostile: Hostile) -> None:
    refused_by_c_store(ways, hostile)


@every
def test_stow_refuses_it(ways: Ways, hostile: Hostile) -> None:
    refused_by_stow(ways, hostile)


@every
def test_import_refuses_it(ways: Ways, hostile: Hostile, tmp_path: Path) -> None:
    refused_by_import(ways, hostile, tmp_path)


def store_command(sop_instance_uid: bytes) -> bytes:
    """A C-STORE-RQ that announces any UID."""
    values = (
        (0x0002, padded(CT_IMAGE_STORAGE.encode())),
        (0x0100, struct.pack("<H", 0x0001)),
        (0x0110, struct.pack("<H", 1)),
        (0x0700, struct.pack("<H", 0)),
        (0x0800, struct.pack("<H", 1)),
        (0x1000, padded(sop_instance_uid)),
    )
    body = b"".join(implicit(0, element, len(value), value) for element, value in values)
    return implicit(0, 0, 4, struct.pack("<I", len(body))) + body


@pytest.mark.parametrize("how", BAD_UIDS)
def test_a_command_that_announces_it_is_refused(ways: Ways, how: str) -> None:
    built, announced = ct_instance(), BAD_UIDS[how].encode("utf-8")
    with calling(ways.archive, ways.device) as scu:
        pdus = fragment(scu.context_of(CT), store_command(announced), [built.data_set], 16_384)
        for pdu in pdus:
            scu.stream.send(pdu, 10)

        response = scu.response()

        assert response is not None
        assert response.status == (INVALID_ARGUMENT_VALUE if announced else MISTYPED_ARGUMENT)
        assert scu.echo().status == 0  # the association goes on
    assert not ways.is_found(built.study_instance_uid)


@pytest.mark.parametrize("how", [how for how in BAD_UIDS if BAD_UIDS[how]])
def test_file_meta_information_that_announces_it_is_refused(ways: Ways, how: str) -> None:
    built = ct_instance()
    announced = BAD_UIDS[how].encode("utf-8").decode("latin_1")

    reply = ways.stow(
        part10_of(built.data_set, built.transfer_syntax_uid, built.sop_class_uid, announced)
    )

    assert reply.status_code == 409, reply.text[:300]
    assert not ways.is_found(built.study_instance_uid)
