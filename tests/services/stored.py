"""Putting instances into an archive through its front service."""

from raykeep.domain.access import Actor, ActorKind, Door, Origin, Role
from raykeep.domain.facility import FacilityName
from raykeep.domain.uids import UID
from raykeep.services.ingest import Arrival, Stored, store_instance
from raykeep.services.ingest_settings import IngestSettings
from tests.builders import Built
from tests.fakes.archive import FACILITY, FakeArchive


def actor(*roles: Role, facility: FacilityName = FACILITY, door: Door = Door.DICOMWEB) -> Actor:
    return Actor(ActorKind.TOKEN, "somebody", frozenset(roles), frozenset({facility}), Origin(door))


TECHNOLOGIST = actor(Role.TECHNOLOGIST)


def store(
    archive: FakeArchive,
    built: Built,
    *,
    who: Actor = TECHNOLOGIST,
    settings: IngestSettings | None = None,
    body: bytes | None = None,
    piece: int = 1000,
    facility: FacilityName = FACILITY,
    **announced: str,
) -> Stored:
    """Store an instance, its bytes in pieces whose memory is used again."""
    data = built.data_set if body is None else body

    def pieces():
        buffer = bytearray(piece)
        for start in range(0, len(data), piece):
            part = data[start : start + piece]
            buffer[: len(part)] = part
            yield memoryview(buffer)[: len(part)]

    arrival = Arrival(
        UID(built.transfer_syntax_uid),
        pieces(),
        facility,
        archive.clock.now(),
        **announced,
    )
    return store_instance(archive.enforcer, who, arrival, settings or IngestSettings())
