"""Rows of stored and quarantined instances, as a retrieval takes them."""

from typing import Any

import sqlalchemy as sa

from raykeep.adapters.sql.tables import instance, series, study
from raykeep.adapters.sql.tables import quarantined_instance as quarantined
from raykeep.adapters.sql.values import NO_NUMBER, facility_name, order_number, to_moment
from raykeep.domain.access import Door, StudyRef
from raykeep.domain.blobs import BlobKey, SealedObject
from raykeep.domain.instance import Provenance, StoredInstance
from raykeep.domain.uids import UID


def _ticket(table: sa.Table) -> tuple[sa.Column[Any], ...]:
    return (
        table.c.sop_instance_uid,
        table.c.sop_class_uid,
        table.c.available_transfer_syntax_uid,
        table.c.number_of_frames,
        table.c.blob_key,
        table.c.study_key_id,
        table.c.length,
        table.c.digest,
        table.c.stored_length,
        table.c.pixel_data_offset,
        table.c.arrived_at,
        table.c.door,
        table.c.sender,
        table.c.address,
        table.c.patient_pseudonym,
        table.c.sealed_header,
        table.c.fragments,
    )


STORED: tuple[sa.Column[Any], ...] = (
    instance.c.id,
    study.c.facility,
    study.c.study_instance_uid,
    study.c.modalities_in_study,
    study.c.year,
    series.c.series_instance_uid,
    *_ticket(instance),
)
WITH_QUARANTINED: tuple[sa.Column[Any], ...] = (
    quarantined.c.id,
    quarantined.c.facility,
    quarantined.c.study_instance_uid,
    quarantined.c.modality,
    quarantined.c.year,
    quarantined.c.series_instance_uid,
    *_ticket(quarantined),
)


def stored_instance(row: tuple[Any, ...]) -> StoredInstance:
    """The instance of a row of `STORED` or `WITH_QUARANTINED`."""
    (
        _, facility, study_uid, modalities, year, series_uid,
        sop_instance, sop_class, transfer_syntax, frames,
        blob_key, study_key_id, length, digest, stored_length,
        pixel_data_offset, arrived_at, door, sender, address, pseudonym, header, fragments,
    ) = row  # fmt: skip
    return StoredInstance(
        study=StudyRef(
            facility_name(facility), study_uid, frozenset(modalities.split("\\")) - {""}, year
        ),
        series_instance_uid=UID(series_uid),
        sop_instance_uid=UID(sop_instance),
        sop_class_uid=UID(sop_class),
        transfer_syntax_uid=UID(transfer_syntax),
        sealed=SealedObject(
            _blob_key(blob_key), study_key_id, length, bytes(digest), stored_length
        ),
        sealed_header=bytes(header),
        provenance=Provenance(to_moment(arrived_at), Door(door), sender, address),
        patient_pseudonym=pseudonym,
        number_of_frames=_frames(frames, pixel_data_offset),
        pixel_data_offset=pixel_data_offset,
        fragments=bytes(fragments),
    )


def _blob_key(text: str) -> BlobKey:
    facility, year, object_id = text.split("/")
    return BlobKey(facility_name(facility), int(year), object_id)


def _frames(text: str | None, pixel_data_offset: int | None) -> int:
    """Number of frames: 1 where the attribute is missing (PS3.3 C.7.6.6), 0 without pixels."""
    if pixel_data_offset is None:
        return 0
    number = order_number(text)
    return number if 0 < number < NO_NUMBER else 1
