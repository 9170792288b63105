"""Making an archive: whole or not at all, and never over what may be one."""

import json
import stat
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from raykeep.adapters.blobs.settings import BlobSettings
from raykeep.adapters.keys.settings import KeySettings
from raykeep.bootstrap import initialise as module
from raykeep.bootstrap.command import open_for_command
from raykeep.bootstrap.initialise import initialise, is_initialised
from raykeep.config.layout import Layout, read_manifest
from raykeep.config.settings import Settings
from raykeep.crypto.certificates import certificate_facts
from raykeep.domain.access import Action
from raykeep.domain.audit_event import RecordFilter
from raykeep.domain.errors import AlreadyExists, ArchiveDown, KeyUnavailable, StorageUnavailable
from raykeep.services.audit_review import search_trail
from raykeep.services.tenants import list_facilities
from tests.fakes.archive import OPERATOR
from tests.unit.bootstrap.conftest import no_passphrase, wish


def init(layout, settings=None, **changes):
    given = wish(layout.data.parent / "safe" / "root.key")
    return initialise(layout, settings or Settings(), replace(given, **changes), lambda: OPERATOR)


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def empty(tmp_path):
    return Layout(tmp_path / "data")


@pytest.fixture
def stubbed(monkeypatch):
    """Making alone takes no time: for tests of what comes before it."""

    def make(layout, *_):
        layout.keyring.write_text("new")
        return layout.data

    monkeypatch.setattr(module, "_make", make)


# --- what is made ------------------------------------------------------------------------------


def test_a_new_archive_has_its_keys_elsewhere_and_opens_with_them(made):
    layout, told, key_file = made

    manifest = read_manifest(layout)
    assert (manifest.archive_id, manifest.policy) == (told.archive_id, "nist")
    assert (manifest.key_provider, manifest.key) == ("file", {"path": str(key_file)})
    assert (told.root_key, told.facility) == (str(key_file), "main")
    assert manifest.audit_key == told.audit_key
    assert told.audit_key.startswith(f"raykeep-{told.archive_id}+")
    assert told.ca_sha256 == certificate_facts(told.ca_bundle.read_text()).sha256
    with open_for_command(layout, layout.config, no_passphrase) as (context, _):
        facilities = list_facilities(context.enforcer, OPERATOR)
        records = search_trail(context.enforcer, OPERATOR, RecordFilter(newest_first=False))
    assert [facility.name for facility in facilities] == ["main"]
    assert records[0].action is Action.FACILITY_ADD


def test_a_new_archive_is_for_its_owner_alone_and_shows_no_key(made):
    layout, _, key_file = made
    key = key_file.read_text().splitlines()[1]

    for path in (layout.data, *layout.data.rglob("*")):
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
        else:
            assert key.encode() not in path.read_bytes()
    assert not layout.unfinished.exists()
    assert is_initialised(layout)


def test_the_public_certificates_lie_where_peers_are_told_to_look(made):
    layout, _, _ = made

    names = {path.name for path in layout.ca_bundle.parent.iterdir()}

    assert names == {"ca.crt", "issuing.crt", "server-rsa.crt", "server-p256.crt"}
    for path in layout.ca_bundle.parent.iterdir():
        assert "PRIVATE" not in path.read_text()


def test_a_root_key_may_hang_on_a_passphrase(empty):
    told = init(empty, key_provider="passphrase", ask=lambda: "correct horse battery staple")

    manifest = read_manifest(empty)
    assert (told.root_key, manifest.key_provider) == ("a passphrase", "passphrase")
    assert "correct" not in json.dumps(manifest.key)
    assert not (empty.data.parent / "safe").exists()
    with open_for_command(empty, empty.config, lambda: "correct horse battery staple"):
        pass


def test_a_root_key_never_lies_within_the_data(empty):
    with pytest.raises(KeyUnavailable, match="lies in the data directory"):
        init(empty, key_file=empty.data / "keys" / "root.key")

    assert not is_initialised(empty)


# --- what is in the way ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["notes.txt", "images/", ".hidden"])
@pytest.mark.usefixtures("stubbed")
def test_a_directory_that_holds_something_else_is_left_alone(empty, name):
    empty.data.mkdir()
    path = empty.data / name
    path.mkdir() if name.endswith("/") else path.write_text("mine")
    before = snapshot(empty.data)

    with pytest.raises(AlreadyExists, match="is not empty"):
        init(empty)

    assert snapshot(empty.data) == before


@pytest.mark.usefixtures("stubbed")
def test_a_file_in_its_place_is_left_alone(empty):
    empty.data.write_text("mine")

    with pytest.raises(AlreadyExists, match="is not empty"):
        init(empty)

    assert empty.data.read_text() == "mine"


@pytest.mark.usefixtures("stubbed")
def test_an_archive_is_not_made_over_another(layout):
    before = snapshot(layout.data)

    with pytest.raises(AlreadyExists, match="holds an archive already"):
        init(layout)

    assert snapshot(layout.data) == before


@pytest.mark.usefixtures("stubbed")
def test_an_archive_that_lost_its_manifest_keeps_its_keys(layout):
    layout.manifest.unlink()
    before = snapshot(layout.data)

    with pytest.raises(AlreadyExists, match=r"archive\.json is not there. Restore that"):
        init(layout)

    assert snapshot(layout.data) == before


@pytest.mark.parametrize("folder", ["keys", "db", "tls", "blobs"])
@pytest.mark.usefixtures("stubbed")
def test_whatever_is_left_of_an_archive_is_left_alone(empty, folder):
    empty.make()
    kept = empty.data / folder / "something"
    kept.write_text("of an archive")

    with pytest.raises(AlreadyExists, match="belongs to an archive"):
        init(empty)

    assert kept.read_text() == "of an archive"


@pytest.mark.parametrize("is_unfinished", [True, False])
@pytest.mark.usefixtures("stubbed")
def test_objects_of_another_archive_are_never_taken_for_ones_own(empty, tmp_path, is_unfinished):
    settings = replace(Settings(), blobs=BlobSettings(path=tmp_path / "volume"))
    (tmp_path / "volume" / "main" / "2026").mkdir(parents=True)
    empty.make()
    if is_unfinished:
        empty.unfinished.touch()

    with pytest.raises(AlreadyExists, match="volume holds what belongs to an archive"):
        init(empty, settings)


@pytest.mark.usefixtures("stubbed")
def test_volumes_and_settings_that_were_put_there_before_are_no_obstacle(empty):
    empty.make()
    for folder in ("blobs", "keys", "db"):
        (empty.data / folder / "lost+found").mkdir()
    empty.config.write_text("")

    init(empty)

    assert (empty.data / "keys" / "lost+found").is_dir()
    assert empty.config.exists()


@pytest.mark.usefixtures("stubbed")
def test_what_is_in_use_is_left_alone(empty):
    with module.locked(empty), pytest.raises(ArchiveDown, match="is in use"):
        init(empty)


@pytest.mark.usefixtures("stubbed")
def test_of_two_that_make_an_archive_at_once_the_second_does_not_undo_the_first(empty, monkeypatch):
    real = module.locked

    @contextmanager
    def overtaken(layout):
        with real(layout):
            layout.keyring.write_text("of the first")
            layout.manifest.write_text("{}")
            yield

    monkeypatch.setattr(module, "locked", overtaken)

    with pytest.raises(AlreadyExists, match="holds an archive already"):
        init(empty)

    assert empty.keyring.read_text() == "of the first"


# --- attempts that failed ----------------------------------------------------------------------


def test_an_attempt_that_failed_is_cleared_away_by_the_next(empty, monkeypatch):
    def failing(*_, **__):
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(module, "open_study_keys", failing)
        with pytest.raises(StorageUnavailable):
            init(empty)
    first = empty.keyring.read_bytes()
    assert empty.unfinished.exists()
    assert not is_initialised(empty)

    told = init(empty, key_file=empty.data.parent / "safe" / "second.key")

    assert read_manifest(empty).archive_id == told.archive_id
    assert empty.keyring.read_bytes() != first
    assert not empty.unfinished.exists()


@pytest.mark.usefixtures("stubbed")
def test_of_an_attempt_everything_is_cleared_away(empty):
    empty.make()
    empty.unfinished.touch()
    (empty.data / "archive.new").write_text("half a manifest")
    empty.keyring.write_text("old")
    (empty.data / "db" / "folder").mkdir()
    (empty.data / "db" / "folder" / "file").write_text("old")
    (empty.data / "tls" / "link").symlink_to(Path("/etc"))

    init(empty)

    assert empty.keyring.read_text() == "new"
    assert list((empty.data / "db").iterdir()) == []
    assert list((empty.data / "tls").iterdir()) == []
    assert Path("/etc").is_dir()


def test_the_root_keys_place_comes_from_the_settings_where_none_is_named(tmp_path, monkeypatch):
    asked = {}

    def create(*_, **options):
        asked.update(options)
        raise KeyUnavailable("far enough")

    monkeypatch.setattr(module, "create_keys", create)
    settings = replace(Settings(), keys=KeySettings(file=tmp_path / "set.key"))

    with pytest.raises(KeyUnavailable, match="far enough"):
        init(Layout(tmp_path / "data"), settings, key_file=None)

    assert asked["file"] == tmp_path / "set.key"
