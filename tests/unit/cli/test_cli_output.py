"""What is printed: harmless, aligned, and JSON alone when JSON is asked for."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.cli import output
from raykeep.cli.failures import OutputClosed
from raykeep.cli.output import harmless
from raykeep.cli.place import Place
from raykeep.servers.control.steps import Finished, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def place(tmp_path, *, as_json: bool) -> Place:
    return Place(tmp_path, tmp_path / "raykeep.toml", as_json)


@given(text=st.text())
def test_nothing_shown_can_steer_a_terminal(text) -> None:
    assert harmless(text).isprintable()


@given(text=st.text(st.characters(exclude_categories=["C", "Z"])))
def test_what_can_be_printed_is_shown_as_it_is(text) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb", r"a\nb"),
        ("\u202eexe", r"\u202eexe"),
        ("\x9b1m", r"\x9b1m"),
        (None, ""),
        (7, "7"),
    ],
)
def test_control_characters_are_escaped(text, shown) -> None:
    assert harmless(text) == shown


def test_json_is_one_document_and_nothing_else(tmp_path, capsys) -> None:
    result = {"title": "R\u00f6ntgen \x1b[2J", "list": [1, None]}

    code = output.conclude(place(tmp_path, as_json=True), Finished(result, 1), repr)

    out, err = capsys.readouterr()
    assert code == 1
    assert json.loads(out) == result
    assert out.isascii()
    assert "\x1b" not in out
    assert err == ""


def test_people_get_what_the_command_shows(tmp_path, capsys) -> None:
    output.conclude(
        place(tmp_path, as_json=False), Finished({"a": "1"}), lambda r: output.line(r["a"])
    )

    assert capsys.readouterr().out == "1\n"


def test_a_table_in_a_pipe_is_aligned_and_complete(capsys) -> None:
    output.table(("A", "LONG"), [("x" * 200, "\x1b[2J"), ("y", None)], none="nothing")

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["A" + " " * 201 + "LONG", "x" * 200 + r"  \x1b[2J", "y"]


def test_a_table_on_a_terminal_folds_and_shows_markup_as_text(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    output.table(("NAME", "REASON"), [("[red]CT01[/red]", "w" * 60)], none="nothing")

    shown = sys.stdout.getvalue()
    assert "[red]CT01[/red]" in shown
    assert shown.count("w") == 60


def test_an_empty_table_says_so_beside_the_result(capsys) -> None:
    output.table(("A",), [], none="there is nothing")

    assert capsys.readouterr() == ("", "there is nothing\n")


def test_fields_leave_out_what_is_not_there(capsys) -> None:
    output.fields([("name", "a"), ("long name", "b\x07"), ("gone", None)])

    assert capsys.readouterr().out == "name       a\nlong name  b\\x07\n"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_sizes_are_for_people(count, shown) -> None:
    assert output.size(count) == shown


def test_times_are_shown_in_the_zone_of_the_machine() -> None:
    assert output.moment("2030-05-06T07:08:09.123456+00:00")[:4] == "2030"
    assert len(output.moment("2030-05-06T07:08:09.123456+00:00")) == 19
    assert output.day("2030-05-06T12:00:00+00:00") == "2030-05-06"
    assert output.moment(None) == ""
    assert output.moment("not a time") == "not a time"


def test_a_reader_that_has_enough_ends_the_output(monkeypatch, tmp_path) -> None:
    with (tmp_path / "out").open("w") as file:

        class Closed:
            def write(self, _text) -> None:
                raise BrokenPipeError

            def fileno(self) -> int:
                return file.fileno()

        monkeypatch.setattr(sys, "stdout", Closed())
        with pytest.raises(OutputClosed):
            output.line("a")


@pytest.mark.parametrize("as_json", [True, False])
def test_progress_is_silent_without_a_terminal(tmp_path, capsys, as_json) -> None:
    with output.progress_bar(place(tmp_path, as_json=as_json)) as show:
        show(Progress(1, "files"))

    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_a_terminal_and_not_with_json(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with output.progress_bar(place(tmp_path, as_json=True)) as show:
        show(Progress(1, "files"))
    assert terminal.getvalue() == ""

    with output.progress_bar(place(tmp_path, as_json=False)) as show:
        show(Progress(0, ""))
        show(Progress(12_345, "fi\x1b[2Jles"))

    assert r"12,345 fi\x1b[2Jles" in terminal.getvalue()
    assert capsys.readouterr().out == ""
