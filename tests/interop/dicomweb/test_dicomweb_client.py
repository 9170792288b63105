"""dicomweb-client, which we did not write, stores, searches and retrieves over HTTPS."""

from io import BytesIO

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from requests.exceptions import HTTPError, SSLError

from raykeep.domain.access import Role
from tests.builders import (
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    Built,
    codestream,
    ct_instance,
    encapsulated_instance,
    multi_frame_instance,
    new_uid,
)
from tests.interop.dicomweb.conftest import Https


def client_of(https: Https, token: str) -> DICOMwebClient:
    session = requests.Session()
    session.verify = str(https.ca)
    session.trust_env = False
    return DICOMwebClient(https.url, session=session, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def client(https: Https) -> DICOMwebClient:
    return client_of(https, https.token)


def file_of(built: Built) -> pydicom.Dataset:
    """An instance as the client takes it: with file meta information."""
    return pydicom.dcmread(BytesIO(built.part10))


def test_what_is_stored_is_found_and_comes_back(client: DICOMwebClient) -> None:
    study, series = new_uid(), new_uid()
    built = [
        ct_instance(
            study_instance_uid=study,
            series_instance_uid=series,
            InstanceNumber=n,
            patient_id="INTEROP",
        )
        for n in (1, 2, 3)
    ]
    said = client.store_instances([file_of(one) for one in built])
    assert [item.ReferencedSOPInstanceUID for item in said.ReferencedSOPSequence] == [
        one.sop_instance_uid for one in built
    ]

    (found,) = client.search_for_studies(search_filters={"PatientID": "INTEROP"})
    assert found["0020000D"]["Value"] == [study]
    assert len(client.search_for_series(study)) == 1
    assert len(client.search_for_instances(study, series)) == 3
    assert client.search_for_studies(search_filters={"PatientID": "NOBODY"}) == []

    back = client.retrieve_study(study)
    assert [one.SOPInstanceUID for one in back] == [one.sop_instance_uid for one in built]
    assert back[0].pixel_array.shape == (8, 8)
    one = client.retrieve_instance(study, series, built[1].sop_instance_uid)
    assert one == built[1].dataset
    assert len(client.retrieve_series(study, series)) == 3
    assert len(client.retrieve_series_metadata(study, series)) == 3
    header = pydicom.Dataset.from_json(
        client.retrieve_instance_metadata(study, series, built[0].sop_instance_uid),
        bulk_data_uri_handler=lambda address: bytes(client.retrieve_bulkdata(address)[0]),
    )
    assert header.PixelData == built[0].dataset.PixelData
    assert header.PatientName == "Test^Patient"


def test_pages_are_followed_to_the_end(client: DICOMwebClient) -> None:
    study = new_uid()
    built = [ct_instance(study_instance_uid=study) for _ in range(7)]
    client.store_instances([file_of(one) for one in built])

    found = client.search_for_instances(study, limit=3, get_remaining=True)
    assert {match["00080018"]["Value"][0] for match in found} == {
        one.sop_instance_uid for one in built
    }


def test_frames_come_in_every_media_type_that_the_client_knows(client: DICOMwebClient) -> None:
    native = multi_frame_instance(number_of_frames=4)
    squeezed = multi_frame_instance(number_of_frames=3, transfer_syntax_uid=JPEG_BASELINE)
    client.store_instances([file_of(native), file_of(squeezed)])

    frames = client.retrieve_instance_frames(
        native.study_instance_uid, native.series_instance_uid, native.sop_instance_uid, [2, 4]
    )
    assert frames == [native.dataset.PixelData[16:32], native.dataset.PixelData[48:64]]
    for media_types in (None, ("image/jpeg",), (("image/jpeg", JPEG_BASELINE),)):
        (frame,) = client.retrieve_instance_frames(
            squeezed.study_instance_uid,
            squeezed.series_instance_uid,
            squeezed.sop_instance_uid,
            [2],
            media_types=media_types,
        )
        assert frame.rstrip(b"\0") == codestream(1)


def test_bulk_data_is_found_by_its_address(client: DICOMwebClient) -> None:
    document = b"%PDF-1.4 " + bytes(range(256)) * 300
    built = encapsulated_instance(document)
    client.store_instances([file_of(built)])
    header = client.retrieve_instance_metadata(
        built.study_instance_uid, built.series_instance_uid, built.sop_instance_uid
    )

    (value,) = client.retrieve_bulkdata(header["00420011"]["BulkDataURI"])
    assert value[: len(document)] == document


def test_a_compressed_instance_comes_as_it_is_stored(client: DICOMwebClient) -> None:
    built = ct_instance(transfer_syntax_uid=JPEG_2000_LOSSLESS)
    client.store_instances([file_of(built)])
    back = client.retrieve_instance(
        built.study_instance_uid,
        built.series_instance_uid,
        built.sop_instance_uid,
        media_types=(("application/dicom", "*"),),
    )

    assert back.file_meta.TransferSyntaxUID == JPEG_2000_LOSSLESS


def test_a_large_series_goes_there_and_back(client: DICOMwebClient) -> None:
    study, series = new_uid(), new_uid()
    pixels = bytes(range(256)) * 2048
    built = [
        ct_instance(
            study_instance_uid=study, series_instance_uid=series, rows=512, columns=512,
            pixels=pixels, InstanceNumber=n,
        )
        for n in range(20)
    ]  # fmt: skip
    client.store_instances([file_of(one) for one in built])

    back = list(client.iter_series(study, series))
    assert len(back) == 20
    assert all(one.PixelData == pixels for one in back)


def test_a_study_of_another_facility_is_not_there(https: Https, client: DICOMwebClient) -> None:
    built = ct_instance()
    client.store_instances([file_of(built)])
    other = client_of(https, https.web.token(Role.TECHNOLOGIST, "other"))

    with pytest.raises(HTTPError, match="404"):
        other.retrieve_study(built.study_instance_uid)


def test_no_token_no_answer(https: Https) -> None:
    with pytest.raises(HTTPError, match="401"):
        client_of(https, "rk_nothing").search_for_studies()


def test_a_client_that_does_not_know_the_authority_does_not_talk(https: Https) -> None:
    with requests.Session() as stranger, pytest.raises(SSLError):
        stranger.trust_env = False
        stranger.get(f"{https.url}/studies", timeout=5)
