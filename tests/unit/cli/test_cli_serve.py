"""`serve` and `init`: what they ask of the rooms below, and what they tell the newcomer."""

import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

import raykeep.bootstrap.entry
import raykeep.bootstrap.initialise
import raykeep.bootstrap.serve
from raykeep.cli import init as init_module
from raykeep.cli import output
from raykeep.cli.failures import OutputClosed
from raykeep.cli.main import main
from raykeep.domain.errors import SettingsError

READY = {"dimse_port": 2762, "https_port": 8443, "ca": "/d/tls/ca.crt", "pid": 7}
MADE = raykeep.bootstrap.initialise.Initialised(
    archive_id="00ff",
    root_key="/etc/raykeep/00ff.key",
    ca_bundle=Path("/d/tls/ca.crt"),
    ca_sha256="ab",
    audit_key="raykeep-00ff+1+x",
    facility="main",
)


@pytest.fixture
def below(monkeypatch, tmp_path):
    """The rooms below, which write down what they are asked."""
    asked = SimpleNamespace(wishes=[], made=[], ready=READY)

    def serve(layout, config, wish, ask, told_ready) -> int:
        asked.wishes.append((layout.data, config, wish))
        told_ready(asked.ready)
        return 0

    def initialise(layout, settings, wish, operator):
        asked.made.append((wish, operator().name))
        layout.data.mkdir(parents=True, exist_ok=True)
        layout.manifest.touch()
        return MADE

    monkeypatch.setattr(raykeep.bootstrap.serve, "serve", serve)
    monkeypatch.setattr(raykeep.bootstrap.initialise, "initialise", initialise)
    monkeypatch.setenv("RAYKEEP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    mask = os.umask(0o077)
    yield asked
    os.umask(mask)


def test_in_an_empty_place_an_archive_is_made_first_and_the_next_steps_are_told(
    below, capsys
) -> None:
    assert main(["serve"]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert "root key    /etc/raykeep/00ff.key" in out
    assert "without it nothing" in out
    assert "DICOM over TLS on port 2762, HTTPS on port 8443" in out
    assert "raykeep device enroll CT01 --facility main" in out
    assert "raykeep token create" in out
    [(wish, _)] = below.made
    assert (wish.policy, wish.facility, wish.key_provider) == ("classic", "main", "file")


def test_where_an_archive_is_it_is_run_and_no_more(below, capsys) -> None:
    main(["serve"])
    capsys.readouterr()

    assert main(["serve"]) == 0

    assert len(below.made) == 1
    assert capsys.readouterr().out.startswith("The archive runs: ")


def test_json_is_what_ready_json_holds(below, capsys) -> None:
    assert main(["--json", "serve"]) == 0

    assert json.loads(capsys.readouterr().out) == READY


def test_wishes_are_handed_down_and_the_settings_decide_the_rest(below, tmp_path) -> None:
    main(["serve"])
    main(["serve", "--only", "dimse,web", "--host", "::", "--dimse-port", "0", "--https-port", "1"])

    (_, config, nothing), (data, _, wish) = below.wishes
    assert data == tmp_path / "data"
    assert config == tmp_path / "data" / "raykeep.toml"
    assert (nothing.only, nothing.host, nothing.dimse_port) == (frozenset(), None, None)
    assert wish.only == {"dimse", "web"}
    assert (wish.host, wish.dimse_port, wish.https_port) == ("::", 0, 1)


def test_a_part_that_is_not_served_is_not_told(below, capsys) -> None:
    below.ready = {**READY, "dimse_port": None, "dimse_plain_port": 11112, "https_port": None}
    main(["serve"])

    assert "The archive runs: DICOM without TLS on port 11112." in capsys.readouterr().out

    below.ready = {"dimse_port": None}
    main(["serve", "--only", "worker"])
    assert "no listener" in capsys.readouterr().out


def test_the_archive_goes_on_when_nobody_reads_what_it_says(below, monkeypatch) -> None:
    main(["serve"])

    def closed(_text) -> None:
        raise OutputClosed

    monkeypatch.setattr(output, "raw", closed)

    assert main(["serve"]) == 0


def test_a_start_that_fails_is_told_in_one_line(below, monkeypatch, capsys) -> None:
    main(["serve"])
    capsys.readouterr()

    def fail(*_args) -> int:
        raise SettingsError("the DICOM listener cannot take 127.0.0.1 port 2762")

    monkeypatch.setattr(raykeep.bootstrap.serve, "serve", fail)

    assert main(["serve"]) == 2
    assert capsys.readouterr() == (
        "",
        "raykeep: the DICOM listener cannot take 127.0.0.1 port 2762\n",
    )


def test_the_supervisors_children_are_started_by_role(monkeypatch) -> None:
    called = []

    def run_process(role, told) -> int:
        called.append((role, told))
        return 0

    monkeypatch.setattr(raykeep.bootstrap.entry, "run_process", run_process)

    assert main(["_process", "dimse", '{"data": "--x"}']) == 0
    assert called == [("dimse", '{"data": "--x"}')]


def test_init_hands_down_what_was_wished(below, capsys, tmp_path) -> None:
    key = tmp_path / "root.key"

    code = main(
        ["init", "--policy", "nist", "--facility", "east", "--key-file", str(key), "--json"]
    )

    assert code == 0
    [(wish, operator)] = below.made
    assert (wish.policy, wish.facility, wish.key_provider) == ("nist", "east", "file")
    assert wish.key_file == key
    assert operator
    assert json.loads(capsys.readouterr().out) == {
        "archive": "00ff",
        "data": str(tmp_path / "data"),
        "facility": "main",
        "root_key": "/etc/raykeep/00ff.key",
        "ca": "/d/tls/ca.crt",
        "ca_sha256": "ab",
        "audit_key": "raykeep-00ff+1+x",
    }


def test_settings_may_choose_where_the_root_key_comes_from(below, tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raykeep.toml").write_text('[keys]\nprovider = "passphrase"\n')

    main(["init"])

    assert below.made[0][0].key_provider == "passphrase"


def test_a_new_passphrase_is_typed_twice(monkeypatch) -> None:
    asked = []

    def prompt(text, **options) -> str:
        asked.append(options)
        return "correct horse battery staple"

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(click, "prompt", prompt)

    assert init_module._new_passphrase()() == "correct horse battery staple"
    assert asked == [{"hide_input": True, "confirmation_prompt": True, "err": True}]


def test_without_a_terminal_the_passphrase_comes_from_the_system(monkeypatch) -> None:
    from raykeep.bootstrap.keys import ask_for_passphrase

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))

    assert init_module._new_passphrase() is ask_for_passphrase
