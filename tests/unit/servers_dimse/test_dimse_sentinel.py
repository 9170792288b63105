"""The sentinel: whom it cuts off, and when it cuts harder."""

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from raykeep.domain.access import Actor, ActorKind, Door, Origin
from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import Device, DeviceRight
from raykeep.domain.errors import StorageUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.servers.dimse import sentinel as module
from raykeep.servers.dimse.association import Live, Roll
from raykeep.servers.dimse.sentinel import GRACE, REFRESH_PERIOD, Sentinel
from raykeep.services.authentication import AdmittedDevice, PresentedDevice

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LOGGER = logging.getLogger("test")


@dataclass
class StandingClock:
    at: float = 1000.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at


@dataclass
class Identities:
    """Who is known, as the door tells it."""

    devices: dict[AETitle, Device]
    moved: bool = False
    away: bool = False

    def poll(self) -> bool:
        if self.away:
            raise StorageUnavailable("away")
        moved, self.moved = self.moved, False
        return moved

    def device(self, title: AETitle) -> Device | None:
        return self.devices.get(title)


@dataclass
class FakeEnforcer:
    identities: Identities


@dataclass
class Told:
    """What an association was told."""

    interrupted: list[str] = field(default_factory=list)
    cuts: int = 0

    def cut(self) -> None:
        self.cuts += 1


def device(title: str, **changes: object) -> Device:
    given = {
        "ae_title": AETitle(title),
        "facility": FacilityName("main"),
        "rights": frozenset(DeviceRight),
        "networks": (),
        "certificate_sha256": ("ab" * 32,),
        "certificate_expires_at": NOW + timedelta(days=1),
        "enrolled_at": NOW,
    }
    return Device(**{**given, **changes})


def live(one: Device) -> tuple[Live, Told]:
    address = ip_address("127.0.0.1")
    presented = PresentedDevice("RAYKEEP", one.ae_title.value, "ab" * 32, address, tls=True)
    origin = Origin(Door.DIMSE, address)
    actor = Actor(ActorKind.DEVICE, one.ae_title.value, one.roles, frozenset(), origin)
    told = Told()
    return Live(AdmittedDevice(actor, one, presented), told.interrupted.append, told.cut), told


@pytest.fixture
def scene():
    """A sentinel, its clock, who is known, and one live association of CT01."""
    known = device("CT01")
    identities, clock, roll = Identities({known.ae_title: known}), StandingClock(), Roll(4)
    one, told = live(known)
    roll.enter(one)
    refreshed = []
    watcher = Sentinel(
        FakeEnforcer(identities), roll, clock, LOGGER, refresh=lambda: refreshed.append(clock.at)
    )
    return watcher, clock, identities, roll, one, told, refreshed


def test_who_is_still_admitted_goes_on(scene):
    watcher, *_, told, _ = scene

    watcher.look()

    assert (told.interrupted, told.cuts) == ([], 0)


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": NOW}, {"version": 2}, {"certificate_sha256": ("cd" * 32,)}],
    ids=["revoked", "changed", "another certificate"],
)
def test_who_is_not_admitted_any_more_is_interrupted_once(scene, change):
    watcher, clock, identities, *_, told, _ = scene
    identities.devices[AETitle("CT01")] = device("CT01", **change)

    watcher.look()
    clock.at += 1
    watcher.look()

    assert len(told.interrupted) == 1
    assert told.cuts == 0


def test_time_alone_ends_an_association(scene):
    watcher, clock, *_, told, _ = scene
    clock.at += 2 * 86_400

    watcher.look()

    assert len(told.interrupted) == 1


def test_who_does_not_end_in_time_is_cut(scene):
    watcher, clock, identities, *_, told, _ = scene
    identities.devices.clear()
    watcher.look()
    clock.at += GRACE

    watcher.look()

    assert told.cuts == 1


def test_who_has_gone_is_forgotten(scene):
    watcher, clock, identities, roll, one, told, _ = scene
    identities.devices.clear()
    watcher.look()
    roll.leave(one)
    clock.at += GRACE

    watcher.look()

    assert told.cuts == 0


def test_certificates_are_read_anew_after_a_change_and_each_minute(scene):
    watcher, clock, identities, *_, refreshed = scene
    watcher.look()
    assert refreshed == []

    identities.moved = True
    watcher.look()
    watcher.look()
    assert len(refreshed) == 1

    clock.at += REFRESH_PERIOD
    watcher.look()
    assert len(refreshed) == 2


def test_a_database_that_is_away_does_not_end_the_watch(scene, monkeypatch, caplog):
    watcher, _, identities, *_ = scene
    identities.away = True
    monkeypatch.setattr(module, "PERIOD", 0.01)
    stop = threading.Event()
    watching = threading.Thread(target=watcher.watch, args=(stop,))

    watching.start()
    while caplog.text.count("cannot be checked") < 2:
        stop.wait(0.01)
    stop.set()
    watching.join(5)

    assert not watching.is_alive()


def test_a_device_has_only_so_many_associations():
    roll, known = Roll(2), device("CT01")
    first, second, third, other = (live(one)[0] for one in (known, known, known, device("CT02")))

    assert roll.enter(first)
    assert roll.enter(second)
    assert not roll.enter(third)
    assert roll.enter(other)
    roll.leave(first)
    assert roll.enter(third)
    assert set(roll.all()) == {second, third, other}
