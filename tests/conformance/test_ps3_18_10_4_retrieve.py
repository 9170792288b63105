"""WADO-RS: the Retrieve transaction (PS3.18 section 10.4)."""

import base64

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import EventID
from tests.builders import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    Built,
    codestream,
    ct_instance,
    encapsulated_instance,
    multi_frame_instance,
    new_uid,
    sr_instance,
)
from tests.fakes.web import BASE, Web, parts_of, path_of

OCTETS = "application/octet-stream"


def stored(web: Web, *built: Built) -> Built:
    assert web.store(*built).status_code == 200
    return built[0]


@pytest.fixture(scope="module")
def study(web: Web) -> list[Built]:
    """A study of two series."""
    uid, first = new_uid(), new_uid()
    built = [
        ct_instance(study_instance_uid=uid, series_instance_uid=first, InstanceNumber=n)
        for n in (1, 2, 3)
    ]
    built.append(sr_instance(study_instance_uid=uid, SeriesNumber=2))
    stored(web, *built)
    return built


# --- 10.4.1.1.1: instances ----------------------------------------------------------------------


def test_a_study_comes_with_all_its_instances(web: Web, study: list[Built]) -> None:
    answer = web.get(f"/studies/{study[0].study_instance_uid}")
    parts = parts_of(answer)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(
        'multipart/related; type="application/dicom"; boundary='
    )
    assert [body[-200:] for _, body in parts] == [one.data_set[-200:] for one in study]
    assert all(body[128:132] == b"DICM" for _, body in parts)
    assert {headers["content-type"] for headers, _ in parts} == {
        f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    }


def test_a_series_comes_with_its_own_instances_alone(web: Web, study: list[Built]) -> None:
    one = study[0]
    answer = web.get(f"/studies/{one.study_instance_uid}/series/{one.series_instance_uid}")

    assert len(parts_of(answer)) == 3


def test_an_instance_comes_as_one_part_or_by_itself(web: Web, study: list[Built]) -> None:
    path = path_of(study[0])
    multi = web.get(path)
    single = web.get(path, "application/dicom")
    ((_, body),) = parts_of(multi)

    assert multi.headers["content-length"] == str(len(multi.content))
    assert single.headers["content-length"] == str(len(single.content))
    assert single.content == body
    assert single.headers["content-type"] == (
        f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    )


def test_what_browsers_get_they_neither_show_nor_run(web: Web, study: list[Built]) -> None:
    for accept in (None, "application/dicom"):
        answer = web.get(path_of(study[0]), accept)
        assert answer.headers["content-disposition"] == "attachment"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"].startswith("no-store")


# --- 8.7.3: transfer syntaxes -------------------------------------------------------------------

STORED = JPEG_2000_LOSSLESS


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("*/*", 200),
        ("multipart/related", 200),
        ('multipart/related; type="application/dicom"', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', 200),
        (f'multipart/related; type="application/dicom"; transfer-syntax={STORED}', 200),
        ("application/dicom; transfer-syntax=*", 200),
        ("multipart/related; type=application/dicom", 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1', 406),
        ("application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", 406),
        ('multipart/related; type="application/dicom+xml"', 406),
        ('multipart/related; type="image/jpeg"', 406),
        ("text/html", 406),
    ],
)
def test_instances_come_as_stored_or_not_at_all(web: Web, accept: str | None, status: int) -> None:
    built = stored(web, ct_instance(transfer_syntax_uid=STORED))
    answer = web.get(path_of(built), accept)

    assert answer.status_code == status
    if status == 200:
        assert built.data_set in answer.content
        assert STORED in answer.headers["content-type"] or STORED.encode() in answer.content
    else:
        assert STORED in answer.json()["detail"]


def test_a_study_in_several_syntaxes_goes_to_who_takes_any(web: Web) -> None:
    uid = new_uid()
    stored(
        web,
        ct_instance(study_instance_uid=uid),
        ct_instance(study_instance_uid=uid, transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN),
    )
    kind = 'multipart/related; type="application/dicom"'
    answer = web.get(f"/studies/{uid}", f"{kind}; transfer-syntax=*")

    assert {headers["content-type"] for headers, _ in parts_of(answer)} == {
        f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}",
        f"application/dicom; transfer-syntax={IMPLICIT_VR_LITTLE_ENDIAN}",
    }
    wanted = f"{kind}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    assert web.get(f"/studies/{uid}", wanted).status_code == 406


def test_several_instances_do_not_fit_into_one_file(web: Web, study: list[Built]) -> None:
    uid = study[0].study_instance_uid

    assert web.get(f"/studies/{uid}", "application/dicom").status_code == 406


# --- 10.4.1.1.2: metadata -----------------------------------------------------------------------


def test_metadata_tells_everything_but_bulk_data(web: Web, study: list[Built]) -> None:
    one = study[0]
    for path, count in (
        (f"/studies/{one.study_instance_uid}/metadata", 4),
        (f"/studies/{one.study_instance_uid}/series/{one.series_instance_uid}/metadata", 3),
        (path_of(one, "metadata"), 1),
    ):
        answer = web.get(path, "application/dicom+json")
        headers = answer.json()
        assert answer.headers["content-type"] == "application/dicom+json"
        assert len(headers) == count
        assert headers[0]["00080018"]["Value"] == [one.sop_instance_uid]
        assert headers[0]["00280010"]["Value"] == [8]
        assert headers[0]["7FE00010"]["BulkDataURI"] == (
            f"{BASE}{path_of(one, 'bulkdata', '7FE00010')}"
        )


def test_metadata_is_json_or_nothing(web: Web, study: list[Built]) -> None:
    path = path_of(study[0], "metadata")

    assert web.get(path, "application/json").headers["content-type"] == "application/json"
    assert web.get(path, 'multipart/related; type="application/dicom+xml"').status_code == 406


# --- 10.4.1.1.5: bulk data ----------------------------------------------------------------------


def test_every_bulk_data_uri_of_the_metadata_leads_to_its_bytes(web: Web) -> None:
    document = b"%PDF-1.4 " + bytes(range(256)) * 400
    built = stored(web, encapsulated_instance(document))
    (header,) = web.get(path_of(built, "metadata")).json()
    address = header["00420011"]["BulkDataURI"].removeprefix("https://pacs.example.org")
    multi, single = web.get(address), web.get(address, "application/octet-stream")
    ((headers, body),) = parts_of(multi)

    assert body[: len(document)] == document
    assert single.content == body
    assert headers["content-type"].startswith("application/octet-stream")
    assert headers["content-location"].endswith(address)
    assert single.headers["content-disposition"] == "attachment"
    assert single.headers["content-length"] == str(len(body))


def test_short_binary_values_stand_in_the_metadata(web: Web) -> None:
    built = stored(web, encapsulated_instance(b"%PDF-1.4 short"))
    (header,) = web.get(path_of(built, "metadata")).json()

    assert base64.b64decode(header["00420011"]["InlineBinary"]).startswith(b"%PDF-1.4 short")


def test_native_pixels_are_bulk_data(web: Web) -> None:
    pixels = bytes(range(128))
    built = stored(web, ct_instance(pixels=pixels))

    answer = web.get(path_of(built, "bulkdata", "7fe00010"), "application/octet-stream")
    assert answer.content == pixels


@pytest.mark.parametrize("reference", ["00100010", "7FE00010/1", "x", "..%2f..%2fetc", "0"])
def test_what_is_no_bulk_data_is_not_found(web: Web, study: list[Built], reference: str) -> None:
    assert web.get(path_of(study[0], "bulkdata", reference)).status_code == 404


def test_bulk_data_is_bytes_or_nothing(web: Web, study: list[Built]) -> None:
    path = path_of(study[0], "bulkdata", "7FE00010")

    assert web.get(path, "image/png").status_code == 406
    assert web.get(path, 'multipart/related; type="image/png"').status_code == 406


# --- 10.4.1.1.6: frames -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def native(web: Web) -> Built:
    pixels = b"".join(bytes([n]) * 16 for n in range(5))
    return stored(web, multi_frame_instance(number_of_frames=5, pixels=pixels))


@pytest.fixture(scope="module")
def compressed(web: Web) -> Built:
    return stored(web, multi_frame_instance(number_of_frames=3, transfer_syntax_uid=JPEG_BASELINE))


def test_frames_come_in_the_order_that_was_asked_for(web: Web, native: Built) -> None:
    answer = web.get(path_of(native, "frames", "3,1,5"))
    parts = parts_of(answer)

    assert [body for _, body in parts] == [b"\2" * 16, b"\0" * 16, b"\4" * 16]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert parts[0][0]["content-type"] == (
        f"application/octet-stream; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    )
    assert parts[0][0]["content-location"] == f"{BASE}{path_of(native, 'frames', '3')}"


def test_one_frame_may_come_by_itself(web: Web, native: Built) -> None:
    answer = web.get(path_of(native, "frames", "2"), "application/octet-stream")

    assert answer.content == b"\1" * 16
    assert answer.headers["content-length"] == "16"
    two = web.get(path_of(native, "frames", "1,2"), "application/octet-stream")
    assert two.status_code == 406


def test_ohif_gets_the_stored_syntax_and_its_name(web: Web, compressed: Built) -> None:
    answer = web.get(
        path_of(compressed, "frames", "1"),
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
    )
    ((headers, body),) = parts_of(answer)

    assert body.rstrip(b"\0") == codestream(0)
    assert headers["content-type"] == f"application/octet-stream; transfer-syntax={JPEG_BASELINE}"


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        (None, 200, "image/jpeg"),
        ("*/*", 200, "image/jpeg"),
        ('multipart/related; type="image/jpeg"', 200, "image/jpeg"),
        (
            f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG_BASELINE}',
            200,
            "image/jpeg",
        ),
        ('multipart/related; type="image/*"', 200, "image/jpeg"),
        ("image/jpeg", 200, "image/jpeg"),
        ('multipart/related; type="application/octet-stream"', 200, "application/octet-stream"),
        (
            f'multipart/related; type="{OCTETS}"; transfer-syntax=1.2.840.10008.1.2.1',
            406,
            None,
        ),
        ('multipart/related; type="image/jp2"', 406, None),
        ("image/png", 406, None),
    ],
)
def test_frames_come_as_stored_or_not_at_all(
    web: Web, compressed: Built, accept: str | None, status: int, kind: str | None
) -> None:
    answer = web.get(path_of(compressed, "frames", "2"), accept)

    assert answer.status_code == status
    if kind is not None:
        assert codestream(1) in answer.content
        assert f"{kind}; transfer-syntax={JPEG_BASELINE}".encode() in answer.content or (
            answer.headers["content-type"] == f"{kind}; transfer-syntax={JPEG_BASELINE}"
        )


@pytest.mark.parametrize(
    "syntax",
    [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN],
)
def test_native_frames_are_in_the_default_syntax_whatever_is_round_them(
    web: Web, syntax: str
) -> None:
    pixels = bytes(range(128))
    built = stored(web, ct_instance(transfer_syntax_uid=syntax, pixels=pixels))
    named = f"{OCTETS}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    answer = web.get(path_of(built, "frames", "1"), named)

    assert answer.content == pixels
    assert answer.headers["content-type"] == named


def test_big_endian_frames_say_so(web: Web) -> None:
    built = stored(web, ct_instance(transfer_syntax_uid=EXPLICIT_VR_BIG_ENDIAN))
    path = path_of(built, "frames", "1")

    assert EXPLICIT_VR_BIG_ENDIAN in web.get(path, OCTETS).headers["content-type"]
    wanted = f"{OCTETS}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    assert web.get(path, wanted).status_code == 406


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        ("6", 404),
        ("1,6", 404),
        ("0", 400),
        ("-1", 400),
        ("01", 400),
        ("1,,2", 400),
        ("one", 400),
        ("1.5", 400),
        ("99999999999999999999", 400),
        (",".join(["1"] * 1_001), 413),
    ],
)
def test_a_frame_list_that_does_not_fit_is_refused(
    web: Web, native: Built, frames: str, status: int
) -> None:
    assert web.get(path_of(native, "frames", frames)).status_code == status


def test_an_instance_without_pixels_has_no_frames(web: Web, study: list[Built]) -> None:
    assert web.get(path_of(study[3], "frames", "1")).status_code == 404


# --- conditional requests, ranges ---------------------------------------------------------------


def test_what_the_client_has_already_is_not_sent_again(web: Web, study: list[Built]) -> None:
    one = study[0]
    for path in (
        f"/studies/{one.study_instance_uid}",
        path_of(one),
        path_of(one, "metadata"),
        path_of(one, "frames", "1"),
        path_of(one, "bulkdata", "7FE00010"),
    ):
        first = web.get(path)
        same = web.get(path)
        again = web.get(path, headers={"if-none-match": f'"x", {first.headers["etag"]}'})
        assert same.content == first.content
        assert (again.status_code, again.content) == (304, b"")
        assert "content-type" not in again.headers


def test_another_representation_has_another_tag(web: Web, study: list[Built]) -> None:
    path = path_of(study[0])

    assert web.get(path).headers["etag"] != web.get(path, "application/dicom").headers["etag"]


def test_a_tag_is_worth_nothing_to_who_may_not_see_it(web: Web, study: list[Built]) -> None:
    etag = web.get(path_of(study[0])).headers["etag"]
    answer = web.get(
        path_of(study[0]),
        headers={"if-none-match": etag},
        token=web.token(Role.RADIOLOGIST, "other"),
    )

    assert answer.status_code == 404


def test_ranges_are_not_served_yet_and_ignored(web: Web, study: list[Built]) -> None:
    answer = web.get(path_of(study[0], "bulkdata", "7FE00010"), headers={"range": "bytes=0-1"})

    assert answer.status_code == 200


# --- what stands on the trail -------------------------------------------------------------------


def test_a_retrieval_is_on_the_trail_before_it_is_sent(web: Web) -> None:
    built = stored(web, ct_instance())
    web.get(path_of(built, "frames", "1"))
    begun = web.archive.records(
        action=Action.STUDY_READ,
        event=EventID.BEGIN_TRANSFERRING,
        study_instance_uid=built.study_instance_uid,
    )

    assert len(begun) == 1
    assert begun[0].details["purpose"] == "wado"
    assert begun[0].address == "192.0.2.7"


@pytest.mark.parametrize("path", ["/studies/{}", "/studies/{}/metadata"])
def test_what_is_not_there_is_not_found(web: Web, path: str) -> None:
    answer = web.get(path.format(new_uid()))

    assert answer.status_code == 404
    assert answer.json()["error"] == "not-found"
