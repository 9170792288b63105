"""Sealed objects and where they lie."""

import re
from dataclasses import dataclass

from raykeep.domain.errors import shown
from raykeep.domain.facility import FacilityName

_OBJECT_ID = re.compile(r"[0-9a-f]{32}")
_FIRST_YEAR, _LAST_YEAR = 1000, 9999  # written with four digits
_FORM = re.compile(r"([a-z0-9-]+)/([0-9]{4})/([0-9a-f]{32})")


@dataclass(frozen=True, slots=True, order=True)
class BlobKey:
    """Name of a stored blob: it says nothing of what is inside.

    Attributes:
        facility: Tenant.
        year: Year of arrival, four digits (promise A8c: archives split by facility and year).
        object_id: 128 random bits, 32 hexadecimal digits.
    """

    facility: FacilityName
    year: int
    object_id: str

    def __post_init__(self) -> None:
        if (
            _OBJECT_ID.fullmatch(self.object_id) is None
            or not _FIRST_YEAR <= self.year <= _LAST_YEAR
        ):
            msg = f"not a blob key: {self.facility}/{self.year}/{self.object_id}"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.facility}/{self.year}/{self.object_id}"

    @classmethod
    def parse(cls, text: str) -> "BlobKey":
        """Read the form that `str` gives, and no other.

        Raises:
            ValueError: it is none.
            InvalidInput: the facility is none.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            msg = f"not a blob key: {shown(text)}"
            raise ValueError(msg)
        facility, year, object_id = found.groups()
        return cls(FacilityName(facility), int(year), object_id)


@dataclass(frozen=True, slots=True)
class SealedObject:
    """A stored object's ticket: the vault opens nothing without one.

    Made by the vault when it has stored an object, and by the index from a row.

    Attributes:
        key: Where it lies.
        study_key_id: The study key that wraps its object key, 32 hexadecimal digits.
        length: Plaintext bytes.
        digest: SHA-256 of the plaintext, 32 bytes.
        stored_length: Bytes of the blob, header, footer and manifest included.
    """

    key: BlobKey
    study_key_id: str
    length: int
    digest: bytes
    stored_length: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new object belongs, before it has a key.

    Attributes:
        facility: Tenant.
        study_instance_uid: The study whose key seals it.
        year_of_arrival: Four digits.
    """

    facility: FacilityName
    study_instance_uid: str
    year_of_arrival: int


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """What is known of a body when its last byte has passed.

    Attributes:
        length: Plaintext bytes.
        digest: SHA-256 of the plaintext, 32 bytes.
    """

    length: int
    digest: bytes
