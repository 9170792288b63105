"""QIDO-RS: the Search transaction (PS3.18 section 10.6)."""

import pytest

from raykeep.domain.access import Role
from raykeep.servers.dicomweb.settings import DicomwebSettings
from tests.builders import ct_instance, new_uid, sr_instance
from tests.fakes.web import BASE, Web, fake_web

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"


def values(answer, tag: str) -> list:
    return [match[tag]["Value"][0] for match in answer.json()]


@pytest.fixture(scope="module")
def shelf(web: Web) -> Web:
    """Three studies: Ann has two series, Ben one, and Zoë an accent."""
    ann = new_uid()
    two = new_uid()
    web.store(
        *(
            ct_instance(
                patient_id="ANN",
                patient_name="Arbor^Ann",
                study_instance_uid=ann,
                series_instance_uid=two,
                InstanceNumber=number,
                AccessionNumber="A-1",
                study_date="20260101",
            )
            for number in (1, 2, 3)
        ),
        sr_instance(
            patient_id="ANN",
            patient_name="Arbor^Ann",
            study_instance_uid=ann,
            SeriesNumber=9,
            AccessionNumber="A-1",
            study_date="20260101",
        ),
        ct_instance(
            patient_id="BEN", patient_name="Birch^Ben", AccessionNumber="B-1", study_date="20260202"
        ),
        ct_instance(
            patient_id="ZOE",
            patient_name="Zelkova^Zoë",
            charset="ISO_IR 192",
            AccessionNumber="Z-1",
            study_date="20260303",
        ),
    )
    return web


# --- 10.6.1: resources --------------------------------------------------------------------------


def test_all_studies_come_newest_first(shelf: Web) -> None:
    answer = shelf.get("/studies")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert values(answer, "00100020") == ["ZOE", "BEN", "ANN"]


@pytest.mark.parametrize(
    ("query", "patients"),
    [
        ("PatientID=BEN", ["BEN"]),
        ("00100020=BEN", ["BEN"]),
        ("PatientName=arbor*", ["ANN"]),
        ("PatientName=ZELKOVA^ZOE", ["ZOE"]),
        ("PatientName=Zelkova%5EZo%C3%AB", ["ZOE"]),
        ("StudyDate=20260201-", ["ZOE", "BEN"]),
        ("StudyDate=20260101-20260202", ["BEN", "ANN"]),
        ("AccessionNumber=A-1", ["ANN"]),
        ("ModalitiesInStudy=SR", ["ANN"]),
        ("PatientID=", ["ZOE", "BEN", "ANN"]),
        ("PatientID=*", ["ZOE", "BEN", "ANN"]),
        ("PatientName=ann&fuzzymatching=true", ["ANN"]),
        ("PatientID=NOBODY", []),
        ("PatientID=BEN&PatientName=Arbor*", []),
    ],
)
def test_keys_match_by_the_rules_of_ps3_4(shelf: Web, query: str, patients: list[str]) -> None:
    assert values(shelf.get(f"/studies?{query}"), "00100020") == patients


def test_a_study_answers_with_the_attributes_of_the_table(shelf: Web) -> None:
    (match,) = shelf.get("/studies?PatientID=ANN").json()

    assert match["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Arbor^Ann"}]}
    assert sorted(match["00080061"]["Value"]) == ["CT", "SR"]
    assert match["00201206"]["Value"] == [2]
    assert match["00201208"]["Value"] == [4]
    assert match["00081190"]["Value"] == [f"{BASE}/studies/{match[STUDY]['Value'][0]}"]
    assert match["00080005"]["Value"] == ["ISO_IR 192"]


def test_letters_beyond_ascii_come_as_utf_8(shelf: Web) -> None:
    (match,) = shelf.get("/studies?PatientID=ZOE").json()

    assert match["00100010"]["Value"] == [{"Alphabetic": "Zelkova^Zoë"}]


def test_series_and_instances_of_a_study_are_listed(shelf: Web) -> None:
    study = values(shelf.get("/studies?PatientID=ANN"), STUDY)[0]
    series = shelf.get(f"/studies/{study}/series")
    first = values(series, SERIES)[0]

    assert [match["00080060"]["Value"][0] for match in series.json()] == ["CT", "SR"]
    assert [match["00201209"]["Value"][0] for match in series.json()] == [3, 1]
    assert len(shelf.get(f"/studies/{study}/instances").json()) == 4
    listed = shelf.get(f"/studies/{study}/series/{first}/instances")
    assert [match["00200013"]["Value"][0] for match in listed.json()] == [1, 2, 3]
    assert listed.json()[0]["00081190"]["Value"][0].endswith(
        f"/studies/{study}/series/{first}/instances/{values(listed, INSTANCE)[0]}"
    )


def test_series_and_instances_of_all_studies_can_be_searched(shelf: Web) -> None:
    assert len(shelf.get("/series?PatientID=ANN").json()) == 2
    assert len(shelf.get("/series?Modality=CT").json()) == 3
    assert len(shelf.get("/instances?PatientID=ANN&Modality=CT").json()) == 3


def test_more_attributes_come_when_they_are_asked_for(shelf: Web) -> None:
    plain = shelf.get("/studies?PatientID=ANN").json()[0]
    more = shelf.get("/studies?PatientID=ANN&includefield=StudyDescription,00081030").json()[0]
    whole = shelf.get("/studies?PatientID=ANN&includefield=all").json()[0]

    assert "00081030" not in plain
    assert more["00081030"]["Value"] == ["Synthetic study"]
    assert set(plain) < set(whole)


def test_what_ohif_asks_is_answered(shelf: Web) -> None:
    study = values(shelf.get("/studies?PatientID=ANN"), STUDY)[0]
    answer = shelf.get(
        f"/studies?StudyInstanceUID={study}&limit=101&offset=0&fuzzymatching=false"
        "&includefield=00081030,00080060,00080090,00100030",
        "application/dicom+json",
    )

    assert values(answer, STUDY) == [study]
    assert answer.json()[0]["00081030"]["Value"] == ["Synthetic study"]


# --- 8.3.4.4: paging ----------------------------------------------------------------------------


def test_pages_follow_one_another_and_tell_the_total(shelf: Web) -> None:
    pages = [shelf.get(f"/studies?limit=1&offset={at}") for at in range(4)]

    assert [values(page, "00100020") for page in pages] == [["ZOE"], ["BEN"], ["ANN"], []]
    assert {page.headers["x-total-count"] for page in pages} == {"3"}
    assert pages[0].headers["warning"] == (
        f'299 {BASE} "There are 2 additional results that can be requested"'
    )
    assert "warning" not in pages[2].headers
    assert "warning" not in pages[3].headers


def test_no_match_is_an_empty_list(shelf: Web) -> None:
    answer = shelf.get("/studies?PatientID=NOBODY")

    assert answer.status_code == 200
    assert answer.json() == []
    assert answer.headers["x-total-count"] == "0"


def test_a_search_without_a_limit_is_bounded_and_says_so(tmp_path) -> None:
    settings = DicomwebSettings(default_limit=2, max_limit=4)
    with fake_web(tmp_path, settings=settings) as web:
        study, series = new_uid(), new_uid()
        web.store(*(ct_instance(patient_id=f"P{n}") for n in range(3)))
        web.store(
            *(
                ct_instance(study_instance_uid=study, series_instance_uid=series, InstanceNumber=n)
                for n in range(6)
            )
        )
        unbounded = web.get("/studies")
        assert len(unbounded.json()) == 2
        assert unbounded.headers["x-total-count"] == "4"
        assert "2 additional" in unbounded.headers["warning"]
        assert len(web.get("/studies?limit=9").json()) == 4
        within = web.get(f"/studies/{study}/instances")
        assert len(within.json()) == 4
        assert "2 additional" in within.headers["warning"]
        assert web.get("/studies?limit=0").json() == []


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "NoSuchKeyword=1",
        "PatientNmae=x",
        "limit=-1",
        "limit=ten",
        "limit=1&limit=2",
        "offset=-1",
        "offset=1000000000000",
        "offset=999999999",
        "StudyDate=yesterday",
        "StudyInstanceUID=../../etc",
        "fuzzymatching=maybe",
        "includefield=NoSuchKeyword",
        "PatientID=%ff",
    ],
)
def test_a_parameter_that_does_not_fit_is_named(shelf: Web, query: str) -> None:
    answer = shelf.get(f"/studies?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid"


@pytest.mark.parametrize("path", ["/studies/1..2/series", "/studies/01.2/instances"])
def test_a_path_that_holds_no_uid_is_refused(shelf: Web, path: str) -> None:
    assert shelf.get(path).status_code == 400


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("application/dicom+json", 200, "application/dicom+json"),
        ("application/json", 200, "application/json"),
        ("application/json;q=0.5, application/dicom+json", 200, "application/dicom+json"),
        ("*/*", 200, "application/dicom+json"),
        ("application/*", 200, "application/dicom+json"),
        ('multipart/related; type="application/dicom+xml"', 406, None),
        ("text/html", 406, None),
        ("application/dicom+json;q=0", 406, None),
        ("nonsense", 400, None),
    ],
)
def test_json_is_what_there_is(shelf: Web, accept: str, status: int, kind: str | None) -> None:
    answer = shelf.get("/studies", accept)

    assert answer.status_code == status
    assert kind is None or answer.headers["content-type"] == kind


def test_the_accept_parameter_goes_before_the_header(shelf: Web) -> None:
    answer = shelf.get("/studies?accept=application/json", "application/dicom+json")

    assert answer.headers["content-type"] == "application/json"


# --- conditional requests -----------------------------------------------------------------------


def test_an_unchanged_answer_need_not_be_sent_again(shelf: Web) -> None:
    first = shelf.get("/studies?PatientID=ANN")
    again = shelf.get("/studies?PatientID=ANN", headers={"if-none-match": first.headers["etag"]})
    other = shelf.get("/studies?PatientID=BEN", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200


# --- whose studies ------------------------------------------------------------------------------


def test_only_studies_in_scope_are_found_or_counted(shelf: Web) -> None:
    token = shelf.token(Role.RADIOLOGIST, "other")
    answer = shelf.get("/studies", token=token)

    assert answer.json() == []
    assert answer.headers["x-total-count"] == "0"


def test_who_may_not_search_is_told_so(shelf: Web) -> None:
    answer = shelf.get("/studies", token=shelf.token(Role.UPLOADER))

    assert answer.status_code == 403
    assert "uploader" not in answer.text
