"""Two facilities: what is of one is not there for the other (RA2, RA3, X21, X45)."""

import re

import pytest

from raykeep.domain.access import Role
from raykeep.domain.audit_event import Outcome
from raykeep.servers.dicomweb.routes import ROUTES
from tests.builders import Built, ct_instance, new_uid
from tests.fakes.web import OTHER, Web, path_of

READS = [
    route.template for route in ROUTES if route.method == "GET" and "{study}" in route.template
]
NAMES = {"frames": "1", "reference*": "7FE00010"}


@pytest.fixture(scope="module")
def ours(web: Web) -> Built:
    built = ct_instance(patient_id="OURS", patient_name="Secret^Patient")
    assert web.store(built).status_code == 200
    return built


def filled(template: str, built: Built | None) -> str:
    uids = {
        "study": built.study_instance_uid if built else new_uid(),
        "series": built.series_instance_uid if built else new_uid(),
        "instance": built.sop_instance_uid if built else new_uid(),
    }
    return re.sub(r"{([a-z*]+)}", lambda m: {**NAMES, **uids}[m[1]], template)


@pytest.mark.parametrize("template", READS)
def test_what_is_anothers_looks_like_what_is_not_there(
    web: Web, ours: Built, template: str
) -> None:
    theirs = web.token(Role.TECHNOLOGIST, OTHER)
    hidden = web.get(filled(template, ours), token=theirs)
    unknown = web.get(filled(template, None), token=theirs)

    assert web.get(filled(template, ours)).status_code == 200
    assert hidden.status_code == unknown.status_code
    assert hidden.content == unknown.content
    assert hidden.headers == unknown.headers
    assert "Secret" not in hidden.text


def test_a_hidden_read_is_a_denial_on_the_trail(web: Web, ours: Built) -> None:
    before = len(web.archive.records(outcome=Outcome.DENIED))
    web.get(path_of(ours), token=web.token(Role.TECHNOLOGIST, OTHER))
    denied = web.archive.records(outcome=Outcome.DENIED)[before:]

    assert [one.study_instance_uid for one in denied] == [ours.study_instance_uid]


def test_a_path_must_hold_together(web: Web, ours: Built) -> None:
    mine = ct_instance()
    web.store(mine)
    theirs, series = ours.series_instance_uid, f"series/{mine.series_instance_uid}"
    study = f"/studies/{mine.study_instance_uid}"
    crossed = [
        f"{study}/series/{theirs}",
        f"{study}/{series}/instances/{ours.sop_instance_uid}",
        f"/studies/{ours.study_instance_uid}/{series}/metadata",
    ]
    for path in crossed:
        assert web.get(path).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["", "?PatientID=OURS", "?PatientName=Secret*", "?PatientName=*e*", "?limit=1&offset=0",
     "?fuzzymatching=true&PatientName=secret", "?includefield=all"],
)  # fmt: skip
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_a_search_neither_shows_nor_counts_what_is_anothers(
    web: Web, ours: Built, level: str, query: str
) -> None:
    answer = web.get(f"/{level}{query}", token=web.token(Role.TECHNOLOGIST, OTHER))

    assert answer.json() == []
    assert answer.headers["x-total-count"] == "0"
    assert "warning" not in answer.headers


def test_a_list_of_uids_shows_ones_own_alone(web: Web, ours: Built) -> None:
    token = web.token(Role.TECHNOLOGIST, OTHER)
    mine = ct_instance()
    web.store(mine, token=token)
    uids = f"{ours.study_instance_uid},{mine.study_instance_uid}"
    answer = web.get(f"/studies?StudyInstanceUID={uids}", token=token)

    assert [match["0020000D"]["Value"][0] for match in answer.json()] == [mine.study_instance_uid]
    assert answer.headers["x-total-count"] == "1"


def test_the_same_study_uid_in_two_facilities_stays_two_studies(web: Web, ours: Built) -> None:
    token = web.token(Role.TECHNOLOGIST, OTHER)
    twin = ct_instance(
        study_instance_uid=ours.study_instance_uid, patient_id="TWIN", patient_name="Twin^Other"
    )
    assert web.store(twin, token=token).status_code == 200
    uid = ours.study_instance_uid
    theirs = web.get(f"/studies/{uid}/metadata", token=token).json()
    mine = web.get(f"/studies/{uid}/metadata").json()

    assert [one["00100020"]["Value"] for one in theirs] == [["TWIN"]]
    assert [one["00100020"]["Value"] for one in mine] == [["OURS"]]


def test_storing_tells_nothing_of_what_another_has(web: Web) -> None:
    theirs = ct_instance()
    web.store(theirs)
    answer = web.store(theirs, token=web.token(Role.TECHNOLOGIST, OTHER))

    assert answer.status_code == 200
    assert "00081196" not in answer.text
