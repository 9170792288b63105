"""Arrivals of which much, or everything, comes before Pixel Data."""

from dataclasses import replace

import pytest

from raykeep.dicom.limits import DEFAULT_LIMITS
from raykeep.domain.access import Role
from raykeep.domain.audit_event import Outcome
from raykeep.domain.errors import ChangeRefused, InstanceRefused, LimitExceeded
from raykeep.services import ingest as module
from raykeep.services.ingest import Verdict
from raykeep.services.ingest_settings import IngestSettings
from tests.builders import Built, ct_instance, encapsulated_instance, sr_instance
from tests.services.stored import actor, store

READER = actor(Role.RADIOLOGIST)


@pytest.fixture
def soon(monkeypatch):
    """An early head will do after a kilobyte."""
    monkeypatch.setattr(module, "_ENOUGH", 1000)


def kept(archive, built):
    (row,) = archive.enforcer.transfer(READER, "wado").find(built.study_instance_uid)
    return b"".join(archive.stores.vault.open(row.sealed))


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("piece", [500, 4096, 100_000])
def test_a_long_document_is_stored_from_an_early_head(shared, piece):
    built = encapsulated_instance(b"%PDF-1.4 " + bytes(range(256)) * 300, Laterality="L")

    stored = store(shared, built, piece=piece)

    assert stored.verdict is Verdict.STORED
    assert kept(shared, built) == built.data_set


@pytest.mark.usefixtures("soon")
def test_what_an_early_head_could_not_show_is_looked_at_in_the_end(shared):
    built = ct_instance(rows=16, columns=16, pixels=bytes(100), ImageComments="x" * 5000)

    stored = store(shared, built, piece=500)

    assert stored.verdict is Verdict.QUARANTINED
    assert "its Pixel Data has 100 bytes" in stored.finding
    assert shared.records()[-1].outcome is Outcome.SUCCESS


def test_too_much_before_what_identifies_an_instance_is_refused(shared):
    # A comment in group 0008, before the UIDs of study and series in group 0020.
    built = ct_instance(DerivationDescription="x" * 1000)
    limits = replace(DEFAULT_LIMITS, header_bytes=600)

    with pytest.raises(LimitExceeded):
        store(shared, built, piece=100, settings=IngestSettings(limits=limits))

    assert shared.records()[-1].outcome is Outcome.FAILED


def test_an_instance_in_what_is_no_form_of_a_data_set_is_refused(shared):
    built = sr_instance()
    as_mail = Built(built.dataset, "1.2.840.10008.1.2.6.1")  # RFC 2557 MIME encapsulation

    with pytest.raises(InstanceRefused, match="nothing can be kept in transfer syntax RFC 2557"):
        store(shared, as_mail, body=built.data_set)


def test_a_change_that_did_not_fit_for_another_reason_is_told_as_it_is(shared, monkeypatch):
    def refusing(*_):
        raise ChangeRefused("not now")

    monkeypatch.setattr(shared.stores.index, "study_patient", refusing)

    with pytest.raises(ChangeRefused, match="not now"):
        store(shared, ct_instance())
