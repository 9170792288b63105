"""How a command line ends: one line for what went wrong, and the documented exit code."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from raykeep import __version__
from raykeep.cli import main as module
from raykeep.cli import run as running
from raykeep.cli.failures import CommandFailed, OutputClosed
from raykeep.cli.main import main
from raykeep.cli.place import Given
from raykeep.cli.run import is_running, run_command
from raykeep.config.layout import Layout
from raykeep.domain.errors import ArchiveDown, KeyUnavailable
from raykeep.servers.control.steps import Finished, Output
from tests.fakes.control import Seen, control_server

OURS = frozenset({os.geteuid()})


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("RAYKEEP_DATA", str(tmp_path))
    return Given(data=tmp_path).place()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def small(place, seen):
    """A small archive that runs."""
    with control_server(place.layout.control_socket, seen, OURS):
        yield place


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nosuch"], "no such command 'nosuch'. See `raykeep --help`"),
        (["device", "fly"], "no such command 'fly'. See `raykeep device --help`"),
        (["status", "--qqqq"], "no such option '--qqqq'. See `raykeep status --help`"),
        (["status", "--fast"], "'--fast'. Did you mean '--data'? See `raykeep status --help`"),
        (["device", "show"], "missing argument 'AET'. See `raykeep device show --help`"),
        (["status", "more"], "got unexpected extra argument (more). See `raykeep status --help`"),
        (["blobs", "verify", "--limit", "0"], "invalid value for '--limit': 0 is not in the range"),
        (["init", "--policy", "lax"], "'lax' is not one of 'classic', 'nist'"),
        (["--config", "/nowhere/x.toml", "status"], "there is no settings file /nowhere/x.toml"),
        (["serve", "--dimse-port", "70000"], "70000 is not in the range"),
    ],
)
def test_wrong_usage_is_told_in_one_line(place, capsys, arguments, line) -> None:
    code = main(["--json", *arguments])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("raykeep: ")
    assert err.count("\n") == 1
    assert line in err


@pytest.mark.parametrize("arguments", [[], ["device"], ["audit"]])
def test_who_names_no_command_gets_the_list(capsys, arguments) -> None:
    code = main(arguments)

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "Commands:" in err


def test_help_and_version_are_printed(capsys) -> None:
    assert main(["--help"]) == 0
    assert "Exit codes: 0 done" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert main(["device", "enroll", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--facility" in shown
    assert "--json" not in shown


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (CommandFailed("no", 4), (4, "raykeep: no\n")),
        (KeyUnavailable("the root key is away"), (5, "raykeep: the root key is away\n")),
        (KeyboardInterrupt(), (130, "\nraykeep: stopped. What was done so far stays\n")),
        (OSError(28, "No space left", "/x"), (5, "raykeep: /x: No space left. Mend that\n")),
        (TimeoutError(), (5, "raykeep: TimeoutError. Mend that\n")),
        (CommandFailed("a\nb\x1b[2J", 1), (1, "raykeep: a\\nb\\x1b[2J\n")),
        (OutputClosed(), (0, "")),
    ],
)
def test_each_end_has_its_exit_code_and_line(monkeypatch, capsys, place, error, end) -> None:
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr("raykeep.cli.state.run_command", fail)

    code = main(["status"])

    assert (code, *capsys.readouterr()) == (end[0], "", end[1])


def test_what_nobody_foresaw_is_not_hidden(monkeypatch, place) -> None:
    def fail(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("raykeep.cli.state.run_command", fail)

    with pytest.raises(ZeroDivisionError):
        main(["status"])


def test_the_program_and_the_module_are_the_same() -> None:
    import raykeep.__main__ as program

    assert program.main is module.main


# --- a running archive -------------------------------------------------------------------------


def test_the_archive_that_runs_is_asked(small, seen) -> None:
    assert run_command(small, "echo", {"text": "a"}) == Finished({"text": "a"})
    assert run_command(small, "wrong", {}).exit_code == 1
    assert len(seen.actors) == 1


def test_its_refusals_keep_sentence_and_exit_code(small) -> None:
    with pytest.raises(CommandFailed, match="no facility 'east'") as failed:
        run_command(small, "missing", {})

    assert failed.value.exit_code == 4


def test_pieces_of_files_go_to_whoever_asked_for_them(small) -> None:
    pieces: list[Output] = []

    run_command(small, "files", {}, sink=pieces.append)

    assert [piece.name for piece in pieces] == ["a.txt", "a.txt", "b.txt"]
    assert run_command(small, "files", {}) == Finished({"files": 2})


def test_whether_one_runs_can_be_asked(small, tmp_path) -> None:
    assert is_running(small)
    assert not is_running(Given(data=tmp_path / "elsewhere").place())


def test_a_socket_that_somebody_left_does_not_run(place) -> None:
    place.layout.run.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place.layout.control_socket))

    assert not is_running(place)


def test_where_none_runs_status_says_how_to_start_it(place, capsys) -> None:
    assert main(["status"]) == 5
    assert capsys.readouterr().err == (
        f"raykeep: no archive runs in {place.data}. Start it with `raykeep serve`\n"
    )


def test_a_command_that_is_interrupted_ends_in_the_archive_too(small, seen) -> None:
    code = (
        "import sys; from raykeep.cli.run import run_command; from raykeep.cli.place import Given; "
    )
    code += "run_command(Given().place(), 'endless', {})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        while seen.steps < 5:
            assert process.poll() is None
            threading.Event().wait(0.02)
        process.send_signal(signal.SIGINT)

        assert process.wait(20) != 0
        assert seen.ended.wait(10)
    finally:
        process.kill()
        process.wait()


# --- none runs: the data directory is opened here ------------------------------------------------


class Opened:
    """What `open_for_command` gives, with a small table in it."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.places: list[tuple[Layout, Path]] = []
        self.is_open = False

    def __call__(self, layout, config, _ask):
        self.places.append((layout, config))
        return self

    def __enter__(self):
        from tests.fakes.control import small_context, small_table

        self.is_open = True
        return small_context(self.seen), small_table(self.seen)

    def __exit__(self, *_):
        self.is_open = False


@pytest.fixture
def opened(seen, monkeypatch):
    import raykeep.bootstrap.command

    opened = Opened(seen)
    monkeypatch.setattr(raykeep.bootstrap.command, "open_for_command", opened)
    monkeypatch.setattr(running, "become_owner", opened.places.append)
    before = signal.getsignal(signal.SIGTERM)
    yield opened
    signal.signal(signal.SIGTERM, before)


def test_where_none_runs_the_directory_is_opened_as_its_owner(place, opened, seen) -> None:
    import getpass

    assert run_command(place, "echo", {"text": "a"}) == Finished({"text": "a"})
    assert opened.places == [place.data, (place.layout, place.config)]
    assert not opened.is_open
    assert seen.actors == [getpass.getuser()]


def test_refusals_are_the_same_here_as_there(place, opened) -> None:
    with pytest.raises(CommandFailed, match="no facility 'east'") as failed:
        run_command(place, "missing", {})

    assert failed.value.exit_code == 4
    assert not opened.is_open


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_here_in_good_order(place, opened, seen, number) -> None:
    def strike() -> None:
        while seen.steps < 3:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=strike).start()
    with pytest.raises(KeyboardInterrupt):
        run_command(place, "endless", {})

    assert seen.ended.is_set()
    assert not opened.is_open


def test_a_command_without_an_end_is_no_success(place) -> None:
    def nothing():
        yield from ()

    with pytest.raises(ArchiveDown, match="ended without a result"):
        running._heard(place, nothing(), None)
