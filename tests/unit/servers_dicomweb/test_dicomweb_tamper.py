"""An object that does not open is never given out, nor taken for whole (X35, RW3)."""

import pytest

from tests.builders import Built, ct_instance
from tests.fakes.web import Web, fake_web, path_of


def spoil(web: Web, at: float) -> None:
    """Flip one bit in every stored object, at a part of its length."""
    held = web.archive.blobs._held
    for key, (data, since) in list(held.items()):
        place = int(len(data) * at)
        held[key] = (data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], since)


@pytest.fixture
def large() -> Built:
    return ct_instance(rows=1024, columns=1024, pixels=bytes(2 * 1024 * 1024))


def test_damage_at_the_start_is_a_fault_of_the_archive_and_tells_nothing(
    tmp_path, large: Built, caplog: pytest.LogCaptureFixture
) -> None:
    with fake_web(tmp_path) as web:
        web.store(large)
        spoil(web, 0.02)
        answer = web.get(path_of(large), "application/dicom")

        assert answer.status_code == 500
        assert set(answer.json()) == {"error", "detail", "id"}
        assert answer.json()["id"] in caplog.text
        assert large.sop_instance_uid not in answer.text


def test_damage_further_on_cuts_the_answer_off(tmp_path, large: Built) -> None:
    with fake_web(tmp_path) as web:
        web.store(large)
        spoil(web, 0.8)
        answer = web.get(path_of(large), "application/dicom")

        assert answer.status_code == 200
        assert len(answer.content) < int(answer.headers["content-length"])


def test_other_requests_go_on(tmp_path, large: Built) -> None:
    with fake_web(tmp_path) as web:
        web.store(large)
        spoil(web, 0.8)
        web.get(path_of(large), "application/dicom")
        whole = ct_instance()
        web.store(whole)

        assert web.get(path_of(whole), "application/dicom").content.endswith(whole.data_set)
        assert web.app.dicomweb.snapshot()["downloads"] == 0
