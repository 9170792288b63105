"""Unwrapped study keys in memory: not many, and not for long."""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from raykeep.domain.facility import FacilityName


@dataclass(frozen=True, slots=True)
class StudyKey:
    """An unwrapped study key; its text form does not show it.

    Attributes:
        study_key_id: 32 hexadecimal digits.
        facility: Tenant.
        study_instance_uid: The study that it seals.
        key: 32 bytes.
    """

    study_key_id: str
    facility: FacilityName
    study_instance_uid: str
    key: bytes = field(repr=False)


class KeyCache:
    """Keeps the keys used last, each for a fixed time after it was unwrapped; thread-safe.

    Using a key does not prolong its time, so that what is revoked or shredded elsewhere is
    forgotten here after `seconds` at the latest.
    """

    def __init__(self, *, limit: int, seconds: float) -> None:
        """Keep at most `limit` keys, each for `seconds`."""
        self._limit = limit
        self._seconds = seconds
        self._lock = Lock()
        self._by_id: OrderedDict[str, tuple[float, StudyKey]] = OrderedDict()
        self._id_of: dict[tuple[FacilityName, str], str] = {}

    def __len__(self) -> int:
        """Number of studies whose key is here, too old or not."""
        return len(self._id_of)

    def by_id(self, study_key_id: str, now: float) -> StudyKey | None:
        """The key of that id, if it is here and not too old at `now` (monotonic seconds)."""
        with self._lock:
            return self._fresh(study_key_id, now)

    def of_study(
        self, facility: FacilityName, study_instance_uid: str, now: float
    ) -> StudyKey | None:
        """The key of that study, if it is here and not too old at `now` (monotonic seconds)."""
        with self._lock:
            study_key_id = self._id_of.get((facility, study_instance_uid))
            return None if study_key_id is None else self._fresh(study_key_id, now)

    def add(self, key: StudyKey, now: float) -> None:
        """Keep `key` from `now` on; the one that was not used for longest makes room."""
        with self._lock:
            self._drop(key.study_key_id)
            self._by_id[key.study_key_id] = (now + self._seconds, key)
            self._id_of[key.facility, key.study_instance_uid] = key.study_key_id
            if len(self._by_id) > self._limit:
                self._drop(next(iter(self._by_id)))

    def forget(self, facility: FacilityName, study_instance_uid: str | None = None) -> None:
        """Drop the key of a study, or all of a facility."""
        with self._lock:
            gone = [
                key.study_key_id
                for _, key in self._by_id.values()
                if key.facility == facility and study_instance_uid in (None, key.study_instance_uid)
            ]
            for study_key_id in gone:
                self._drop(study_key_id)

    def _fresh(self, study_key_id: str, now: float) -> StudyKey | None:
        held = self._by_id.get(study_key_id)
        if held is None:
            return None
        until, key = held
        if now >= until:
            self._drop(study_key_id)
            return None
        self._by_id.move_to_end(study_key_id)
        return key

    def _drop(self, study_key_id: str) -> None:
        held = self._by_id.pop(study_key_id, None)
        if held is not None:
            study = held[1].facility, held[1].study_instance_uid
            # A study whose key was replaced already points to the newer one.
            if self._id_of.get(study) == study_key_id:
                del self._id_of[study]
