"""What each process is made of: names, sockets, counters, signals, secrets by role."""

import json
import os
import signal
import socket
import threading
from dataclasses import replace
from ipaddress import ip_address
from types import SimpleNamespace

import pytest

from raykeep.adapters.keys.names import AUDIT_SIGNING, DATABASE, TLS_RSA
from raykeep.bootstrap import names, prepare
from raykeep.bootstrap.metrics import MAX_FILE, counters_of, write_counters
from raykeep.bootstrap.names import server_names
from raykeep.bootstrap.prepare import prepare_keys
from raykeep.bootstrap.process import server_pairs, stop_on_sigterm
from raykeep.bootstrap.sockets import listen
from raykeep.config.layout import read_manifest
from raykeep.config.settings import Settings
from raykeep.domain.access import ActorKind, Door, Role
from raykeep.domain.errors import InvalidInput, KeyUnavailable, SettingsError
from raykeep.edge.settings import HttpsSettings
from raykeep.servers.dimse.settings import DimseSettings
from tests.unit.bootstrap.conftest import no_passphrase, process_of


def settings(https_host="127.0.0.1", dimse_host="127.0.0.1", listed=()):
    return replace(
        Settings(),
        https=HttpsSettings(host=https_host, names=listed),
        dimse=DimseSettings(host=dimse_host),
    )


# --- names -------------------------------------------------------------------------------------


@pytest.fixture
def host(monkeypatch):
    def named(name):
        monkeypatch.setattr(names.socket, "gethostname", lambda: name)

    named("PACS1")
    return named


@pytest.mark.usefixtures("host")
def test_the_certificates_carry_the_machines_name_the_listed_ones_and_the_addresses():
    found = server_names(
        settings("192.0.2.7", "0.0.0.0", ("Pacs.Hospital.example", "[2001:db8::1]"))  # noqa: S104 - as operators write it
    )

    assert found == {
        "dns_names": ["pacs.hospital.example", "pacs1"],
        "addresses": [ip_address("192.0.2.7"), ip_address("2001:db8::1")],
    }


@pytest.mark.parametrize("name", ["", "-a", "a-", "röntgen", "a" * 64, "a..b", "a b"])
def test_a_machine_whose_name_no_certificate_takes_is_known_by_its_addresses(host, name):
    host(name)

    assert server_names(settings())["dns_names"] == []


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("name", ["", "*.example", "https://pacs", "a b", "röntgen"])
def test_a_name_that_no_certificate_takes_is_refused_where_an_operator_gave_it(name):
    with pytest.raises(SettingsError, match="is neither a host name nor an address"):
        server_names(settings(listed=("pacs", name)))


# --- sockets -----------------------------------------------------------------------------------

loopback = pytest.mark.allow_hosts(["127.0.0.1", "::1"])


@loopback
def test_a_listener_takes_a_free_port_and_is_open_to_others():
    with listen("127.0.0.1", 0, "DICOM") as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as peer:
            assert peer.getpeername() == ("127.0.0.1", port)


@loopback
def test_a_taken_port_is_refused_with_what_it_was_for():
    with listen("127.0.0.1", 0, "HTTPS") as first:
        port = first.getsockname()[1]
        with pytest.raises(SettingsError) as refused:
            listen("127.0.0.1", port, "HTTPS")

    assert str(refused.value) == (
        f"the HTTPS listener cannot take 127.0.0.1 port {port}: another program listens there. "
        "Choose another"
    )


@loopback
@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", ""])
def test_an_address_that_is_not_ones_own_is_refused(host, monkeypatch):
    if host == "no-such-host.invalid":

        def unknown(*_, **__):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(SettingsError, match="the DICOM listener cannot take"):
        listen(host, 104, "DICOM")


@loopback
def test_a_port_that_this_user_may_not_take_is_told_as_such(monkeypatch):
    def refusing(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refusing)

    with pytest.raises(SettingsError, match="port 104: this user may not listen there"):
        listen("127.0.0.1", 104, "DICOM")


# --- counters ----------------------------------------------------------------------------------


def test_counters_of_all_processes_of_a_role_are_added_up(tmp_path):
    write_counters(tmp_path, "dimse-0", {"associations": 2, "bytes": 10})
    write_counters(tmp_path, "dimse-1", {"associations": 3})
    write_counters(tmp_path, "web-0", {"associations": 100})

    assert counters_of(tmp_path, "dimse")() == {"associations": 5, "bytes": 10}
    assert counters_of(tmp_path, "worker")() == {}


def test_counters_that_cannot_be_written_or_read_cost_numbers_and_nothing_else(tmp_path):
    write_counters(tmp_path / "nowhere", "dimse-0", {"associations": 1})
    write_counters(tmp_path, "dimse-0", {"associations": 1})
    (tmp_path / "dimse-1.json").write_text('{"associations": ')
    (tmp_path / "dimse-2.json").write_bytes(b"\xff")
    (tmp_path / "dimse-3.json").write_text(json.dumps({"associations": "x" * MAX_FILE}))
    (tmp_path / "dimse-4.json").mkdir()
    (tmp_path / "dimse-5.json").write_text("[1]")
    (tmp_path / "dimse-6.json").write_text('{"associations": "many"}')

    assert counters_of(tmp_path, "dimse")() == {"associations": 1}


# --- a process ---------------------------------------------------------------------------------


@pytest.fixture
def process(layout):
    ready, told = socket.socketpair()
    with ready, told:
        yield process_of(layout, "worker", SimpleNamespace(), {"ready": told}), ready


def test_a_process_acts_as_the_archive_itself(process):
    actor = process[0].actor(Door.WORKER)

    assert (actor.kind, actor.name) == (ActorKind.SERVICE, "worker-0")
    assert (actor.roles, actor.all_facilities) == ({Role.SERVICE}, True)
    assert actor.origin.door is Door.WORKER


def test_a_process_says_once_that_it_is_ready(process):
    found, supervisor = process

    found.tell_ready()

    assert supervisor.recv(64) == b"ready"
    assert supervisor.recv(64) == b""


def test_a_signal_stops_a_process_even_while_it_waits_for_that():
    stop = threading.Event()
    before = signal.getsignal(signal.SIGTERM)
    try:
        stop_on_sigterm(stop)
        with stop._cond:  # as if the signal came in the midst of `stop.wait`
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)


# --- secrets by role ---------------------------------------------------------------------------


def test_each_process_is_lent_the_secrets_of_its_role(served):
    web, sealer = served("web-0"), served("sealer-0")

    assert len(web.secret(DATABASE)) == len(sealer.secret(DATABASE)) == 32
    assert sealer.secret(AUDIT_SIGNING)
    for keys, name in ((web, AUDIT_SIGNING), (sealer, TLS_RSA)):
        with pytest.raises(KeyUnavailable):
            keys.secret(name)


def test_the_listeners_show_certificates_of_both_kinds(served):
    pairs = server_pairs(served("dimse-0"))

    assert len(pairs) == 2
    for pair in pairs:
        assert pair.certificate_chain_pem.count("BEGIN CERTIFICATE") == 2


def test_a_process_of_no_role_is_lent_nothing(served, layout):
    with pytest.raises(ValueError, match="nobody"):
        prepare_keys(layout, read_manifest(layout), Settings(), no_passphrase)("nobody-0", None)


class _EnoughError(BaseException):
    """Ends what never ends."""


def test_certificates_are_renewed_in_time_and_a_failure_is_tried_again(
    layout, opened, monkeypatch, caplog
):
    monkeypatch.setattr(prepare, "RENEWAL_INTERVAL", 0.0)
    answers = iter(([], ["tls/rsa"], KeyUnavailable("the keyring is away"), _EnoughError()))
    published = []

    def renew(**_):
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    keys = SimpleNamespace(authority=SimpleNamespace(prepare=renew))
    monkeypatch.setattr(prepare, "publish", lambda *_: published.append(1))

    with caplog.at_level("INFO"), pytest.raises(_EnoughError):
        prepare._renew(keys, Settings(), layout)

    assert published == [1]
    assert "renewed: tls/rsa" in caplog.text
    assert "could not be renewed: the keyring is away" in caplog.text


def test_names_that_no_certificate_takes_keep_the_archive_from_starting(layout):
    with pytest.raises((SettingsError, InvalidInput), match="pacs server"):
        prepare_keys(
            layout, read_manifest(layout), settings(listed=("pacs server",)), no_passphrase
        )
