"""STOW-RS: the Store transaction (PS3.18 section 10.5 and annex I)."""

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import Outcome
from raykeep.servers.dicomweb.settings import DicomwebSettings
from raykeep.services.ingest_settings import IngestSettings
from tests.builders import (
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000_LOSSLESS,
    ct_instance,
    encapsulated_instance,
    instance,
    multi_frame_instance,
    new_uid,
    sr_instance,
)
from tests.fakes.web import BASE, BOUNDARY, STOW_TYPE, Web, fake_web, multipart, path_of

RETRIEVE_URL, REFERENCED, FAILED, OTHER = "00081190", "00081199", "00081198", "0008119A"


def items(answer, tag: str) -> list[dict]:
    return answer.json().get(tag, {}).get("Value", [])


def reasons(answer, tag: str = FAILED) -> list[int]:
    return [item["00081197"]["Value"][0] for item in items(answer, tag)]


# --- 10.5.3: what is answered -------------------------------------------------------------------


def test_all_stored_is_200_and_each_instance_has_its_address(web: Web) -> None:
    study = new_uid()
    built = [ct_instance(study_instance_uid=study) for _ in range(3)]
    answer = web.store(*built)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.json()[RETRIEVE_URL] == {"vr": "UR", "Value": [f"{BASE}/studies/{study}"]}
    assert [
        (
            item["00081150"]["Value"][0],
            item["00081155"]["Value"][0],
            item[RETRIEVE_URL]["Value"][0],
        )
        for item in items(answer, REFERENCED)
    ] == [(one.sop_class_uid, one.sop_instance_uid, f"{BASE}{path_of(one)}") for one in built]
    assert FAILED not in answer.json()


def test_the_address_of_a_stored_instance_leads_to_it(web: Web) -> None:
    built = ct_instance()
    address = items(web.store(built), REFERENCED)[0][RETRIEVE_URL]["Value"][0]

    answer = web.get(address.removeprefix("https://pacs.example.org"), "application/dicom")
    assert answer.content.endswith(built.data_set)


def test_instances_of_several_studies_have_no_common_address(web: Web) -> None:
    answer = web.store(ct_instance(), ct_instance())

    assert answer.status_code == 200
    assert answer.json()[RETRIEVE_URL] == {"vr": "UR"}


def test_some_failed_is_202_with_a_reason_for_each(web: Web) -> None:
    good, bad = ct_instance(), ct_instance(Modality="CT")
    body = multipart([good.part10, bad.part10[:700]])
    answer = web.ask("POST", "/studies", content=body, headers={"content-type": STOW_TYPE})

    assert answer.status_code == 202
    assert len(items(answer, REFERENCED)) == 1
    assert reasons(answer) == [0xC000]
    assert items(answer, FAILED)[0]["00081155"]["Value"] == [bad.sop_instance_uid]


def test_all_failed_is_409(web: Web) -> None:
    answer = web.store(instance("1.2.840.10008.1.1", "OT"), instance("1.2.840.10008.1.1", "OT"))

    assert answer.status_code == 409
    assert reasons(answer) == [0x0122, 0x0122]
    assert REFERENCED not in answer.json()


def test_a_part_that_is_no_dicom_has_a_reason_without_a_name(web: Web) -> None:
    body = multipart([b"<html>hello</html>", ct_instance().part10])
    answer = web.ask("POST", "/studies", content=body, headers={"content-type": STOW_TYPE})

    assert answer.status_code == 202
    assert reasons(answer, OTHER) == [0xC000]
    assert FAILED not in answer.json()


def test_a_quarantined_instance_is_a_warning_and_cannot_be_retrieved(web: Web) -> None:
    first = ct_instance(patient_id="A")
    web.store(first)
    conflict = ct_instance(patient_id="B", study_instance_uid=first.study_instance_uid)
    answer = web.store(conflict)

    assert answer.status_code == 202
    (item,) = items(answer, REFERENCED)
    assert item["00081196"]["Value"] == [0xB007]
    assert item[RETRIEVE_URL] == {"vr": "UR"}
    assert web.get(path_of(conflict)).status_code == 404


def test_the_same_instance_again_is_no_failure(web: Web) -> None:
    built = ct_instance()
    web.store(built)

    assert web.store(built).status_code == 200
    assert web.store(built, built).status_code == 200


# --- 10.5.1: what is taken ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "built",
    [
        ct_instance(transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN),
        ct_instance(transfer_syntax_uid=EXPLICIT_VR_BIG_ENDIAN),
        ct_instance(transfer_syntax_uid=JPEG_2000_LOSSLESS),
        multi_frame_instance(),
        sr_instance(),
        encapsulated_instance(),
        ct_instance(patient_name="Müller^Jörg", charset="ISO_IR 100"),
        ct_instance(patient_id="", patient_name=""),
    ],
    ids=["implicit", "big endian", "JPEG 2000", "multi-frame", "SR", "PDF", "latin", "nobody"],
)
def test_instances_of_many_kinds_come_back_as_they_were(web: Web, built) -> None:
    assert web.store(built).status_code == 200

    answer = web.get(path_of(built), "application/dicom; transfer-syntax=*")
    assert answer.content[132:].endswith(built.data_set)
    assert f"transfer-syntax={built.transfer_syntax_uid}" in answer.headers["content-type"]


def test_the_preamble_is_not_kept(web: Web) -> None:
    built = ct_instance()
    hidden = b"MZ" + b"evil" * 31 + b"\0\0"
    body = multipart([hidden + built.part10[128:]])
    answer = web.ask("POST", "/studies", content=body, headers={"content-type": STOW_TYPE})

    assert answer.status_code == 200
    assert web.get(path_of(built), "application/dicom").content[:128] == bytes(128)


def test_one_instance_may_be_the_whole_body(web: Web) -> None:
    built = ct_instance()
    answer = web.ask(
        "POST", "/studies", content=built.part10, headers={"content-type": "application/dicom"}
    )

    assert answer.status_code == 200
    assert web.get(path_of(built)).status_code == 200


def test_an_instance_of_the_study_in_the_path_is_stored(web: Web) -> None:
    built = ct_instance()

    assert web.store(built, path=f"/studies/{built.study_instance_uid}").status_code == 200


def test_an_instance_of_another_study_than_the_path_is_not(web: Web) -> None:
    built = ct_instance()
    answer = web.store(built, path=f"/studies/{new_uid()}")

    assert answer.status_code == 409
    assert reasons(answer) == [0xA900]
    assert web.get(path_of(built)).status_code == 404


def test_a_body_may_be_cut_anywhere(web: Web) -> None:
    built = [ct_instance() for _ in range(3)]
    whole = multipart([one.part10 for one in built])
    for size in (1_000, 77, 13):

        async def pieces(size: int = size):
            for at in range(0, len(whole), size):
                yield whole[at : at + size]

        answer = web.ask("POST", "/studies", content=pieces(), headers={"content-type": STOW_TYPE})
        assert answer.status_code == 200
        assert len(items(answer, REFERENCED)) == 3


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}', 415),
        (f'multipart/related; type="application/dicom+xml"; boundary={BOUNDARY}', 415),
        (f"multipart/related; boundary={BOUNDARY}", 415),
        (f'multipart/form-data; type="application/dicom"; boundary={BOUNDARY}', 415),
        ("application/json", 415),
        ("application/octet-stream", 415),
        ("text/html", 415),
        (None, 415),
        ('multipart/related; type="application/dicom"', 400),
        ("no media type", 400),
        (f"multipart/related; type=application/dicom; boundary={BOUNDARY}", 200),
        (f'Multipart/Related; Type="Application/DICOM"; Boundary="{BOUNDARY}"', 200),
    ],
)
def test_only_files_are_taken(web: Web, content_type: str | None, status: int) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    body = multipart([ct_instance().part10])

    assert web.ask("POST", "/studies", content=body, headers=headers).status_code == status


@pytest.mark.parametrize("kind", ["application/dicom+json", "text/html", "image/jpeg"])
def test_a_part_of_another_kind_is_not_stored(web: Web, kind: str) -> None:
    body = multipart([ct_instance().part10], kind)
    answer = web.ask("POST", "/studies", content=body, headers={"content-type": STOW_TYPE})

    assert answer.status_code == 409
    assert reasons(answer, OTHER) == [0xC000]


def test_a_part_without_a_type_is_taken_for_what_the_body_says(web: Web) -> None:
    body = f"--{BOUNDARY}\r\n\r\n".encode() + ct_instance().part10 + f"\r\n--{BOUNDARY}--".encode()

    answer = web.ask("POST", "/studies", content=body, headers={"content-type": STOW_TYPE})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/dicom+json", 200), ("*/*", 200), ("application/dicom+xml", 406)],
)
def test_the_answer_is_json_or_nothing_is_stored(web: Web, accept: str, status: int) -> None:
    built = ct_instance()
    answer = web.ask(
        "POST",
        "/studies",
        content=multipart([built.part10]),
        headers={"content-type": STOW_TYPE, "accept": accept},
    )

    assert answer.status_code == status
    assert web.get(path_of(built)).status_code == (200 if status == 200 else 404)


def test_no_instance_at_all_is_an_error(web: Web) -> None:
    body = f"--{BOUNDARY}--\r\n".encode()

    answer = web.ask("POST", "/studies", content=body, headers={"content-type": STOW_TYPE})
    assert answer.status_code == 400


def test_a_transfer_syntax_that_is_none_is_refused(web: Web) -> None:
    built = ct_instance()
    spoilt = built.part10.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.x\0", 1)
    answer = web.ask(
        "POST", "/studies", content=spoilt, headers={"content-type": "application/dicom"}
    )

    assert answer.status_code == 409


# --- whose it is --------------------------------------------------------------------------------


def test_who_may_not_store_is_told_so_at_the_first_instance(web: Web) -> None:
    answer = web.store(*(ct_instance() for _ in range(5)), token=web.token(Role.RADIOLOGIST))

    assert answer.status_code == 403
    denied = web.archive.records(action=Action.INSTANCE_STORE, outcome=Outcome.DENIED)
    assert 1 <= len(denied) <= 5


def test_a_bearer_of_several_facilities_names_the_one_that_is_meant(web: Web) -> None:
    token = web.token(Role.TECHNOLOGIST, "main", "other")
    built = ct_instance()

    assert web.store(built, token=token).status_code == 400
    assert web.store(built, token=token, path="/studies?facility=other").status_code == 200
    assert web.get(path_of(built)).status_code == 404
    assert web.get(path_of(built), token=web.token(Role.TECHNOLOGIST, "other")).status_code == 200


def test_a_facility_that_is_not_the_bearers_is_refused(web: Web) -> None:
    answer = web.store(ct_instance(), path="/studies?facility=other")

    assert answer.status_code == 403


def test_an_uploader_stores_and_sees_nothing(web: Web) -> None:
    token = web.token(Role.UPLOADER)
    built = ct_instance()

    assert web.store(built, token=token).status_code == 200
    assert web.get(path_of(built), token=token).status_code == 404
    assert web.get("/studies", token=token).status_code == 403


# --- large instances ----------------------------------------------------------------------------


def test_instances_above_the_small_size_stream_and_come_back_whole(tmp_path) -> None:
    settings = DicomwebSettings(small_part_bytes=2_000)
    with fake_web(tmp_path, settings=settings) as web:
        pixels = bytes(range(256)) * 8_000
        large = [ct_instance(rows=1000, columns=1024, pixels=pixels) for _ in range(2)]
        small = ct_instance(rows=2, columns=2)
        answer = web.store(large[0], small, large[1])

        assert answer.status_code == 200
        assert [item["00081155"]["Value"][0] for item in items(answer, REFERENCED)] == [
            one.sop_instance_uid for one in (large[0], small, large[1])
        ]
        got = web.get(path_of(large[1]), "application/dicom").content
        assert got.endswith(large[1].data_set)


def test_a_refused_large_instance_does_not_stop_the_others(tmp_path) -> None:
    with fake_web(tmp_path, settings=DicomwebSettings(small_part_bytes=2_000)) as web:
        pixels = bytes(3_000_000)
        good = ct_instance(rows=1000, columns=1500, pixels=pixels)
        wrong = instance("1.2.840.10008.1.1", "OT", EncapsulatedDocument=pixels)
        answer = web.store(wrong, good)

        assert answer.status_code == 202
        assert reasons(answer) == [0x0122]
        assert web.get(path_of(good)).status_code == 200


def test_who_may_not_store_sends_no_large_instance_to_its_end(tmp_path) -> None:
    with fake_web(tmp_path, settings=DicomwebSettings(small_part_bytes=2_000)) as web:
        sent = 0
        whole = multipart([ct_instance(rows=1000, columns=1500, pixels=bytes(3_000_000)).part10])

        async def pieces():
            nonlocal sent
            for at in range(0, len(whole), 10_000):
                sent += 1
                yield whole[at : at + 10_000]

        answer = web.ask(
            "POST",
            "/studies",
            token=web.token(Role.RADIOLOGIST),
            content=pieces(),
            headers={"content-type": STOW_TYPE},
        )
        assert answer.status_code == 403


def test_an_instance_may_not_be_longer_than_the_limit(tmp_path) -> None:
    settings = DicomwebSettings(max_instance_bytes=100_000, small_part_bytes=2_000)
    with fake_web(tmp_path, settings=settings) as web:
        built = ct_instance(rows=500, columns=500, pixels=bytes(500_000))
        assert web.store(built).status_code == 413
        assert web.get(path_of(built)).status_code == 404


def test_a_body_may_not_be_longer_than_the_limit(tmp_path) -> None:
    with fake_web(tmp_path, settings=DicomwebSettings(max_body_bytes=2_000)) as web:
        assert web.store(ct_instance(), ct_instance()).status_code == 413


def test_a_conflict_may_be_refused_by_policy(tmp_path) -> None:
    with fake_web(tmp_path, ingest=IngestSettings(conflicts="refuse")) as web:
        first = ct_instance()
        web.store(first)
        other = ct_instance(
            sop_instance_uid=first.sop_instance_uid,
            series_instance_uid=first.series_instance_uid,
            study_instance_uid=first.study_instance_uid,
            pixels=b"\1" * 128,
        )
        answer = web.store(other)

        assert answer.status_code == 409
        assert reasons(answer) == [0xC000]
        assert web.get(path_of(first), "application/dicom").content.endswith(first.data_set)
