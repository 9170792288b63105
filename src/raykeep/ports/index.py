"""The index of studies: every look goes through a scope."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from raykeep.domain.access import Scope, StudyRef
from raykeep.domain.blobs import BlobKey
from raykeep.domain.facility import FacilityName
from raykeep.domain.instance import Match, StoredInstance
from raykeep.domain.query import Count, Query


class StudyIndex(Protocol):
    """Find what is stored. Quarantined instances are not found by any method but `holds`.

    Every implementation passes `tests/contracts/study_index.py`; its law is that
    `search(query, scope)` equals filtering everything by the matching rules of
    PS3.4 C.2.2.2 and by `scope.contains`.
    """

    def search(self, query: Query, scope: Scope) -> Iterator[Match]:
        """Matches in the query's order. Rows are fetched in pages as they are asked for.

        Raises:
            InvalidQuery: a condition does not fit its attribute.
            StorageUnavailable: the database cannot be reached.
        """
        ...

    def count(self, query: Query, scope: Scope, cap: int = 10_000) -> Count:
        """Number of matches regardless of limit and offset, exact up to `cap`."""
        ...

    def studies(self, study_instance_uid: str, scope: Scope) -> list[StudyRef]:
        """The studies of that UID in scope: one for each facility that holds it."""
        ...

    def instances(
        self,
        scope: Scope,
        *,
        study_instance_uid: str,
        series_instance_uid: str | None = None,
        sop_instance_uid: str | None = None,
    ) -> Iterator[StoredInstance]:
        """The instances below that path in scope, by series and instance number."""
        ...

    def same_instance(
        self, facility: FacilityName, sop_instance_uid: str
    ) -> tuple[bytes, int] | None:
        """Digest and length of the stored (not quarantined) instance of that UID, if any."""
        ...

    def study_patient(self, facility: FacilityName, study_instance_uid: str) -> str | None:
        """Patient ID of a stored study, for the screening of identity conflicts."""
        ...

    def holds(self, keys: list[BlobKey]) -> set[BlobKey]:
        """Those of `keys` that a row names, quarantined ones included."""
        ...

    def sealed_objects(self, after: str = "", limit: int = 1000) -> list[StoredInstance]:
        """Rows by blob key (as text) after `after`, quarantined included: for verification."""
        ...

    def newest_arrival(self) -> datetime | None:
        """Arrival time of the newest row."""
        ...

    def totals(self) -> dict[str, int]:
        """Numbers of patients, studies, series, instances, quarantined, bytes."""
        ...
