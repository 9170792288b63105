"""X49, X30: character sets that lie, and text that would steer whoever reads it."""

import re
import socket
import struct
from typing import Any

import pytest

from raykeep.wire.dimse.commands import Response
from raykeep.wire.upperlayer.encoding import encode
from tests.builders import Built
from tests.fakes.scu import CT, associate_rq
from tests.running import RunningArchive
from tests.security.callers import calling, dimse_address, tls_context, web
from tests.security.hostile import short, victim
from tests.security.refusing import Ways

CHARSET, NAME = (0x0008, 0x0005), (0x0010, 0x0010)

LIES: dict[str, tuple[bytes, bytes]] = {
    "an unknown set": (b"ISO_IR 999", b"Doe^John"),
    "UTF-8 that is none": (b"ISO_IR 192", b"D\xff\xfe^\xc3"),
    "UTF-8 of a surrogate": (b"ISO_IR 192", b"D\xed\xa0\x80^J"),
    "GB18030 that breaks off": (b"GB18030", b"\x81\x30\x81"),
    "an escape that was not announced": (b"ISO_IR 100", b"A\x1b$B;3ED^\x1b(B"),
    "escapes without end": (b"\\ISO 2022 IR 87", b"\x1b$B" * 20),
    "an escape that breaks off": (b"\\ISO 2022 IR 87", b"Yamada^\x1b$"),
    "Latin where nothing was announced": (b"", b"M\xfcller^J\xfcrgen"),
    "a NUL in a name": (b"ISO_IR 100", b"Do\0e^John"),
    "control characters in a name": (b"ISO_IR 100", b"Doe\r\n\x1b[31m^\x07John"),
    "text from right to left": (b"ISO_IR 192", "Doe\u202e^nhoJ\u2066".encode()),
    "markup in a name": (b"ISO_IR 192", b"<script>alert(1)</script>^{{7*7}}"),
}

TOO_LONG: dict[str, tuple[bytes, bytes]] = {
    "1,000 sets": (b"\\".join([b"ISO 2022 IR 87"] * 1000), b"Doe^John"),
    "a name of 60 kB": (b"ISO_IR 100", b"x" * 60_000),
}


def lying(charset: bytes, name: bytes) -> tuple[Built, bytes]:
    """An instance, and its data set with these two values in their places."""
    built = victim(charset="ISO_IR 100")
    whole = built.data_set
    for tag, vr, value in ((CHARSET, b"CS", charset), (NAME, b"PN", name)):
        head = struct.pack("<HH2s", *tag, vr)
        at = whole.index(head)
        (length,) = struct.unpack_from("<H", whole, at + 6)
        padding = b" " * (len(value) % 2)
        whole = whole[:at] + short(*tag, vr, value + padding) + whole[at + 8 + length :]
    return built, whole


def stored(archive: RunningArchive, device: dict[str, Any], built: Built, whole: bytes) -> Response:
    with calling(archive, device) as scu:
        request = scu.store_rq(built)
        scu.send(scu.context_of(CT), request, [whole])
        response = scu.response()
        assert response is not None
        return response


@pytest.mark.parametrize("lie", TOO_LONG)
def test_more_than_the_index_holds_is_refused(
    archive: RunningArchive, device: dict[str, Any], ways: Ways, lie: str
) -> None:
    built, whole = lying(*TOO_LONG[lie])

    response = stored(archive, device, built, whole)

    assert response.status == 0xC000
    assert "more than the 4096" in response.error_comment
    assert not ways.is_found(built.study_instance_uid)


@pytest.mark.parametrize("lie", LIES)
def test_it_is_stored_unchanged_found_and_shown_as_text(
    archive: RunningArchive, device: dict[str, Any], token: str, lie: str
) -> None:
    built, whole = lying(*LIES[lie])
    assert stored(archive, device, built, whole).status == 0

    path = f"/studies/{built.study_instance_uid}"
    with web(archive, token) as client:
        (found,) = client.get(
            "/studies", params={"StudyInstanceUID": built.study_instance_uid}
        ).json()
        (header,) = client.get(f"{path}/metadata").json()
        part10 = client.get(
            f"{path}/series/{built.series_instance_uid}/instances/{built.sop_instance_uid}",
            headers={"Accept": "application/dicom; transfer-syntax=*"},
        ).content
    assert found["0020000D"]["Value"] == [built.study_instance_uid]
    assert header["0020000D"]["Value"] == [built.study_instance_uid]
    assert part10.endswith(whole)


@pytest.mark.parametrize("lie", {**LIES, **TOO_LONG})
def test_a_query_that_lies_is_answered(
    archive: RunningArchive, device: dict[str, Any], lie: str
) -> None:
    charset, name = {**LIES, **TOO_LONG}[lie]
    identifier = b"".join(
        short(group, element, vr, value + b" " * (len(value) % 2))
        for group, element, vr, value in (
            (0x0008, 0x0005, b"CS", charset),
            (0x0008, 0x0052, b"CS", b"STUDY"),
            (0x0010, 0x0010, b"PN", name),
            (0x0020, 0x000D, b"UI", b""),
        )
    )
    with calling(archive, device) as scu:
        _, response = scu.find(identifier)

        assert response is not None
        assert response.status in {0x0000, 0xA900, 0xA700, 0xC000}
        assert scu.echo().status == 0


TITLES = {
    "Cyrillic letters that look Latin": "\u0410\u0422\u0422\u0410\u0421\u041a\u0415R".encode(),
    "a line break": b"ATT\r\nACKER",
    "an escape sequence": b"\x1b[31mATTACKER",
    "syslog's own": b"<85>1 fake",
    "a NUL": b"ATTACKER\0",
    "a backslash": b"ATT\\ACKER",
    "spaces alone": b" " * 16,
    "a quote": b"ATT'\"; --",
}


@pytest.mark.parametrize("what", TITLES)
def test_an_odd_title_is_refused_and_written_harmlessly(
    archive: RunningArchive, device: dict[str, Any], what: str
) -> None:
    request = encode(associate_rq("ATTACKER"))
    title = TITLES[what].ljust(16)
    odd = request[:26] + title + request[42:]
    assert request[26:42] == b"ATTACKER".ljust(16)
    with (
        socket.create_connection(dimse_address(archive), 10) as raw,
        tls_context(archive.ca, device).wrap_socket(raw) as tls,
    ):
        tls.settimeout(20)
        tls.sendall(odd)
        answer = tls.recv(100)

    assert answer[:1] in {b"\3", b"\7", b""}  # rejected or aborted
    log = archive.log.read_bytes()
    assert re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", log) is None
    assert not any(line.startswith(b"<85>1") for line in log.splitlines())
    for record in archive.ask("audit", "search", "--outcome", "denied")["records"]:
        assert record["actor"].isprintable()


def test_a_denial_on_a_terminal_steers_nothing(archive: RunningArchive) -> None:
    shown = archive.command("audit", "tail", "--limit", "100")

    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown) is None
