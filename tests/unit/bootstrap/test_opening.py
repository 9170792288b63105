"""Opening an archive for one command: keys, stores and facts, while nobody else has it."""

import base64
import io
from dataclasses import replace
from types import SimpleNamespace

import pytest

from raykeep import __version__
from raykeep.adapters.keys.names import DATABASE
from raykeep.bootstrap import command, keys
from raykeep.bootstrap.combined import CombinedKeys
from raykeep.bootstrap.command import database_facts, open_for_command, upgrade_database
from raykeep.bootstrap.keys import ask_for_passphrase, open_keys
from raykeep.bootstrap.lock import locked
from raykeep.bootstrap.public_certificates import publish, published
from raykeep.bootstrap.system import SystemClock, SystemEntropy
from raykeep.config.layout import Layout, read_manifest
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import ArchiveDown, InvalidInput, KeyUnavailable, SettingsError
from raykeep.domain.facility import FacilityName
from tests.unit.bootstrap.conftest import no_passphrase

MAIN = FacilityName("main")


# --- for a command -----------------------------------------------------------------------------


def test_a_command_gets_a_door_and_facts_while_nobody_else_has_the_archive(layout):
    with open_for_command(layout, layout.config, no_passphrase) as (context, table):
        assert context.facts == {
            "archive": read_manifest(layout).archive_id,
            "version": __version__,
            "data": str(layout.data),
            "policy": "nist",
            "running": False,
        }
        assert context.trail_keys.signer is not None
        assert {name for name, _ in context.tls_certificates()} >= {"ca", "server-rsa"}
        assert context.database_facts()["engine"] == "sqlcipher"
        assert table is command.ALL_COMMANDS
        with (
            pytest.raises(ArchiveDown, match="is in use"),
            open_for_command(layout, layout.config, no_passphrase),
        ):
            pytest.fail("one at a time")


def test_after_a_command_the_archive_is_free_again_whatever_happened(layout):
    def fail():
        with open_for_command(layout, layout.config, no_passphrase):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    with open_for_command(layout, layout.config, no_passphrase):
        pass


def test_without_an_archive_no_command_opens_one(tmp_path):
    nowhere = Layout(tmp_path / "nowhere")

    with (
        pytest.raises(ArchiveDown, match="there is no archive"),
        open_for_command(nowhere, nowhere.config, no_passphrase),
    ):
        pytest.fail("there is nothing to open")
    assert not nowhere.data.exists()


def test_a_mistake_in_the_settings_opens_nothing(layout):
    layout.config.write_text("[dimze]")

    with (
        pytest.raises(SettingsError, match="unknown setting dimze"),
        open_for_command(layout, layout.config, no_passphrase),
    ):
        pytest.fail("not with these settings")


def test_a_database_that_is_up_to_date_needs_no_upgrade(layout):
    assert upgrade_database(layout, layout.config, no_passphrase) == []


def test_the_database_tells_its_engine_and_revision(layout):
    elsewhere = SimpleNamespace(url="postgresql+psycopg://user@host/name")
    with open_for_command(layout, layout.config, no_passphrase) as (context, _):
        facts = context.database_facts()
        database = context.enforcer._stores.index._database
        assert database_facts(elsewhere, database)["engine"] == "postgresql"

    assert facts["revision"] == facts["newest_revision"] != ""


# --- keys --------------------------------------------------------------------------------------


def test_keys_their_administration_and_the_authority_act_as_one(opened):
    combined = CombinedKeys(opened())
    key = SystemEntropy().bytes(32)

    assert combined.unwrap(MAIN, combined.wrap(MAIN, key)) == key
    assert combined.pseudonym(MAIN, "P1") == combined.pseudonym(MAIN, "P1") != "P1"
    assert combined.create_facility_key(FacilityName("north")).version == 1
    assert {info.facility for info in combined.describe()} == {"main", "north"}
    assert combined.provider() == "file"
    assert combined.issue(AETitle("CT01"), days=30).private_key_pem is not None
    assert combined.bundle_pem() in combined.client_ca_pem()
    assert len(combined.secret(DATABASE)) == 32


def test_the_settings_may_name_another_place_for_the_root_key(layout, made, tmp_path):
    _, _, key_file = made
    moved = tmp_path / "moved.key"
    moved.write_bytes(key_file.read_bytes())
    moved.chmod(0o600)
    manifest = replace(read_manifest(layout), key={"path": "/nonexistent/root.key"})

    found = open_keys(layout, manifest, SystemClock(), file=moved, ask=no_passphrase)

    assert found.keyring.get(DATABASE)
    with pytest.raises(KeyUnavailable, match=r"/nonexistent/root\.key"):
        open_keys(layout, manifest, SystemClock(), file=None, ask=no_passphrase)


PASSPHRASE = {
    "salt": base64.b64encode(bytes(16)).decode(),
    "verifier": base64.b64encode(bytes(16)).decode(),
    "memory_kib": 65_536,
    "iterations": 1,
    "lanes": 1,
}


@pytest.mark.parametrize(
    ("provider", "key", "error", "told"),
    [
        ("file", {}, KeyUnavailable, "does not say where the root key lies"),
        ("file", {"path": 3}, KeyUnavailable, "does not say where the root key lies"),
        ("carrier-pigeon", {}, SettingsError, "a key provider 'carrier-pigeon' that is unknown"),
        ("passphrase", {}, KeyUnavailable, "passphrase parameters are damaged"),
        ("passphrase", {**PASSPHRASE, "lanes": "many"}, KeyUnavailable, "damaged"),
        ("passphrase", {**PASSPHRASE, "salt": 3}, KeyUnavailable, "damaged"),
        ("passphrase", {**PASSPHRASE, "memory_kib": 2**40}, InvalidInput, "damaged"),
    ],
)
def test_a_manifest_that_does_not_say_where_the_key_is_is_told_as_such(
    layout, provider, key, error, told
):
    manifest = replace(read_manifest(layout), key_provider=provider, key=key)

    with pytest.raises(error, match=told):
        open_keys(layout, manifest, SystemClock(), file=None, ask=no_passphrase)


# --- the passphrase ----------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_passphrase_comes_from_systemds_credentials(tmp_path, monkeypatch):
    (tmp_path / keys.CREDENTIAL).write_text("correct horse battery staple\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert ask_for_passphrase() == "correct horse battery staple"


def test_a_passphrase_is_typed_where_there_is_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))  # without that credential
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(keys, "getpass", lambda prompt: f"typed at {prompt}")

    assert ask_for_passphrase() == "typed at Passphrase of the archive: "


def test_without_credential_and_terminal_nobody_waits_for_a_passphrase(monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(KeyUnavailable, match="systemd credential 'raykeep-passphrase'"):
        ask_for_passphrase()


# --- certificates, lock ------------------------------------------------------------------------


def test_certificates_are_published_anew_and_told_by_name(layout, opened):
    before = dict(published(layout))
    found = opened()
    found.authority.prepare(renew=True)

    publish(layout, found)

    after = dict(published(layout))
    assert list(after) == sorted(after) == sorted(before)
    assert after["ca"] == before["ca"]
    assert after["server-rsa"] != before["server-rsa"]


def test_a_lock_is_held_by_one_and_let_go_at_the_end(tmp_path):
    layout = Layout(tmp_path / "data")

    with locked(layout), pytest.raises(ArchiveDown, match="is in use"), locked(layout):
        pytest.fail("one at a time")
    with locked(layout):
        assert layout.lock.exists()


def test_the_systems_clock_and_entropy_are_what_they_say():
    clock, entropy = SystemClock(), SystemEntropy()

    assert clock.now().utcoffset().total_seconds() == 0
    assert clock.monotonic() <= clock.monotonic()
    assert len(entropy.bytes(10)) == 10
    assert entropy.bytes(16) != entropy.bytes(16)
