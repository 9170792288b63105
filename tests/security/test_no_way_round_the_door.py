"""Architecture 7, the lock "Tests": each route, SOP class and command, as an actor without rights.

Whatever stands in one of the tables is tried here by walking the table, so that a new line of it is
tried as well. Each attempt must be denied and leave one record.
"""

import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest

from raykeep.domain.access import Action, Actor, ActorKind, Door, Origin
from raykeep.domain.audit_event import Outcome
from raykeep.domain.device import DeviceRight
from raykeep.domain.errors import AccessDenied
from raykeep.domain.uids import UID
from raykeep.edge.router import Route
from raykeep.servers.control.context import Context
from raykeep.servers.control.table import Command
from raykeep.servers.control.tables import ALL_COMMANDS
from raykeep.servers.dicomweb.routes import ROUTES, Endpoint, Store
from raykeep.servers.dimse.dispatch import PERFORMERS, perform
from raykeep.servers.dimse.established import Established, Surroundings
from raykeep.servers.dimse.metrics import DimseMetrics
from raykeep.servers.dimse.presentation_contexts import SERVICES, Service
from raykeep.servers.dimse.settings import DimseSettings
from raykeep.services.ingest_settings import IngestSettings
from raykeep.wire.dimse.commands import CEchoRQ, CFindRQ, CStoreRQ, Request
from raykeep.wire.upperlayer.negotiation import AcceptedContext
from tests.builders import IMPLICIT_VR_LITTLE_ENDIAN, Built, ct_instance, encode
from tests.fakes.archive import FACILITY, FakeArchive, fake_archive
from tests.fakes.scu import CT, STUDY_ROOT_FIND, VERIFICATION
from tests.interop.archive.matching import Case
from tests.running import RunningArchive
from tests.security.callers import calling, records, web

NOT_AUTHORIZED = 0x0124
USER_REJECTION = 1  # result of a presentation context, PS3.8 table 9-18
AT_ONCE = 100  # presentation contexts of one association


# --- DICOMweb: every route ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(archive: RunningArchive, token: str) -> Built:
    built = ct_instance()
    with web(archive, token) as client:
        headers = {"Content-Type": "application/dicom"}
        assert client.post("/studies", content=built.part10, headers=headers).status_code == 200
    return built


@pytest.fixture(scope="module")
def powerless(archive: RunningArchive) -> str:
    """A token of the right facility with a role that has no business with images."""
    return archive.token(role="auditor")


def target(route: Route[Endpoint], built: Built) -> str:
    values = {
        "{study}": built.study_instance_uid,
        "{series}": built.series_instance_uid,
        "{instance}": built.sop_instance_uid,
        "{frames}": "1",
        "{reference*}": "7FE00010",
    }
    parts = route.template.split("/")
    return "/".join(values.get(part, part) for part in parts)


def ask(archive: RunningArchive, token: str | None, route: Route[Endpoint], built: Built) -> int:
    with web(archive, token) as client:
        body = ct_instance().part10 if isinstance(route.action, Store) else None
        kind = {"Content-Type": "application/dicom"} if body else {}
        reply = client.request(
            route.method,
            target(route, built),
            content=body,
            headers={"Accept": "*/*", **kind},
        )
        assert built.sop_instance_uid not in reply.text
        return reply.status_code


every_route = pytest.mark.parametrize(
    "route", ROUTES, ids=[f"{route.method} {route.template}" for route in ROUTES]
)


@every_route
def test_a_route_denies_an_actor_without_rights_and_records_it_once(
    archive: RunningArchive, stored: Built, powerless: str, route: Route[Endpoint]
) -> None:
    actor = powerless.split("_")[1]
    before = records(archive, actor=actor, outcome="denied")

    status = ask(archive, powerless, route, stored)

    new = records(archive, actor=actor, outcome="denied")[: -len(before) or None]
    assert len(new) == 1, new
    expected = {
        "study:search": (403,), "study:read": (404,), "instance:store": (403,),
    }[new[0]["action"]]  # fmt: skip
    assert status in expected
    assert (new[0]["event"], new[0]["door"]) == (110113, "dicomweb")


@every_route
def test_a_route_denies_whoever_shows_no_token(
    archive: RunningArchive, stored: Built, route: Route[Endpoint]
) -> None:
    assert ask(archive, None, route, stored) == 401
    assert ask(archive, "rk_0123456789abcdef_" + "x" * 43, route, stored) == 401


@every_route
def test_a_route_denies_rights_of_the_other_kind(
    archive: RunningArchive, stored: Built, route: Route[Endpoint]
) -> None:
    """An uploader reads nothing, a radiologist stores nothing."""
    role = "radiologist" if isinstance(route.action, Store) else "uploader"

    assert ask(archive, archive.token(role=role), route, stored) in {403, 404}


# --- DIMSE: every SOP class, and every command --------------------------------------------------


every_service = pytest.mark.parametrize(
    "service", SERVICES, ids=[service.name for service in SERVICES]
)


def chunks(service: Service) -> Iterator[list[UID]]:
    uids = [UID(uid) for uid in sorted(service.sop_classes)]
    for start in range(0, len(uids), AT_ONCE):
        yield uids[start : start + AT_ONCE]


@every_service
def test_no_sop_class_is_negotiated_without_the_right_to_it(
    archive: RunningArchive, service: Service
) -> None:
    rights = {one.right.value for one in SERVICES} - {service.right.value}
    title = f"NO{service.right.value.upper()}"
    files = archive.enroll(title, "--may", ",".join(sorted(rights)))
    for count, uids in enumerate(chunks(service), 1):
        with calling(archive, files, abstract_syntaxes=uids) as scu:
            assert {scu.result_of(uid) for uid in uids} == {USER_REJECTION}
            scu.release()
        denied = records(archive, actor=title, outcome="denied")
        assert [one["action"] for one in denied] == [service.action.value] * count


@every_service
def test_a_rejected_context_carries_no_command(
    archive: RunningArchive, stored: Built, service: Service
) -> None:
    title = f"AT{service.right.value.upper()}"
    rights = {one.right.value for one in SERVICES} - {service.right.value}
    files = archive.enroll(title, "--may", ",".join(sorted(rights)))
    uids = (UID(min(service.sop_classes)),)
    request, data = _request(service.right)
    with calling(archive, files, abstract_syntaxes=uids) as scu:
        scu.association.contexts[1] = AcceptedContext(1, uids[0], UID(IMPLICIT_VR_LITTLE_ENDIAN))
        scu.send(1, request, data)

        assert scu.response() is None  # the archive has aborted


def _request(right: DeviceRight) -> tuple[Request, list[bytes] | None]:
    """A valid request of a service; a service without a line here fails its test."""
    query = Case("any", {"PatientID": "*", "StudyInstanceUID": ""}, "").identifier()
    built = ct_instance()
    requests: dict[DeviceRight, tuple[Request, list[bytes] | None]] = {
        DeviceRight.ECHO: (CEchoRQ(message_id=1, affected_sop_class_uid=VERIFICATION), None),
        DeviceRight.STORE: (
            CStoreRQ(
                message_id=1,
                affected_sop_class_uid=CT,
                affected_sop_instance_uid=UID(built.sop_instance_uid),
            ),
            [built.data_set],
        ),
        DeviceRight.FIND: (
            CFindRQ(message_id=1, affected_sop_class_uid=STUDY_ROOT_FIND),
            [encode(query, IMPLICIT_VR_LITTLE_ENDIAN)],
        ),
    }
    return requests[right]


class _Messages:
    """A conversation in which one request has come."""

    has_ended = False

    def __init__(self, data: list[bytes] | None) -> None:
        self._data = data or []
        self.sent: list[object] = []

    def data_set(self) -> Iterator[memoryview]:
        yield from map(memoryview, self._data)

    def send_encoded(self, *sent: object) -> None:
        self.sent.append(sent)

    def flush(self) -> None:
        pass

    def is_cancelled(self, _message_id: int) -> bool:
        return False


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeArchive]:
    """The real door, in this process, over stores that are thrown away."""
    with fake_archive(tmp_path_factory.mktemp("house")) as found:
        yield found


@pytest.mark.parametrize(
    ("right", "kind"), PERFORMERS, ids=[kind.__name__ for _, kind in PERFORMERS]
)
def test_no_command_is_performed_for_an_actor_without_rights(
    house: FakeArchive, right: DeviceRight, kind: type[Request]
) -> None:
    """Behind the negotiation, should it ever let one through: the door asks again."""
    request, data = _request(right)
    assert isinstance(request, kind)
    device, _ = house.enroll("POWERLESS", *DeviceRight)
    actor = Actor(
        ActorKind.DEVICE, "POWERLESS", frozenset(), frozenset({FACILITY}), Origin(Door.DIMSE)
    )
    messages = _Messages(data)
    shared = Surroundings(
        house.enforcer,
        house.clock,
        DimseSettings(),
        IngestSettings(),
        DimseMetrics(),
        logging.getLogger("test.powerless"),
    )
    established = Established(shared, device, actor, cast("Any", messages))
    uid = UID(str(request.affected_sop_class_uid))
    syntax = UID(IMPLICIT_VR_LITTLE_ENDIAN if kind is CFindRQ else "1.2.840.10008.1.2.1")
    before = len(house.records(outcome=Outcome.DENIED))

    response = perform(established, AcceptedContext(1, uid, syntax), request)

    assert response.status == NOT_AUTHORIZED
    assert messages.sent == []
    assert len(house.records(outcome=Outcome.DENIED)) == before + 1


# --- the command line: every command of the table -----------------------------------------------

PARAMETERS: dict[str, dict[str, Any]] = {
    "audit.prove": {"record": "0" * 32},
    "device.enroll": {"aet": "CT01", "facility": "main", "may": ["store"]},
    "device.renew": {"aet": "CT01"},
    "device.revoke": {"aet": "CT01"},
    "device.show": {"aet": "CT01"},
    "facility.add": {"name": "other"},
    "facility.show": {"name": "main"},
    "import": {"paths": ["/nowhere"], "facility": "main"},
    "policy.explain": {"user": "operator", "action": "study:read"},
    "token.create": {
        "name": "n", "role": "radiologist", "facility": ["main"], "expires": 3600,
    },
    "token.revoke": {"token_id": "0123456789abcdef"},
}  # fmt: skip


@pytest.mark.parametrize(
    "command", ALL_COMMANDS.commands(), ids=[one.name for one in ALL_COMMANDS.commands()]
)
def test_no_command_answers_an_actor_without_rights(house: FakeArchive, command: Command) -> None:
    nobody = Actor(
        ActorKind.LOCAL_OPERATOR, "nobody", frozenset(), frozenset(), Origin(Door.COMMAND_LINE)
    )
    context = Context(
        enforcer=house.enforcer,
        clock=house.clock,
        ingest=IngestSettings(),
        trail_keys=cast("Any", None),
        facts={},
        ca_bundle=cast("Any", None),
        tls_certificates=list,
        database_facts=dict,
    )
    before = len(house.records(outcome=Outcome.DENIED))

    with pytest.raises(AccessDenied):
        for _ in command.start(context, nobody, PARAMETERS.get(command.name, {})):
            pytest.fail("it said something")

    denied = house.records(outcome=Outcome.DENIED)[before:]
    assert len(denied) == 1
    assert denied[0].actor == "nobody"
    assert isinstance(denied[0].action, Action)
