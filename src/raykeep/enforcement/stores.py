"""What the door guards, and the scoped view of the index that it gives out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from raykeep.domain.access import Permit, StudyRef
from raykeep.domain.blobs import BlobKey
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Match, StoredInstance
from raykeep.domain.query import Count, Query
from raykeep.ports.audit import AuditTrail
from raykeep.ports.authority import CertificateAuthority
from raykeep.ports.index import StudyIndex
from raykeep.ports.jobs import Jobs
from raykeep.ports.key_administration import KeyAdministration
from raykeep.ports.registry import Registry
from raykeep.ports.unit_of_work import UnitOfWork
from raykeep.vault import Vault


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is kept. One value a process, held by the `Enforcer` alone."""

    index: StudyIndex
    registry: Registry
    unit_of_work: UnitOfWork
    trail: AuditTrail
    jobs: Jobs
    vault: Vault
    key_administration: KeyAdministration
    authority: CertificateAuthority


class ScopedIndex:
    """The index under one permit: every look goes through its scope."""

    def __init__(self, index: StudyIndex, permit: Permit) -> None:
        self._index = index
        self._scope = permit.scope

    def search(self, query: Query) -> Iterator[Match]:
        """See `StudyIndex.search`."""
        return self._index.search(query, self._scope)

    def count(self, query: Query, cap: int = 10_000) -> Count:
        """See `StudyIndex.count`."""
        return self._index.count(query, self._scope, cap)

    def studies(self, study_instance_uid: str) -> list[StudyRef]:
        """See `StudyIndex.studies`."""
        return self._index.studies(study_instance_uid, self._scope)

    def instances(
        self,
        study_instance_uid: str,
        series_instance_uid: str | None = None,
        sop_instance_uid: str | None = None,
    ) -> Iterator[StoredInstance]:
        """See `StudyIndex.instances`."""
        return self._index.instances(
            self._scope,
            study_instance_uid=study_instance_uid,
            series_instance_uid=series_instance_uid,
            sop_instance_uid=sop_instance_uid,
        )

    def same_instance(
        self, facility: FacilityName, sop_instance_uid: str
    ) -> tuple[bytes, int] | None:
        """See `StudyIndex.same_instance`."""
        return self._index.same_instance(facility, sop_instance_uid)

    def study_patient(self, facility: FacilityName, study_instance_uid: str) -> str | None:
        """See `StudyIndex.study_patient`."""
        return self._index.study_patient(facility, study_instance_uid)

    def holds(self, keys: list[BlobKey]) -> set[BlobKey]:
        """See `StudyIndex.holds`."""
        return self._index.holds(keys)

    def sealed_objects(self, after: str = "", limit: int = 1000) -> list[StoredInstance]:
        """See `StudyIndex.sealed_objects`."""
        return self._index.sealed_objects(after, limit)

    def newest_arrival(self) -> datetime | None:
        """See `StudyIndex.newest_arrival`."""
        return self._index.newest_arrival()

    def totals(self) -> dict[str, int]:
        """See `StudyIndex.totals`."""
        return self._index.totals()
