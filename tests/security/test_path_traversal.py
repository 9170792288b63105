"""X4: no name that a peer gives becomes a path: what is written is named by the archive alone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ct_instance
from tests.running import RunningArchive
from tests.security.callers import raw_request, web
from tests.security.hostile import BAD_UIDS, identifiers
from tests.security.refusing import Ways

# All that an archive ever writes below its folder, by name.
_OURS = re.compile(
    r"data|data/archive\.json|data/blobs|data/blobs/[a-z0-9-]+|data/blobs/[a-z0-9-]+/\d{4}"
    r"|data/blobs/[a-z0-9-]+/\d{4}/[0-9a-f]{2}(/([0-9a-f]{32}|\.tmp-[0-9a-f]{32}))?"
    r"|data/db|data/db/index\.db(-wal|-shm)?|data/keys|data/keys/keyring\.(json(\.new)?|lock)"
    r"|data/keys/keys\.db(-wal|-shm)?"
    r"|data/tls|data/tls/[a-z0-9-]+\.crt|data/run|data/run/(lock|control\.sock|ready\.json)"
    r"|data/run/metrics|data/run/metrics/\.?[a-z0-9-]+\.json(\.new)?"
    r"|root\.key|serve\.log|devices|devices/.+"
)


@pytest.fixture(autouse=True)
def nothing_else_is_written(
    archive: RunningArchive, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The canary: nothing of a foreign name lies in the archive, or beside it."""
    yield
    assert list(tmp_path_factory.getbasetemp().rglob("canary*")) == []
    names = [str(path.relative_to(archive.folder)) for path in archive.folder.rglob("*")]
    assert [name for name in names if not _OURS.fullmatch(name)] == []


def test_uids_of_data_sets_name_no_file(ways: Ways) -> None:
    for hostile in identifiers():
        assert ways.c_store(hostile).status != 0, hostile.name
        assert ways.stow(hostile.part10).status_code == 409, hostile.name


SEGMENTS = (
    "..%2f..%2fcanary", "%2e%2e%2f%2e%2e%2fcanary", "..%5c..%5ccanary", "%00", "1.2%00.3",
    "%252e%252e%252f", "1.2%2f..%2f..", "%c0%ae%c0%ae%2f", "%ff", "~root", "1.2;a=b", "$(id)",
    "%0d%0aX-Injected:%20yes", "1." + "2" * 5000,
)  # fmt: skip
PATHS = (
    "/studies/{}", "/studies/{}/metadata", "/studies/{}/series", "/studies/1.2/series/{}",
    "/studies/1.2/series/1.3/instances/{}", "/studies/1.2/series/1.3/instances/1.4/frames/{}",
    "/studies/1.2/series/1.3/instances/1.4/bulkdata/{}",
    "/studies/1.2/series/1.3/instances/1.4/bulkdata/00420011/0/{}",
)  # fmt: skip


NOT_THERE = {400, 404, 414}


@pytest.mark.parametrize("path", PATHS)
def test_segments_of_a_url_lead_nowhere(archive: RunningArchive, token: str, path: str) -> None:
    for segment in SEGMENTS:
        status, answer = raw_request(archive, token, "GET", f"/dicom-web{path.format(segment)}")
        assert status in NOT_THERE, (segment, status)
        assert b"\r\nX-Injected" not in answer
        assert b"Traceback" not in answer


def test_a_store_into_a_crooked_study_is_refused(archive: RunningArchive, token: str) -> None:
    for segment in SEGMENTS:
        target = f"/dicom-web/studies/{segment}"
        status, _ = raw_request(archive, token, "POST", target, ct_instance().part10)
        assert status in NOT_THERE, (segment, status)


@pytest.mark.parametrize(
    "target",
    [
        "/dicom-web/..", "/dicom-web/../..", "/dicom-web/./studies", "/dicom-web//studies",
        "/dicom-web/studies/", "//dicom-web/studies", "/dicom-web/%2e%2e/metrics",
        "/dicom-web/studies/../../../../etc/passwd", "/../etc/passwd", "/dicom-web\\studies",
    ],
)  # fmt: skip
def test_dots_and_slashes_lead_out_of_nothing(
    archive: RunningArchive, token: str, target: str
) -> None:
    status, answer = raw_request(archive, token, "GET", target)

    assert status in NOT_THERE, answer[:300]


def test_uids_of_a_query_are_values_and_nothing_else(archive: RunningArchive, token: str) -> None:
    with web(archive, token) as client:
        for uid in filter(None, BAD_UIDS.values()):
            reply = client.get("/studies", params={"StudyInstanceUID": uid})
            assert reply.status_code in {200, 400}, uid
            assert reply.status_code == 400 or reply.json() == []


def test_imported_files_are_named_by_nothing_outside(
    ways: Ways, tmp_path: Path, device: dict[str, Any]
) -> None:
    assert device
    odd = tmp_path / "..canary\n$(touch canary)"
    odd.write_bytes(ct_instance().part10)

    assert ways.take_in(odd, expect=0)["stored"] == 1
