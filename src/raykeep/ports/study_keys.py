"""The store of wrapped study keys: the one thing that, lost, loses everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from raykeep.domain.facility import FacilityName


@dataclass(frozen=True, slots=True)
class WrappedStudyKey:
    """A study key under its facility key.

    Attributes:
        study_key_id: 32 hexadecimal digits, random.
        facility: Tenant.
        study_instance_uid: The study that it seals.
        facility_key_version: Which facility key wraps it, counted from 1.
        wrapped: The key under AES-KW (RFC 3394), 40 bytes.
    """

    study_key_id: str
    facility: FacilityName
    study_instance_uid: str
    facility_key_version: int
    wrapped: bytes


class StudyKeys(Protocol):
    """Keep wrapped study keys, in a file or schema of their own.

    Order of crashes: a key is durable here before a blob is sealed under it.
    Every implementation passes `tests/contracts/study_keys.py`.
    """

    def find(self, facility: FacilityName, study_instance_uid: str) -> WrappedStudyKey | None:
        """The key of a study, if it has one."""
        ...

    def get(self, study_key_id: str) -> WrappedStudyKey | None:
        """The key of that id, if it is still there."""
        ...

    def add(self, key: WrappedStudyKey) -> WrappedStudyKey:
        """Keep `key`, durable on return; returns the one that the study has.

        When another process was first, its key is returned and `key` is dropped.

        Raises:
            StorageUnavailable: the store cannot be written; nothing was kept.
        """
        ...

    def of_facility(self, facility: FacilityName) -> Iterator[WrappedStudyKey]:
        """All keys of a facility."""
        ...

    def count(self, facility: FacilityName) -> dict[int, int]:
        """Number of keys for each facility-key version."""
        ...
