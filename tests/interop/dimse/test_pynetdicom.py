"""pynetdicom as a service class user, over TLS."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom import AE, build_context
from pynetdicom.association import Association

from tests.builders import Built, ct_instance
from tests.fakes.dimse_server import tls_for
from tests.interop.dimse.conftest import Site

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
EXPLICIT = "1.2.840.10008.1.2.1"


@contextmanager
def associated(site: Site, title: str, *, version: str = "TLSv1_3") -> Iterator[Association]:
    entity = AE(ae_title=title)
    entity.requested_contexts = [
        build_context(uid, EXPLICIT) for uid in (VERIFICATION, CT, STUDY_ROOT_FIND)
    ]
    context = tls_for(site.server.keys[title])
    context.maximum_version = ssl.TLSVersion[version]
    association = entity.associate(
        "127.0.0.1", site.port, ae_title="RAYKEEP", tls_args=(context, "localhost")
    )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def as_sent(built: Built) -> Dataset:
    dataset = built.dataset
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = built.transfer_syntax_uid
    return dataset


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_it_echoes(site: Site, version: str):
    site.device("CT01")

    with associated(site, "CT01", version=version) as association:
        assert association.is_established
        assert association.send_c_echo().Status == 0


def test_it_stores_and_finds(site: Site):
    site.device("CT01")
    built = ct_instance(patient_id="P1", patient_name="Test^Find", rows=256, columns=256)
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.PatientName = "TEST*"
    query.PatientID = ""
    query.StudyInstanceUID = ""

    with associated(site, "CT01") as association:
        stored = association.send_c_store(as_sent(built))
        answers = list(association.send_c_find(query, STUDY_ROOT_FIND))

    assert stored.Status == 0
    pending, final = answers[0], answers[-1]
    assert pending[0].Status in {0xFF00, 0xFF01}
    assert pending[1].PatientID == "P1"
    assert pending[1].StudyInstanceUID == built.study_instance_uid
    assert final[0].Status == 0
    assert len(answers) == 2


def test_many_instances_go_over_one_association(site: Site):
    site.device("CT01")

    with associated(site, "CT01") as association:
        statuses = {association.send_c_store(as_sent(ct_instance())).Status for _ in range(20)}

    assert statuses == {0}


def test_a_status_and_a_comment_come_back_with_a_refusal(site: Site):
    site.device("CT01")
    dataset = as_sent(ct_instance())
    del dataset.StudyInstanceUID

    with associated(site, "CT01") as association:
        status = association.send_c_store(dataset)
        again = association.send_c_echo()

    assert status.Status >> 12 in {0xA, 0xC}
    assert status.ErrorComment
    assert again.Status == 0


def test_a_stranger_is_rejected(site: Site):
    site.device("CT01")
    site.server.keys["NOBODY"] = site.server.keys["CT01"]

    with associated(site, "NOBODY") as association:
        assert association.is_rejected
