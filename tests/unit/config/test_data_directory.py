"""The data directory: where things lie, who may look, and what says that it is one."""

import json
import os
import stat
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raykeep.config.layout import FORMAT, Layout, Manifest, read_manifest, trail_origin
from raykeep.domain.errors import ArchiveDown, KeyUnavailable, SettingsError

MANIFEST = Manifest(
    archive_id="0123456789abcdef",
    created="2026-11-22T12:00:00+00:00",
    policy="nist",
    key_provider="file",
    key={"path": "/etc/raykeep/0123456789abcdef.key"},
    audit_key="raykeep-0123456789abcdef+00000000+AAAA",
)


@pytest.fixture
def layout(tmp_path):
    found = Layout(tmp_path / "data")
    found.make()
    return found


def put(layout, content):
    text = content if isinstance(content, str) else json.dumps(content)
    layout.manifest.write_text(text)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# --- where things lie --------------------------------------------------------------------------


def test_everything_lies_below_the_directory_that_was_named(layout):
    names = [n for n, kind in vars(Layout).items() if isinstance(kind, property)]
    paths = {name: getattr(layout, name) for name in names}

    assert len(set(paths.values())) == len(paths) > 10
    for path in paths.values():
        assert path.is_relative_to(layout.data)


def test_directories_are_made_for_their_owner_alone_whatever_the_mask(tmp_path):
    before = os.umask(0)
    try:
        Layout(tmp_path / "a" / "data").make()
    finally:
        os.umask(before)

    data = tmp_path / "a" / "data"
    folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
    assert {str(path.relative_to(data)) for path in folders} == {
        ".",
        "run",
        "run/metrics",
        "keys",
        "db",
        "tls",
        "blobs",
    }
    assert {mode(path) for path in folders} == {0o700}


def test_making_what_is_there_changes_nothing(layout):
    (layout.run / "ready.json").write_text("{}")

    layout.make()

    assert (layout.run / "ready.json").read_text() == "{}"


# --- the manifest ------------------------------------------------------------------------------


def test_a_manifest_reads_back_as_it_was_written(layout):
    MANIFEST.write(layout)

    assert read_manifest(layout) == MANIFEST
    assert mode(layout.manifest) == 0o600
    assert [path.name for path in layout.data.iterdir() if path.is_file()] == ["archive.json"]


def test_a_manifest_takes_the_place_of_the_one_before(layout):
    MANIFEST.write(layout)
    replace(MANIFEST, policy="classic").write(layout)

    assert read_manifest(layout).policy == "classic"


def test_what_older_releases_did_not_write_has_its_default(layout):
    content = asdict(MANIFEST)
    del content["audit_key"]
    put(layout, content)

    assert read_manifest(layout) == replace(MANIFEST, audit_key="")


@pytest.mark.parametrize("data", ["nowhere", "file", "file/below"])
def test_where_no_archive_is_there_is_none(tmp_path, data):
    (tmp_path / "file").write_text("this is no directory")

    with pytest.raises(ArchiveDown, match="there is no archive in"):
        read_manifest(Layout(tmp_path / data))


def test_a_directory_of_a_newer_release_is_left_alone(layout):
    put(layout, {**asdict(MANIFEST), "format": FORMAT + 1, "something": "new"})

    with pytest.raises(SettingsError, match=f"has format {FORMAT + 1}, this release knows up to"):
        read_manifest(layout)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        {**asdict(MANIFEST), "format": "one"},
        {**asdict(MANIFEST), "format": None},
        {**asdict(MANIFEST), "unknown": 1},
        {**asdict(MANIFEST), "archive_id": 17},
        {**asdict(MANIFEST), "key": "no table"},
        {"format": 1, "archive_id": "0123456789abcdef"},
    ],
)
def test_a_manifest_that_cannot_be_meant_is_damaged(layout, content):
    put(layout, content)

    with pytest.raises(SettingsError, match=r"is damaged .* Restore it from a backup"):
        read_manifest(layout)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_in_its_place_are_a_damaged_manifest(layout, content):
    layout.manifest.write_bytes(content)

    with pytest.raises(SettingsError):
        read_manifest(layout)


def test_somebody_elses_directory_is_told_as_such(layout, monkeypatch):
    def refusing(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(layout.manifest), "read_text", refusing)

    with pytest.raises(KeyUnavailable, match="belongs to somebody else"):
        read_manifest(layout)


def test_the_trail_is_named_after_the_archive():
    assert trail_origin(MANIFEST) == "raykeep-0123456789abcdef"
