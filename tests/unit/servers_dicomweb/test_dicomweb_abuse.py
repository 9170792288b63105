"""Hostile requests: X4, X11, X15, X17, X18, X20, X27, X29 of the list of attacks."""

import gzip
import json
import time

import pytest

from raykeep.servers.dicomweb.settings import DicomwebSettings
from tests.builders import ct_instance, instance, new_uid
from tests.fakes.web import BOUNDARY, STOW_TYPE, Web, fake_web, multipart, path_of

LINE = f"--{BOUNDARY}\r\n".encode()
END = f"--{BOUNDARY}--\r\n".encode()
KIND = b"Content-Type: application/dicom\r\n"


def posted(web: Web, body: bytes, kind: str = STOW_TYPE, **headers: str):
    return web.ask("POST", "/studies", content=body, headers={"content-type": kind, **headers})


# --- X29: multipart -----------------------------------------------------------------------------

MULTIPART = {
    "no delimiter at all": (b"hello", 400),
    "empty body": (b"", 400),
    "never closed": (LINE + KIND + b"\r\nabc", 400),
    "cut within its headers": (LINE + KIND, 400),
    "a line that is no header": (LINE + b"no header\r\n\r\nabc\r\n" + END, 400),
    "one header twice": (LINE + KIND + KIND + b"\r\nabc\r\n" + END, 400),
    "giant header": (LINE + b"X: " + b"a" * 100_000 + b"\r\n\r\nabc\r\n" + END, 413),
    "many headers": (LINE + b"X%d: a\r\n" * 0 + b"".join(b"X%d: a\r\n" % n for n in range(500))
                     + b"\r\nabc\r\n" + END, 413),
    "preamble flood": (b"x" * 100_000 + b"\r\n" + LINE + KIND + b"\r\nabc\r\n" + END, 413),
    "epilogue flood": (LINE + KIND + b"\r\nabc\r\n" + END + b"x" * 100_000, 413),
    "text behind a delimiter": (LINE[:-2] + b"junk\r\n" + KIND + b"\r\nabc\r\n" + END, 400),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status"), MULTIPART.values(), ids=MULTIPART.keys())
def test_what_is_no_multipart_body_is_refused(web: Web, body: bytes, status: int) -> None:
    assert posted(web, body).status_code == status


def test_parts_are_counted(tmp_path) -> None:
    with fake_web(tmp_path, settings=DicomwebSettings(max_parts=100)) as web:
        body = (LINE + KIND + b"\r\n\r\n") * 2_000 + END
        assert posted(web, body).status_code == 413


def test_many_tiny_parts_take_linear_time(web: Web) -> None:
    def seconds(count: int) -> float:
        body = (LINE + b"Content-Type: text/plain\r\n\r\nx\r\n") * count + END
        began = time.perf_counter()
        assert posted(web, body).status_code == 409
        return time.perf_counter() - began

    seconds(100)
    assert seconds(8_000) < 40 * seconds(800) + 1


def test_near_misses_of_the_boundary_take_linear_time(web: Web) -> None:
    near = b"\r\n--" + BOUNDARY.encode()[:-1]
    began = time.perf_counter()
    answer = posted(web, LINE + KIND + b"\r\n" + near * 200_000 + b"\r\n" + END)

    assert answer.status_code == 409
    assert time.perf_counter() - began < 10


def test_a_multipart_body_within_a_part_stays_a_part(web: Web) -> None:
    built = ct_instance()
    inner = multipart([built.part10]).replace(BOUNDARY.encode(), b"inner")
    answer = posted(web, LINE + KIND + b"\r\n" + inner + b"\r\n" + END)

    assert answer.status_code == 409
    assert web.get(path_of(built)).status_code == 404


@pytest.mark.parametrize(
    "boundary", ["", '""', "a" * 71, '"with space "', "ümlaut", '"<script>"', "a\tb"]
)
def test_a_boundary_that_is_none_is_refused(web: Web, boundary: str) -> None:
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    answer = posted(web, multipart([b"x"]), kind.encode("latin-1"))

    assert answer.status_code in {400, 415}
    assert "<script>" not in answer.text


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\..\\b", "CON", "x.dcm"])
def test_a_file_name_in_a_part_means_nothing(web: Web, name: str) -> None:
    built = ct_instance()
    disposition = f'Content-Disposition: attachment; filename="{name}"\r\n'.encode()
    answer = posted(web, LINE + KIND + disposition + b"\r\n" + built.part10 + b"\r\n" + END)

    assert answer.status_code == 200
    assert name not in web.get(path_of(built)).headers["content-disposition"]


@pytest.mark.parametrize("header", ["Content-Encoding: gzip", "Content-Transfer-Encoding: base64"])
def test_an_encoded_part_is_not_decoded(web: Web, header: str) -> None:
    built = ct_instance()
    body = LINE + KIND + header.encode() + b"\r\n\r\n" + built.part10 + b"\r\n" + END

    assert posted(web, body).status_code == 409
    assert web.get(path_of(built)).status_code == 404


# --- X11: compressed bodies ---------------------------------------------------------------------


def test_a_compressed_body_is_not_inflated(web: Web) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    for kind in (STOW_TYPE, "application/dicom"):
        assert posted(web, bomb, kind, **{"content-encoding": "gzip"}).status_code == 415
    assert posted(web, bomb, "application/dicom").status_code == 409


# --- X15: references to elsewhere ---------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest", "file:///etc/passwd", "gopher://localhost"]
)
def test_metadata_with_references_is_not_taken_and_nothing_is_fetched(
    web: Web, address: str
) -> None:
    body = json.dumps([{"7FE00010": {"vr": "OW", "BulkDataURI": address}}]).encode()
    kind = f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'

    answer = posted(web, multipart([body], "application/dicom+json"), kind)
    assert answer.status_code == 415


# --- X4: identifiers ----------------------------------------------------------------------------

UIDS = [
    "../../etc/passwd", "..%2f..%2fetc", "%2e%2e%2f", "/etc/passwd", "1.2.3%00", "-1", "1.2/3",
    "CON", "1" * 65, "1..2", "01.2", ".1", "1.", "1.2.3 ", "1\uff0e2\uff0e3", "1.2;3",
    "<script>", "' OR 1=1 --", "{{7*7}}", "%", "%zz", "*", "1.2.*",
]  # fmt: skip


@pytest.mark.parametrize("uid", UIDS)
@pytest.mark.parametrize(
    "path",
    ["/studies/{}", "/studies/{}/metadata", "/studies/1.2/series/{}", "/studies/{}/series",
     "/studies/1.2/series/1.3/instances/{}/frames/1"],
)  # fmt: skip
def test_what_is_no_uid_reaches_no_store(web: Web, path: str, uid: str) -> None:
    answer = web.get(path.format(uid))

    assert answer.status_code in {400, 404}
    assert "<script>" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("uid", ["../../x", "1.2.3.x", "1..2", "CON", "01.2"])
def test_an_instance_with_a_wrong_uid_is_refused(web: Web, uid: str) -> None:
    built = ct_instance()
    stand_in = "9" * len(uid)
    built.dataset.SOPInstanceUID = stand_in
    raw = built.part10.replace(stand_in.encode(), uid.encode())
    answer = posted(web, raw, "application/dicom")

    assert answer.status_code == 409


# --- X17, X18: queries --------------------------------------------------------------------------

QUERIES = {
    "10,000 characters": "PatientName=" + "a" * 7_000,
    "many wild cards": "PatientName=*a*b*c*d*e*f*g*h*i*j*",
    "many keys": "&".join(["PatientID=x"] * 300),
    "many UIDs": "StudyInstanceUID=" + ",".join(["1.2"] * 1_500),
    "many fields": "includefield=" + ",".join(["PatientName"] * 600),
    "negative limit": "limit=-1",
    "huge offset": "offset=1000000000000",
    "overflow": "limit=99999999999999999999999",
    "not a number": "limit=1e3",
    "quote": "PatientID='",
    "union": "PatientName=' UNION SELECT * FROM token --",
    "drop": "AccessionNumber=1;DROP TABLE study",
    "order": "orderby=PatientName;DROP",
    "backslashes": "PatientID=" + "\\" * 50,
    "regular expression": "PatientName=(a%2B)%2B$",
    "lone surrogate": "PatientName=%ED%A0%80",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_hostile_query_is_refused_or_finds_nothing(web: Web, query: str) -> None:
    web.store(ct_instance(patient_id="SAFE"))
    began = time.perf_counter()
    answer = web.get(f"/studies?{query}")

    assert time.perf_counter() - began < 3
    assert answer.status_code in {200, 400, 413}
    assert answer.status_code != 200 or answer.json() == []
    assert "sql" not in answer.text.lower()
    assert len(web.get("/studies?PatientID=SAFE").json()) >= 1


def test_a_fuzzy_search_for_everything_is_bounded(web: Web) -> None:
    answer = web.get("/studies?PatientName=*&fuzzymatching=true&limit=100000000")

    assert answer.status_code in {200, 400}


# --- X20: markup --------------------------------------------------------------------------------

MARKUP = [
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "javascript:alert(1)",
    "</script>",
    "a\u202eb",
]


@pytest.mark.parametrize("text", MARKUP)
def test_markup_stays_text_in_json_and_is_never_html(web: Web, text: str) -> None:
    study = new_uid()
    web.store(
        ct_instance(
            patient_name=text, StudyDescription=text[:60], study_instance_uid=study,
            charset="ISO_IR 192",
        )
    )  # fmt: skip
    for path in (
        f"/studies?StudyInstanceUID={study}&includefield=all",
        f"/studies/{study}/metadata",
    ):
        answer = web.get(path)
        assert answer.headers["content-type"] == "application/dicom+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert text.rstrip() in json.dumps(answer.json(), ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize("text", MARKUP)
def test_an_error_page_is_never_html(web: Web, text: str) -> None:
    for answer in (
        web.get("/studies", params={"PatientNmae": text}),
        web.get("/studies", params={text: "x"}),
        web.get("/studies", text if text.isascii() else "x"),
        web.get("/" + text.replace("/", "")),
        posted(web, b"", text.encode()),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


# --- X27: host ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil", "evil:443", "pacs.example.org.evil", "127.0.0.1"])
def test_another_host_is_misdirected_and_never_becomes_a_link(web: Web, host: str) -> None:
    answer = web.ask("GET", "/studies", headers={"host": host})

    assert answer.status_code == 421
    assert f"https://{host}" not in answer.text


def test_a_forwarded_host_is_not_believed(web: Web) -> None:
    built = ct_instance()
    web.store(built)
    headers = {
        "x-forwarded-host": "evil",
        "x-forwarded-for": "127.0.0.1",
        "forwarded": "host=evil",
        "x-original-url": "/admin",
    }
    answer = web.get(f"/studies?StudyInstanceUID={built.study_instance_uid}", headers=headers)

    assert "evil" not in answer.text


# --- X12, X13: content --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start", [b"MZ", b"\x7fELF", b"%PDF-1.7", b"<html>", b"PK\3\4", b"#!/bin/sh\n"]
)
def test_a_polyglot_loses_its_other_face(web: Web, start: bytes) -> None:
    built = ct_instance()
    raw = start.ljust(128, b"A") + built.part10[128:]

    assert posted(web, raw, "application/dicom").status_code == 200
    back = web.get(path_of(built), "application/dicom").content
    assert back[:128] == bytes(128)


def test_claims_of_giant_pixels_cost_nothing(web: Web) -> None:
    built = ct_instance(Rows=65535, Columns=65535, NumberOfFrames=2**31 - 1)
    answer = posted(web, multipart([built.part10]))

    assert answer.status_code in {200, 202, 409}
    assert web.get(path_of(built, "frames", "2147483647")).status_code == 404
    assert web.get(path_of(built, "frames", "1")).status_code == 404


def test_no_sop_class_no_entry(web: Web) -> None:
    assert posted(web, multipart([instance("1.2.3.4", "OT").part10])).status_code == 409
