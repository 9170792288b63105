"""Instances: what is known of one when it comes in, and what the index gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from raykeep.domain.access import Door, StudyRef
from raykeep.domain.blobs import SealedObject
from raykeep.domain.facility import FacilityName
from raykeep.domain.uids import UID

Values = Mapping[int, str]
"""Tag → text; several values parted by backslashes, padding gone, character sets decoded."""


class InstanceState(StrEnum):
    """Whether an instance may be found."""

    STORED = "stored"
    QUARANTINED = "quarantined"  # kept sealed, found by nobody until it is released


@dataclass(frozen=True, slots=True)
class InstanceAttributes:
    """What the index keeps of an instance's data set, all four levels together.

    Attributes:
        values: The plain attributes of `domain.attributes` that are present, also empty ones.
        sequences: Tag of an indexed sequence → its items, each tag → text.
    """

    values: Values
    sequences: Mapping[int, tuple[Values, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provenance:
    """How an instance came in."""

    arrived_at: datetime
    door: Door
    sender: str  # AE title, token id, operating-system user
    address: str  # of the sender, empty when it came by a local command


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the index keeps it.

    Attributes:
        facility: Tenant.
        study_instance_uid: Of the data set.
        series_instance_uid: Of the data set.
        sop_instance_uid: Of the data set.
        sop_class_uid: Of the data set.
        transfer_syntax_uid: As stored, which is as received.
        attributes: What searches match on.
        sealed: Ticket of the stored data set.
        sealed_header: The header's raw bytes, compressed and sealed by the vault.
        provenance: How it came in.
        patient_pseudonym: Keyed hash of facility and Patient ID, for the trail; empty without one.
        state: Found or quarantined.
        finding: Why it was quarantined; empty otherwise.
        pixel_data_offset: First byte of the value of Pixel Data (native) or of the first item
            tag (encapsulated) in the stored data set; None without pixel data.
        fragments: For encapsulated pixel data, offset and length of each fragment's value in
            the stored data set, the Basic Offset Table first; packed by `dicom.frames`.
    """

    facility: FacilityName
    study_instance_uid: UID
    series_instance_uid: UID
    sop_instance_uid: UID
    sop_class_uid: UID
    transfer_syntax_uid: UID
    attributes: InstanceAttributes
    sealed: SealedObject
    sealed_header: bytes
    provenance: Provenance
    patient_pseudonym: str = ""
    state: InstanceState = InstanceState.STORED
    finding: str = ""
    pixel_data_offset: int | None = None
    fragments: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """What a retrieval needs of a row: small, without the search columns."""

    study: StudyRef
    series_instance_uid: UID
    sop_instance_uid: UID
    sop_class_uid: UID
    transfer_syntax_uid: UID
    sealed: SealedObject
    sealed_header: bytes
    provenance: Provenance
    patient_pseudonym: str
    number_of_frames: int
    pixel_data_offset: int | None
    fragments: bytes


@dataclass(frozen=True, slots=True)
class Match:
    """One answer of a search.

    `values` holds the indexed attributes of the match's level and of those
    above, as far as the query's `returns` asked for them; sequences as items.
    """

    facility: FacilityName
    values: Values
    sequences: Mapping[int, tuple[Values, ...]]
