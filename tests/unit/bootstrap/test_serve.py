"""Running an archive: which processes, with which sockets, and what is left at the end."""

import json
import os
import socket
import stat
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from raykeep.bootstrap import serve as module
from raykeep.bootstrap.lock import locked
from raykeep.bootstrap.serve import ServeWish, serve
from raykeep.bootstrap.sockets import listen
from raykeep.config.layout import Layout
from raykeep.domain.errors import ArchiveDown, SettingsError
from raykeep.supervisor import python_argv
from tests.running import RunningArchive
from tests.unit.bootstrap.conftest import no_passphrase

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1"])

FREE = ServeWish(dimse_port=0, https_port=0)


@pytest.fixture
def watched(layout, monkeypatch):
    """A supervisor that starts nothing: it keeps what it was given, and is ready at once."""
    runs = []

    class Watched:
        def __init__(self, plans, prepare, on_ready, environment):
            self.plans = {plan.name: plan for plan in plans}
            self.prepare = prepare
            self.environment = environment
            self.on_ready = on_ready

        def run(self):
            self.ready_before = layout.ready.exists()
            self.control = stat.S_ISSOCK(layout.control_socket.stat().st_mode)
            self.descriptors = {
                name: {key: one.fileno() for key, one in plan.sockets.items()}
                for name, plan in self.plans.items()
            }
            self.on_ready()
            self.ready = json.loads(layout.ready.read_text())
            runs.append(self)
            return 0

    monkeypatch.setattr(module, "Supervisor", Watched)
    return runs


def run(layout, wish=FREE):
    told = []
    assert serve(layout, layout.config, wish, no_passphrase, told.append) == 0
    return told


def sockets_of(run_):
    return {name: set(plan.sockets) for name, plan in run_.plans.items()}


def test_each_process_gets_its_own_sockets_and_is_told_where_things_lie(layout, watched):
    told = run(layout)

    (found,) = watched
    assert sockets_of(found) == {
        "dimse-0": {"dimse"},
        "web-0": {"https"},
        "worker-0": {"control", "health"},
        "sealer-0": set(),
    }
    plan = found.plans["dimse-0"]
    assert plan.argv == python_argv("_process", "dimse")
    assert plan.told == {
        "data": str(layout.data),
        "config": str(layout.config),
        "ports": {name: found.ready[name] for name in ("dimse_port", "https_port", "health_port")},
        "supervisor": os.getpid(),
        "process": "dimse-0",
    }
    assert found.environment == dict(os.environ)
    assert told == [found.ready]
    assert found.ready["dimse_plain_port"] is None
    assert (found.ready["pid"], found.ready["ca"]) == (os.getpid(), str(layout.ca_bundle))


def test_readiness_is_told_only_while_it_lasts(layout, watched):
    layout.ready.write_text("of a run that was killed")

    run(layout)

    (found,) = watched
    assert (found.ready_before, found.control) == (False, True)
    assert not layout.ready.exists()
    assert not layout.control_socket.exists()
    for descriptors in found.descriptors.values():
        for number in descriptors.values():
            with pytest.raises(OSError, match="Bad file descriptor"):
                socket.socket(fileno=number)


@pytest.mark.parametrize(
    ("only", "processes"),
    [
        ({"dimse"}, ["dimse-0"]),
        ({"web"}, ["web-0"]),
        ({"worker"}, ["worker-0", "sealer-0"]),
        ({"web", "dimse"}, ["dimse-0", "web-0"]),
    ],
)
def test_parts_may_run_alone(layout, watched, only, processes, monkeypatch):
    monkeypatch.setattr(
        module, "bind_control_socket", _bound_for_sure if "worker" not in only else _real_bind
    )
    layout.control_socket.touch()  # so that the watcher has something to look at

    run(layout, replace(FREE, only=frozenset(only)))

    assert list(watched[0].plans) == processes


_real_bind = module.bind_control_socket


def _bound_for_sure(_):
    pytest.fail("nobody would answer there")


def test_parts_that_are_not_there_are_refused(layout, watched):
    with pytest.raises(SettingsError, match="--only knows dimse, web, worker, not sealer"):
        run(layout, ServeWish(only=frozenset({"web", "sealer"})))

    assert watched == []


def test_the_settings_switch_listeners_on_and_off(layout, watched):
    layout.config.write_text("[dimse_plain]\nenabled = true\nport = 0\n[health]\nenabled = false\n")

    run(layout)

    found = sockets_of(watched[0])
    assert found["dimse-0"] == {"dimse", "dimse_plain"}
    assert found["worker-0"] == {"control"}
    assert watched[0].ready["health_port"] is None
    assert watched[0].ready["dimse_plain_port"] > 0


def test_what_the_command_line_asks_for_takes_the_place_of_the_settings(layout, watched):
    free = free_ports(3)
    layout.config.write_text(
        f'[dimse]\nhost = "192.0.2.1"\nport = 1\n[https]\nport = 1\n[health]\nport = {free[2]}\n'
    )

    run(layout, ServeWish(host="127.0.0.1", dimse_port=free[0], https_port=free[1]))

    ready = watched[0].ready
    assert [ready["dimse_port"], ready["https_port"], ready["health_port"]] == free


def test_where_the_command_line_says_nothing_the_settings_hold(layout, watched):
    free = free_ports(3)
    layout.config.write_text(
        f"[dimse]\nport = {free[0]}\n[https]\nport = {free[1]}\n[health]\nport = {free[2]}\n"
    )

    run(layout, ServeWish())

    ready = watched[0].ready
    assert [ready["dimse_port"], ready["https_port"], ready["health_port"]] == free


def free_ports(count):
    with ExitStack() as stack:
        taken = [stack.enter_context(listen("127.0.0.1", 0, "any")) for _ in range(count)]
        return [one.getsockname()[1] for one in taken]


def test_without_an_archive_nothing_runs(tmp_path):
    with pytest.raises(ArchiveDown, match="there is no archive"):
        run(Layout(tmp_path / "nowhere"))


def test_an_archive_runs_once(layout, watched):
    with locked(layout), pytest.raises(ArchiveDown, match="is in use"):
        run(layout)

    assert watched == []


def test_a_taken_port_stops_the_start_and_lets_go_of_the_others(layout, watched):
    with listen("127.0.0.1", 0, "somebody") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError, match=f"HTTPS listener cannot take 127.0.0.1 port {port}"
        ):
            run(layout, ServeWish(dimse_port=0, https_port=port))

    assert watched == []
    assert not layout.control_socket.exists()


def test_the_keys_are_opened_by_the_supervisor(layout, watched, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "raykeep.bootstrap.prepare.prepare_keys", lambda *given: asked.append(given) or "answers"
    )
    run(layout)

    assert watched[0].prepare() == "answers"
    ((where, manifest, settings, ask),) = asked
    assert (where, manifest.policy, ask) == (layout, "nist", no_passphrase)
    assert settings.dimse.port == 0


def test_a_whole_archive_comes_up_and_goes_down(layout, tmp_path):
    archive = RunningArchive(tmp_path)
    assert archive.data == layout.data
    try:
        archive.start()
        status = archive.json("status")
        pids = archive.children(archive.process.pid)
        flags = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        code = archive.stop()
    finally:
        archive.kill()

    assert code == 0, archive.log.read_text()
    assert status["running"]
    assert len(pids) == 4
    assert all("NoNewPrivs:\t1\n" in one for one in flags)
    assert not layout.ready.exists()
    assert not layout.control_socket.exists()


def test_a_process_whose_supervisor_is_gone_ends_at_once():
    told = json.dumps({"supervisor": 1})

    done = subprocess.run(
        python_argv("_process", "worker", told), capture_output=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
