"""Instances from code, random but seeded: for contract tests and benchmarks. No real patient."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from raykeep.domain.access import Action, ActorKind, Door
from raykeep.domain.attributes import BY_KEYWORD
from raykeep.domain.audit_event import AuditRecord, EventID, Outcome
from raykeep.domain.blobs import BlobKey, SealedObject
from raykeep.domain.changes import AddInstance, Unit
from raykeep.domain.facility import FacilityName
from raykeep.domain.ids import time_ordered_id
from raykeep.domain.instance import (
    Instance,
    InstanceAttributes,
    InstanceState,
    Provenance,
    Values,
)
from raykeep.domain.uids import UID

MAIN = FacilityName("main")
NOON = datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC)
CT_IMAGE_STORAGE = UID("1.2.840.10008.5.1.4.1.1.2")
EXPLICIT_LITTLE = UID("1.2.840.10008.1.2.1")
ROOT = "2.25.990"

FAMILY = (
    "Smith", "Müller", "Łukasiewicz", "García", "Sørensen", "O'Brien", "van der Berg", "Nguyễn",
    "Yamada", "Kim", "Ångström", "D'Angelo", "Çelik", "Novák", "Weiß", "Schmidt", "Smithers",
)  # fmt: skip
GIVEN = (
    "John", "Ann", "José", "Zoë", "Björn", "Mary Ann", "Tarō", "Éloïse", "Li", "Anna", "Jan",
)  # fmt: skip
MODALITIES = ("CT", "MR", "US", "CR", "PT", "SR")
DESCRIPTIONS = ("CHEST", "Head w/o contrast", "ABDOMEN 50% [late]", "Knie li.", "spine_L*S?", "")


def tag(keyword: str) -> int:
    """The tag of an indexed attribute."""
    return BY_KEYWORD[keyword].tag


def by_tag(**values: str) -> dict[int, str]:
    """Values by keyword as values by tag."""
    return {tag(keyword): value for keyword, value in values.items()}


_serial = iter(range(1, 1 << 62))


def an_instance(
    values: dict[str, str] | None = None,
    *,
    facility: FacilityName = MAIN,
    study: str | None = None,
    series: str | None = None,
    instance: str | None = None,
    sop_class: UID = CT_IMAGE_STORAGE,
    transfer_syntax: UID = EXPLICIT_LITTLE,
    sequences: dict[str, tuple[Values, ...]] | None = None,
    state: InstanceState = InstanceState.STORED,
    arrived_at: datetime = NOON,
    header: bytes = b"sealed header",
) -> Instance:
    """One instance; what is not given is made up, each time anew."""
    number = next(_serial)
    study = study or f"{ROOT}.1.{number}"
    series = series or f"{study}.2.{number}"
    instance = instance or f"{series}.3.{number}"
    attributes = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "SOPInstanceUID": instance,
        "SOPClassUID": sop_class,
    } | (values or {})
    key = BlobKey(facility, arrived_at.year, f"{number:032x}")
    return Instance(
        facility=facility,
        study_instance_uid=UID(study),
        series_instance_uid=UID(series),
        sop_instance_uid=UID(instance),
        sop_class_uid=sop_class,
        transfer_syntax_uid=transfer_syntax,
        attributes=InstanceAttributes(
            by_tag(**attributes),
            {tag(keyword): items for keyword, items in (sequences or {}).items()},
        ),
        sealed=SealedObject(key, f"{number:032x}", 1000, number.to_bytes(32), 1200),
        sealed_header=header,
        provenance=Provenance(arrived_at, Door.DIMSE, "CT01", "192.0.2.7"),
        patient_pseudonym=f"{number:032x}",
        state=state,
        finding="preamble" if state is InstanceState.QUARANTINED else "",
        pixel_data_offset=400,
        fragments=b"",
    )


def a_record(at: datetime = NOON, **changed: object) -> AuditRecord:
    """One record; what is not given is made up, the id each time anew."""
    number = next(_serial)
    fields: dict[str, object] = {
        "record_id": time_ordered_id(at, number.to_bytes(10)),
        "at": at,
        "event": EventID.INSTANCES_TRANSFERRED,
        "action": Action.INSTANCE_STORE,
        "outcome": Outcome.SUCCESS,
        "actor_kind": ActorKind.DEVICE,
        "actor": "CT01",
        "door": Door.DIMSE,
        "address": "192.0.2.7",
        "facility": MAIN,
        "study_instance_uid": f"{ROOT}.1",
        "patient": "ab" * 16,
        "count": 1,
        "reason": "devices store",
        "details": {"series": f"{ROOT}.2", "instances": 1},
    }
    return AuditRecord(**(fields | changed))


def a_unit(*instances: Instance) -> Unit:
    """A unit that stores `instances`, with its record."""
    return Unit((a_record(),), tuple(AddInstance(instance) for instance in instances))


@dataclass(frozen=True)
class Archive:
    """How large a synthetic archive is."""

    studies: int
    series_per_study: int = 1
    instances_per_series: int = 1
    seed: int = 1
    facilities: tuple[FacilityName, ...] = (MAIN,)
    header: bytes = bytes(900)


def instances_of(archive: Archive) -> Iterator[Instance]:
    """The instances of a synthetic archive, study by study in the order of their dates."""
    chance = random.Random(archive.seed)  # noqa: S311 - seeded, so that runs agree
    first_day = date(2026, 1, 1) - timedelta(days=archive.studies // 30 + 1)
    patients: list[dict[str, str]] = []
    for number in range(archive.studies):
        if not patients or chance.random() < 0.6:
            patients.append(_patient(chance, len(patients)))
        patient = patients[-1] if chance.random() < 0.7 else chance.choice(patients)
        day = first_day + timedelta(days=number // 30)
        study = f"{ROOT}.{archive.seed}.{number}"
        of_study = patient | {
            "StudyDate": f"{day:%Y%m%d}",
            "StudyTime": f"{chance.randrange(24):02}{chance.randrange(60):02}30.5",
            "AccessionNumber": f"A{archive.seed}-{number:08}",
            "StudyID": str(number % 1000),
            "ReferringPhysicianName": f"{chance.choice(FAMILY)}^{chance.choice(GIVEN)}",
            "StudyDescription": chance.choice(DESCRIPTIONS),
        }
        for place in range(archive.series_per_study):
            modality = chance.choice(MODALITIES)
            of_series = of_study | {
                "Modality": modality,
                "SeriesNumber": str(place + 1),
                "SeriesDescription": chance.choice(DESCRIPTIONS),
                "BodyPartExamined": "CHEST",
                "OperatorsName": f"{chance.choice(FAMILY)}^{chance.choice(GIVEN)}",
            }
            for index in range(archive.instances_per_series):
                values = of_series | {
                    "InstanceNumber": str(index + 1),
                    "Rows": "512",
                    "Columns": "512",
                    "BitsAllocated": "16",
                    "ContentDate": f"{day:%Y%m%d}",
                    "ContentTime": "101112",
                }
                yield an_instance(
                    values,
                    facility=archive.facilities[number % len(archive.facilities)],
                    study=study,
                    series=f"{study}.{place}",
                    instance=f"{study}.{place}.{index}",
                    header=archive.header,
                )


def _patient(chance: random.Random, number: int) -> dict[str, str]:
    name = f"{chance.choice(FAMILY)}{chance.randrange(40)}^{chance.choice(GIVEN)}"
    if chance.random() < 0.1:
        name += "=山田^太郎=やまだ^たろう"
    return {
        "PatientID": f"P{number:07}",
        "PatientName": name,
        "PatientBirthDate": f"{chance.randrange(1930, 2020)}{chance.randrange(1, 13):02}15",
        "PatientSex": chance.choice("MFO"),
    }
