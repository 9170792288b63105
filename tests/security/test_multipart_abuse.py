"""X29: multipart bodies that are crowded, crooked or endless are refused, in linear time."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.builders import Built, ct_instance
from tests.running import RunningArchive
from tests.security.callers import PeakMemory, web
from tests.security.hostile import PATIENT_ID, PATIENT_NAME

MOST_MEMORY = 64 * 1_048_576  # bytes
SOON = 20.0  # seconds

KIND = 'multipart/related; type="application/dicom"'
BOUNDARY = "BOUNDARY-4711"
WITH_BOUNDARY = f"{KIND}; boundary={BOUNDARY}"

Body = bytes | Iterator[bytes]


def post(
    archive: RunningArchive, token: str, body: Body, kind: str = WITH_BOUNDARY, **headers: str
) -> httpx.Response:
    with web(archive, token) as client:
        told = {"Content-Type": kind, **headers}
        try:
            return client.post("/studies", content=body, headers=told)
        except httpx.TransportError:
            # Refused before all of it was sent, and left: what was said is not always read.
            return httpx.Response(413)


def victim() -> Built:
    return ct_instance(patient_name=PATIENT_NAME, patient_id=PATIENT_ID)


def part(content: bytes, headers: bytes = b"Content-Type: application/dicom\r\n") -> bytes:
    return b"--" + BOUNDARY.encode() + b"\r\n" + headers + b"\r\n" + content + b"\r\n"


END = b"--" + BOUNDARY.encode() + b"--\r\n"


def nested() -> bytes:
    inner = part(victim().part10).replace(BOUNDARY.encode(), b"INNER") + b"--INNER--\r\n"
    return part(inner, b'Content-Type: multipart/related; boundary="INNER"\r\n') + END


REFUSED: dict[str, tuple[bytes, str, int]] = {
    "no boundary": (part(b"x") + END, KIND, 400),
    "an empty boundary": (part(b"x") + END, f'{KIND}; boundary=""', 400),
    "a boundary of 71 characters": (part(b"x") + END, f"{KIND}; boundary={'b' * 71}", 400),
    "a boundary of a line break": (part(b"x") + END, f'{KIND}; boundary="a\tb"', 400),
    "another type of parts": (
        part(b"x") + END,
        f'multipart/related; type="image/png"; boundary={BOUNDARY}',
        415,
    ),
    "no type of parts": (part(b"x") + END, f"multipart/related; boundary={BOUNDARY}", 415),
    "a form": (part(b"x") + END, f"multipart/form-data; boundary={BOUNDARY}", 415),
    "the wrong boundary": (part(victim().part10) + END, f"{KIND}; boundary=OTHER", 400),
    "nothing": (b"", WITH_BOUNDARY, 400),
    "no part": (END, WITH_BOUNDARY, 400),
    "no end": (part(victim().part10), WITH_BOUNDARY, 400),
    "an end within a part": (part(victim().part10)[:-500], WITH_BOUNDARY, 400),
    "headers without end": (b"--" + BOUNDARY.encode() + b"\r\nX: y", WITH_BOUNDARY, 400),
    "headers of 1 MiB": (part(b"x", b"X-A: " + b"a" * 1_048_576 + b"\r\n") + END,
                         WITH_BOUNDARY, 413),
    "1,000 headers": (part(b"x", b"".join(b"X-%d: y\r\n" % n for n in range(1000))) + END,
                      WITH_BOUNDARY, 413),
    "a header that is none": (part(b"x", b"no colon here\r\n") + END, WITH_BOUNDARY, 400),
    "a preamble of 1 MiB": (b"p" * 1_048_576 + b"\r\n" + part(b"x") + END, WITH_BOUNDARY, 413),
    "text behind a delimiter": (part(b"x").replace(b"\r\n", b" text\r\n", 1) + END,
                                WITH_BOUNDARY, 400),
    "10,001 parts": (part(b"") * 10_001 + END, WITH_BOUNDARY, 413),
    "100,000 parts": (part(b"") * 100_000 + END, WITH_BOUNDARY, 413),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused(archive: RunningArchive, token: str, what: str) -> None:
    body, kind, status = REFUSED[what]
    memory, begun = PeakMemory(archive, "web"), time.monotonic()

    reply = post(archive, token, body, kind)

    assert reply.status_code == status, reply.text[:300]
    assert memory.growth < MOST_MEMORY
    assert time.monotonic() - begun < SOON


PARTS = {
    "nested multipart": nested(),
    "parts of another type": part(victim().part10, b"Content-Type: image/png\r\n") + END,
    "an encoded part": part(
        victim().part10,
        b"Content-Type: application/dicom\r\nContent-Transfer-Encoding: base64\r\n",
    ) + END,
    "a compressed part": part(
        victim().part10, b"Content-Type: application/dicom\r\nContent-Encoding: gzip\r\n"
    ) + END,
    "a type in a folded header": part(
        victim().part10, b"Content-Type: application/\r\n dicom\r\n"
    ) + END,
    "no DICOM": part(b"this is no DICOM") + END,
    "an empty part": part(b"") + END,
    "10,000 empty parts": part(b"") * 10_000 + END,
}  # fmt: skip


@pytest.mark.parametrize("what", PARTS)
def test_its_parts_are_refused(archive: RunningArchive, token: str, what: str) -> None:
    memory, begun = PeakMemory(archive, "web"), time.monotonic()

    reply = post(archive, token, PARTS[what])

    assert reply.status_code == 409, reply.text[:300]
    assert memory.growth < MOST_MEMORY
    assert time.monotonic() - begun < SOON


def test_delimiters_that_are_nearly_one_are_content_and_cost_linear_time(
    archive: RunningArchive, token: str
) -> None:
    near = b"\r\n--" + BOUNDARY.encode()[:-1] + b"!"
    built = ct_instance(rows=1024, columns=1024, pixels=(near * 130_000)[: 2 * 1024 * 1024])
    begun = time.monotonic()

    reply = post(archive, token, part(built.part10) + END)

    assert reply.status_code == 200, reply.text[:300]
    assert time.monotonic() - begun < SOON


def test_an_epilogue_without_end_is_not_read(archive: RunningArchive, token: str) -> None:
    memory = PeakMemory(archive, "web")
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield part(victim().part10) + END
        for _ in range(2000):
            sent += 65_536
            yield bytes(65_536)

    reply = post(archive, token, body())

    assert reply.status_code == 413, reply.text[:300]
    assert sent < 2000 * 65_536
    assert memory.growth < MOST_MEMORY


def test_a_gzipped_request_is_not_inflated(archive: RunningArchive, token: str) -> None:
    import gzip

    bomb = gzip.compress(bytes(64 * 1_048_576))
    memory = PeakMemory(archive, "web")

    reply = post(archive, token, bomb, WITH_BOUNDARY, **{"Content-Encoding": "gzip"})

    assert reply.status_code == 415, reply.text[:300]
    assert memory.growth < MOST_MEMORY


def test_a_part_is_named_by_nothing_that_it_says_of_a_file(
    archive: RunningArchive, token: str
) -> None:
    """X4: a file name in a part's headers is passed over."""
    built = ct_instance()
    headers = (
        b"Content-Type: application/dicom\r\n"
        b'Content-Disposition: attachment; filename="../../../canary"\r\n'
        b"Content-Location: file:///canary\r\n"
    )

    reply = post(archive, token, part(built.part10, headers) + END)

    assert reply.status_code == 200, reply.text[:300]
    assert list(archive.folder.rglob("*canary*")) == []
