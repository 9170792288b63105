"""`kill -9` thirty times while devices and web clients store: nothing acknowledged is lost.

Whatever is killed (one process, the supervisor, all at once), each instance that was acknowledged
reads back with its digest, the trail and the stored objects verify, and no search finds anything
that is not whole. A sender that got no answer sends again, as modalities do.
"""

import hashlib
import os
import signal
import ssl
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from random import SystemRandom

import httpx
import pytest

from raykeep.domain.errors import ArchiveError
from tests.builders import Built, ct_instance
from tests.interop.archive.comparing import data_set_of
from tests.running import RunningArchive
from tests.security.callers import call, process_id, until, web

KILLS = 30
# The last kill of each round, after which the archive is started again; in random order.
LAST_OF_ROUND = ("all", "all", "all", "supervisor", "supervisor")
PROCESSES = ("dimse", "dimse", "web", "worker", "sealer")  # the others, as often
DEVICES, WEB_CLIENTS = 3, 1
BETWEEN = 6  # instances acknowledged between two kills, at least

SUCCESS = 0x0000


class Sender(threading.Thread):
    """Stores one instance after the other, each until it is acknowledged, until told to stop."""

    def __init__(self, archive: RunningArchive, name: str) -> None:
        super().__init__(name=name)
        self.archive = archive
        self.stopping = threading.Event()
        self.sent: dict[str, str] = {}  # SHA-256 of the data set by SOP Instance UID
        self.acknowledged: list[Built] = []
        self.waiting: Built | None = None
        self.interrupted = 0
        self.failure: BaseException | None = None
        self._sides = cycle((32, 700, 128, 64))

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                try:
                    self._session()
                except (OSError, ssl.SSLError, httpx.HTTPError, ArchiveError):
                    self.interrupted += 1
                    self.stopping.wait(0.1)
        except BaseException as error:  # told by the test, which is another thread
            self.failure = error
            raise

    def _session(self) -> None:
        raise NotImplementedError

    def _next(self) -> Built:
        # Small ones, and some that are still on their way when the kill comes.
        side = next(self._sides)
        built = ct_instance(rows=side, columns=side)
        self.sent[built.sop_instance_uid] = hashlib.sha256(built.data_set).hexdigest()
        return built

    def _take(self) -> Built:
        """What waits for its answer, else a new one."""
        self.waiting = self.waiting or self._next()
        return self.waiting

    def _acknowledge(self, built: Built) -> None:
        self.acknowledged.append(built)
        self.waiting = None

    def _refused(self, built: Built, answer: object) -> None:
        """Out of reach is all that a kill may make of the archive."""
        raise AssertionError(f"{self.name}: {built.sop_instance_uid}: {answer}")


class Device(Sender):
    """By C-STORE, over one association as long as it lasts."""

    def __init__(self, archive: RunningArchive, name: str) -> None:
        super().__init__(archive, name)
        self._files = archive.enroll(name)

    def _session(self) -> None:
        scu = call(self.archive, self._files, timeout=5.0)
        try:
            while scu.is_accepted and not self.stopping.is_set():
                built = self._take()
                answer = scu.store(built)
                if answer is None:
                    return
                if answer.status == SUCCESS:
                    self._acknowledge(built)
                elif answer.status != 0xA700:
                    self._refused(built, f"{answer.status:04X}H {answer.error_comment}")
        finally:
            scu.close()


class WebClient(Sender):
    """By STOW-RS."""

    def __init__(self, archive: RunningArchive, name: str) -> None:
        super().__init__(archive, name)
        self._token = archive.token()

    def _session(self) -> None:
        with web(self.archive, self._token, timeout=10.0) as client:
            while not self.stopping.is_set():
                built = self._take()
                reply = client.post(
                    "/studies", content=built.part10, headers={"Content-Type": "application/dicom"}
                )
                if reply.status_code == 200:
                    self._acknowledge(built)
                elif reply.status_code not in {500, 503}:
                    self._refused(built, f"{reply.status_code} {reply.text[:300]}")


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_and_nothing_half_stored_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = SystemRandom()
    archive = RunningArchive(tmp_path)
    archive.init()
    archive.start()
    senders: list[Sender] = [Device(archive, f"CT{number:02}") for number in range(DEVICES)]
    senders += [WebClient(archive, f"web-{number}") for number in range(WEB_CLIENTS)]
    last_kills = chance.sample(LAST_OF_ROUND, len(LAST_OF_ROUND))
    killed: Counter[str] = Counter()
    try:
        begun = time.monotonic()
        for sender in senders:
            sender.start()
        for number in range(1, KILLS + 1):
            _until_some_more_are_stored(senders)
            time.sleep(chance.uniform(0, 0.1))
            last_of_round = number % (KILLS // len(LAST_OF_ROUND)) == 0
            what = last_kills.pop() if last_of_round else chance.choice(PROCESSES)
            _kill(archive, what)
            killed[what] += 1
            if last_of_round:
                archive.start()
        _until_some_more_are_stored(senders)
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join(60)
            assert not sender.is_alive(), sender.name
        took = time.monotonic() - begun

        report = _check(archive, senders)
    finally:
        for sender in senders:
            sender.stopping.set()
        archive.kill()
    with capsys.disabled():
        kills = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
        sys.stdout.write(f"\n{KILLS} kills ({kills}) in {took:.0f} s; {report}\n")


def _kill(archive: RunningArchive, what: str) -> None:
    assert archive.process is not None
    if what == "all":
        archive.kill()
    elif what == "supervisor":
        process, archive.process = archive.process, None
        process.kill()
        process.wait()
    else:
        pid = until(lambda: process_id(archive, what), 30, f"{what} was not started again")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _until_some_more_are_stored(senders: list[Sender]) -> None:
    before = sum(len(sender.acknowledged) for sender in senders)

    def stored() -> bool:
        for sender in senders:
            assert sender.failure is None, sender.failure
        return sum(len(sender.acknowledged) for sender in senders) >= before + BETWEEN

    until(stored, 60, "nothing was stored any more")


def _check(archive: RunningArchive, senders: list[Sender]) -> str:
    """What must hold in the end; in words, how much of it there was."""
    sent = {uid: digest for sender in senders for uid, digest in sender.sent.items()}
    acknowledged = [built for sender in senders for built in sender.acknowledged]
    assert archive.ask("audit", "verify")["holds"]
    verified = archive.ask("blobs", "verify")
    assert verified["damaged"] == []
    archive.ask("blobs", "sweep")

    with web(archive, archive.token()) as client:
        for built in acknowledged:
            assert _digest(client, *_uids(built)) == sent[built.sop_instance_uid]
        found = client.get("/instances", params={"limit": 10_000}).json()
        paths = {tuple(_value(one, tag) for tag in _PATH) for one in found}
        assert len(paths) == len(found)
        assert {path[2] for path in paths} >= {one.sop_instance_uid for one in acknowledged}
        # What was not acknowledged may be there, too: then whole, and as it was sent.
        for path in paths - {_uids(built) for built in acknowledged}:
            assert _digest(client, *path) == sent[path[2]]
        counted = client.get("/studies", params={"limit": 10_000}).json()
        assert sum(one["00201208"]["Value"][0] for one in counted) == len(found)
    return (
        f"{len(sent)} instances sent, {len(acknowledged)} acknowledged, {len(found)} found, "
        f"{verified['checked']} verified; senders were interrupted "
        f"{sum(sender.interrupted for sender in senders)} times"
    )


_PATH = ("0020000D", "0020000E", "00080018")


def _uids(built: Built) -> tuple[str, str, str]:
    return built.study_instance_uid, built.series_instance_uid, built.sop_instance_uid


def _value(found: dict[str, dict[str, list[str]]], tag: str) -> str:
    return found[tag]["Value"][0]


def _digest(client: httpx.Client, study: str, series: str, instance: str) -> str:
    reply = client.get(
        f"/studies/{study}/series/{series}/instances/{instance}",
        headers={"Accept": "application/dicom; transfer-syntax=*"},
    )
    assert reply.status_code == 200, (instance, reply.status_code, reply.text[:300])
    return hashlib.sha256(data_set_of(reply.content)).hexdigest()
