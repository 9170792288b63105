"""The supervisor: it starts, watches, restarts and ends processes, and leaves none behind."""

import json
import os
import signal
import socket
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from raykeep import supervisor as module
from raykeep.domain.errors import KeyUnavailable, StorageUnavailable
from raykeep.supervisor import ProcessPlan, Supervisor, python_argv, write_whole

CHILD = Path(__file__).with_name("child.py")


@pytest.fixture(autouse=True)
def signals():
    """Whoever ran before keeps their handlers."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """No test waits for those who do not end."""
    monkeypatch.setattr(module, "STOP_TIMEOUT", 10.0)
    monkeypatch.setattr(module, "KILL_TIMEOUT", 0.0)


@pytest.fixture
def plan(tmp_path):
    def made(name, mode, *rest, sockets=None, **told):
        argv = (sys.executable, "-I", "-S", str(CHILD), str(tmp_path), mode, *rest)
        return ProcessPlan(name, argv, {"name": name, **told}, sockets or {})

    return made


@pytest.fixture
def notes(tmp_path):
    def read(name):
        path = tmp_path / f"{name}.log"
        return path.read_text().splitlines() if path.exists() else []

    return read


def no_keys(_name, peer):
    peer.close()


def stop(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


def run(*plans, prepare=lambda: no_keys, on_ready=stop, environment=None):
    found = Supervisor(list(plans), prepare, on_ready, environment or {})
    return found, found.run()


def when(condition, then=stop):
    """Do something once a condition holds, beside the supervisor."""

    def watch():
        deadline = time.monotonic() + 20
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        then()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def descriptors():
    return {one.name for one in Path("/proc/self/fd").iterdir() if one.exists()}


def children():
    text = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()
    return set(text.split())


@pytest.fixture(autouse=True)
def nothing_stays():
    """No descriptor stays open, no process alive, and no handler's wake-up in place."""
    before = descriptors(), children()
    yield
    assert (descriptors(), children()) == before
    assert signal.set_wakeup_fd(-1) == -1


# --- running -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_are_started_and_ended_by_a_signal(plan, notes, number):
    ready = []

    def on_ready():
        ready.append((notes("one"), notes("two")))
        stop(number)

    _, code = run(plan("one", "good"), plan("two", "good"), on_ready=on_ready)

    assert code == 0
    ((one, two),) = ready  # told once, when both had started
    assert len(one) == len(two) == 1


def test_a_process_has_what_it_was_given_and_nothing_else(plan, notes, tmp_path):
    secret = os.open(tmp_path, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as other:
            listener.bind(str(tmp_path / "listener"))
            os.set_inheritable(other.fileno(), True)  # noqa: FBT003 - it takes no keyword
            child = plan("one", "looks-round", sockets={"listener": listener}, port=4242)
            run(child, environment={"LANG": "C.UTF-8", "ONLY": "this"})
    finally:
        os.close(secret)

    found = json.loads(notes("one")[-1])
    assert len(found["named"]) == 3  # the listener, the keys and the word that it is ready
    assert set(found["open"]) == {0, 1, 2, *found["named"]}
    assert found["listens"] == str(tmp_path / "listener")
    assert found["stdin"] == "/dev/null"
    assert found["session"]
    assert found["environment"]["ONLY"] == "this"
    assert "HOME" not in found["environment"]
    assert found["told"]["port"] == 4242


def test_each_process_gets_answers_by_its_own_name(plan, notes):
    def answer(name, peer):
        with peer:
            question = peer.recv(100).decode()
            peer.sendall(f"{question} is {name}".encode())

    run(plan("one", "asks", "0"), plan("two", "asks", "0"), prepare=lambda: answer)

    assert notes("one")[-1] == "answer one is one"
    assert notes("two")[-1] == "answer two is two"


def test_questions_wait_until_the_keys_are_open(plan, notes):
    order = []

    def prepare():
        time.sleep(0.2)
        order.append(len(notes("one")))  # it is on its way, and asks already

        def answer(name, peer):
            with peer:
                order.append(peer.recv(100).decode())
                peer.sendall(b"now")

        return answer

    run(plan("one", "asks", "0"), prepare=prepare)

    assert order == [1, "one"]
    assert notes("one")[-1] == "answer now"


def test_the_time_to_type_a_passphrase_is_not_taken_from_the_processes(plan, monkeypatch):
    monkeypatch.setattr(module, "READY_TIMEOUT", 5.0)
    skipped = []
    real = time.monotonic

    def prepare():
        skipped.append(3600.0)  # somebody went to find the paper that it is written on
        monkeypatch.setattr(module.time, "monotonic", lambda: real() + 3600.0)

        def answer(_name, peer):
            with peer:
                peer.sendall(peer.recv(100))

        return answer

    _, code = run(plan("one", "asks", "0"), plan("two", "asks", "1.2"), prepare=prepare)

    assert (code, skipped) == (0, [3600.0])


# --- those that die ----------------------------------------------------------------------------


def test_one_that_dies_is_started_again_after_ever_longer_delays(plan, notes):
    watch = when(lambda: len(notes("one")) >= 4)

    _, code = run(plan("one", "dies"), plan("two", "good"), on_ready=pytest.fail)
    watch.join()

    starts = [float(line.split()[1]) for line in notes("one")]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert code == 0
    for number, gap in enumerate(gaps[:3]):
        assert gap >= module.RESTART_DELAY * 2**number
    assert len(notes("two")) == 1


def test_one_that_lived_long_is_started_again_at_once(plan, notes, monkeypatch):
    monkeypatch.setattr(module, "STEADY", 0.0)
    monkeypatch.setattr(module, "RESTART_DELAY", 0.01)
    watch = when(lambda: len(notes("one")) >= 5)

    found, _ = run(plan("one", "ready-and-dies"), on_ready=lambda: None)
    watch.join()

    assert found._children[0].delay == 0.02


def test_no_delay_is_longer_than_ten_seconds(plan):
    found = Supervisor([], lambda: no_keys, stop, {})
    child = module._Child(plan("one", "dies"), delay=module.RESTART_DELAY)

    for _ in range(20):
        child.started_at = time.monotonic()
        found._died(child, 3)

    assert child.delay == module.MAX_RESTART_DELAY
    assert child.restart_at - time.monotonic() <= module.MAX_RESTART_DELAY


def test_one_that_comes_back_has_its_sockets_and_gets_answers_again(plan, notes, monkeypatch):
    monkeypatch.setattr(module, "RESTART_DELAY", 0.01)
    asked = []

    def answer(name, peer):
        asked.append(name)
        with peer:
            peer.recv(100)  # and no word: the process is cut off

    watch = when(lambda: len(asked) >= 2)
    run(plan("one", "dies"), prepare=lambda: answer, on_ready=pytest.fail)
    watch.join()

    assert set(asked) == {"one"}


def test_one_that_died_does_not_count_as_ready(plan):
    found = Supervisor([], lambda: no_keys, stop, {})
    child = module._Child(plan("one", "good"), is_ready=True)

    found._died(child, 0)

    assert not child.is_ready


def test_restarts_cost_no_descriptors(plan, notes, monkeypatch):
    monkeypatch.setattr(module, "RESTART_DELAY", 0.01)
    monkeypatch.setattr(module, "STEADY", 0.0)
    counts = []

    def on_ready():
        counts.append(len(descriptors()))

    def enough():
        return len(notes("one")) >= 6

    def count():
        counts.append(len(descriptors()))
        stop()

    watch = when(enough, count)
    run(plan("one", "ready-and-dies"), on_ready=on_ready)
    watch.join()

    # At most one child's sockets more or less than at the beginning.
    assert abs(counts[1] - counts[0]) <= 4


def test_what_a_dead_process_left_to_another_is_not_taken_for_its_word(
    plan, notes, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "RESTART_DELAY", 0.05)
    ended = []

    def on_ready():
        # The second life is ready. Now the process that the first one left behind lets go, too.
        os.kill(int((tmp_path / "child.pid").read_text()), signal.SIGKILL)
        ended.append(time.thread_time())
        when(lambda: time.monotonic() > ready_at[0] + 0.3)

    ready_at = [time.monotonic() + 1]
    found, code = run(plan("one", "leaves-one-behind"), on_ready=on_ready)

    assert code == 0
    assert found._children[0].is_ready
    assert len(notes("one")) == 2
    # It slept in between, and did not turn round and round over a socket that nobody reads.
    assert time.thread_time() - ended[0] < 0.2


# --- those that do not come up, or do not go ---------------------------------------------------


def test_one_that_is_not_ready_in_time_ends_all(plan, notes, monkeypatch):
    monkeypatch.setattr(module, "READY_TIMEOUT", 0.3)

    with pytest.raises(StorageUnavailable, match="not ready in time: slow, slower"):
        run(
            plan("good", "good"),
            plan("slow", "sleeps"),
            plan("slower", "sleeps"),
            on_ready=pytest.fail,
        )


def test_when_the_keys_cannot_be_opened_all_end(plan, notes):
    def prepare():
        time.sleep(0.05)
        raise KeyUnavailable("the root key is away")

    with pytest.raises(KeyUnavailable, match="the root key is away"):
        run(plan("one", "good"), plan("two", "asks", "0"), prepare=prepare, on_ready=pytest.fail)


def test_a_program_that_is_not_there_ends_all(plan):
    nowhere = ProcessPlan("nowhere", ("/nonexistent/program",), {}, {})

    with pytest.raises(FileNotFoundError):
        run(plan("one", "good"), nowhere, on_ready=pytest.fail)


def test_a_signal_that_comes_while_keys_are_opened_ends_all_before_they_are_ready(plan, notes):
    def prepare():
        stop()
        return no_keys

    _, code = run(plan("one", "good"), prepare=prepare, on_ready=pytest.fail)

    assert code == 0


def test_whoever_is_asked_for_a_passphrase_may_break_off(plan, notes):
    def prepare():
        when(lambda: bool(notes("one")), lambda: stop(signal.SIGINT))
        time.sleep(60)  # nobody types
        pytest.fail("the signal came")

    begun = time.monotonic()
    _, code = run(plan("one", "asks", "0"), prepare=prepare, on_ready=pytest.fail)

    assert code == 0
    assert time.monotonic() - begun < 30


def test_one_that_does_not_end_is_killed_and_the_code_says_so(plan, monkeypatch):
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.3)

    _, code = run(plan("one", "stubborn"), plan("two", "good"))

    assert code == 1


def test_one_that_waits_for_its_next_start_when_all_end_needs_no_ending(plan, notes, monkeypatch):
    monkeypatch.setattr(module, "RESTART_DELAY", 60.0)
    watch = when(lambda: bool(notes("one")), lambda: (time.sleep(0.3), stop()))

    _, code = run(plan("one", "dies"), plan("two", "good"), on_ready=pytest.fail)
    watch.join()

    assert code == 0
    assert len(notes("one")) == 1


# --- small things ------------------------------------------------------------------------------


def test_a_flood_of_signals_is_drained(plan):
    def on_ready():
        for _ in range(200):
            os.kill(os.getpid(), signal.SIGCHLD)
        when(lambda: True)

    assert run(plan("one", "good"), on_ready=on_ready)[1] == 0


def test_the_archives_own_processes_run_in_this_interpreter():
    assert python_argv("_process", "web") == (sys.executable, "-m", "raykeep", "_process", "web")


def test_a_small_file_is_written_whole_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "ready.json"
    path.write_text("before")

    write_whole(path, "after")

    assert path.read_text() == "after"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
