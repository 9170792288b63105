"""`raykeep device …`, over the control socket, to the registry and back."""

import json
import ssl
import stat

import pytest

from raykeep.domain.access import Action
from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import DeviceRight


def registered(beside, title):
    return beside.archive.stores.registry.device(AETitle(title))


def test_a_device_gets_its_files_and_json_says_where(raykeep, beside, out) -> None:
    said = raykeep("--json", "device", "enroll", "CT01", "--facility", "main", "--out", out)

    told = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert list(told) == ["aet", "key", "certificate", "ca", "expires"]
    assert told["aet"] == "CT01"
    assert told["key"] == str(out / "CT01.key")
    assert told["certificate"] == str(out / "CT01.crt")
    assert told["ca"] == str(out / "ca.crt")
    assert stat.S_IMODE((out / "CT01.key").stat().st_mode) == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(out / "CT01.crt", out / "CT01.key")
    context.load_verify_locations(out / "ca.crt")
    assert told["expires"] == registered(beside, "CT01").certificate_expires_at.isoformat()


def test_the_key_goes_to_its_file_and_nowhere_else(raykeep, out) -> None:
    said = raykeep("device", "enroll", "CT02", "--facility", "main", "--out", out)

    assert said.code == 0
    assert "PRIVATE KEY" in (out / "CT02.key").read_text()
    assert "PRIVATE KEY" not in said.out + said.err
    assert f"{out}/CT02.key" in said.out


def test_without_a_wish_a_device_may_store_and_echo(raykeep, beside, out) -> None:
    raykeep("device", "enroll", "CT03", "--facility", "main", "--out", out)

    assert registered(beside, "CT03").rights == {DeviceRight.STORE, DeviceRight.ECHO}


def test_rights_and_addresses_arrive_as_they_were_named(raykeep, beside, out) -> None:
    raykeep(
        "device", "enroll", "CT04", "--facility", "main", "--out", out, "--may", "find,get",
        "--may", "move", "--ip", "10.1.2.0/24", "--ip", "2001:db8::/32",
    )  # fmt: skip
    device = registered(beside, "CT04")

    assert device.rights == {DeviceRight.FIND, DeviceRight.GET, DeviceRight.MOVE}
    assert [str(network) for network in device.networks] == ["10.1.2.0/24", "2001:db8::/32"]


def test_the_operator_stands_on_the_trail_by_name(raykeep, beside, out) -> None:
    import getpass

    raykeep("device", "enroll", "CT05", "--facility", "main", "--out", out)

    record = beside.archive.records(action=Action.DEVICE_ENROLL)[-1]
    assert record.actor == getpass.getuser()
    assert record.details["device"] == "CT05"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("A\\B", "--facility", "main"), 2, "is not an AE title"),
        (("CT10", "--facility", "Main"), 2, "is not a facility name"),
        (("CT10", "--facility", "west"), 4, "no facility 'west'. Add it with"),
        (("CT10", "--facility", "main", "--may", "fly"), 2, "'fly' is not a right of devices"),
        (("CT10", "--facility", "main", "--may", ""), 2, "no right at all"),
        (("CT10", "--facility", "main", "--ip", "10.1.2.3/8"), 2, "not an address or a range"),
        (("CT10", "--facility", "main", "--reason", "so"), 2, "go with --plain"),
        (("CT10", "--facility", "main", "--plain"), 2, "Name it with --until"),
        (("CT10", "--facility", "main", "--csr", "nowhere"), 2, "nowhere cannot be read"),
        (("CT10",), 2, "missing option '--facility'"),
    ],
)
def test_what_does_not_do_is_refused_in_one_line(raykeep, out, arguments, code, line) -> None:
    said = raykeep("--json", "device", "enroll", *arguments, "--out", out)

    assert said.code == code
    assert said.out == ""
    assert said.err.startswith("raykeep: ")
    assert said.err.count("\n") == 1
    assert line in said.err
    assert not out.exists()


def test_a_title_is_given_once_and_the_second_wish_leaves_no_files(raykeep, out, tmp_path) -> None:
    raykeep("device", "enroll", "CT06", "--facility", "main", "--out", out)
    said = raykeep("device", "enroll", "CT06", "--facility", "main", "--out", tmp_path / "b")

    assert said.code == 2
    assert "enrolled already" in said.err
    assert not (tmp_path / "b").exists()


def test_files_that_are_there_stop_it_before_the_archive_is_asked(raykeep, beside, out) -> None:
    out.mkdir()
    (out / "CT07.key").write_text("mine")

    said = raykeep("device", "enroll", "CT07", "--facility", "main", "--out", out)

    assert said.code == 2
    assert registered(beside, "CT07") is None


def test_an_exemption_from_tls_has_no_files(raykeep, beside, out) -> None:
    said = raykeep(
        "--json", "device", "enroll", "OLD1", "--facility", "main", "--plain", "--until",
        "2027-02-01", "--owner", "Ann", "--reason", "it knows none", "--ip", "10.0.0.7",
        "--out", out,
    )  # fmt: skip

    told = json.loads(said.out)
    assert said.code == 0
    assert (told["key"], told["certificate"], told["ca"]) == (None, None, None)
    assert registered(beside, "OLD1").exemption.owner == "Ann"
    assert not out.exists()


def test_an_exemption_is_marked_where_devices_are_shown(raykeep, beside) -> None:
    beside.archive.enroll_plain("OLD2")

    assert "too old for TLS" in raykeep("device", "show", "OLD2").out
    [row] = [x for x in raykeep("device", "list").out.splitlines() if x.startswith("OLD2")]
    assert "no TLS" in row


def test_a_renewal_writes_new_files_and_the_old_ones_only_when_told_to(raykeep, out) -> None:
    raykeep("device", "enroll", "CT08", "--facility", "main", "--out", out)
    before = (out / "CT08.key").read_text()

    assert raykeep("device", "renew", "CT08", "--out", out).code == 2
    assert (out / "CT08.key").read_text() == before
    said = raykeep("--json", "device", "renew", "CT08", "--out", out, "--replace")

    assert said.code == 0
    assert (out / "CT08.key").read_text() != before
    assert json.loads(said.out)["key"] == str(out / "CT08.key")
    assert len(json.loads(raykeep("--json", "device", "show", "CT08").out)["certificates"]) == 2


def test_a_device_that_is_cut_off_is_marked_and_not_cut_off_twice(raykeep, beside) -> None:
    beside.archive.enroll("CT09")

    assert raykeep("device", "revoke", "CT09").out == "revoked\n"
    assert registered(beside, "CT09").revoked_at is not None
    [row] = [x for x in raykeep("device", "list").out.splitlines() if x.startswith("CT09")]
    assert "revoked" in row
    again = raykeep("device", "revoke", "CT09")
    assert again.code == 4
    assert "is revoked already" in again.err


def test_what_ends_soon_or_has_ended_is_marked(raykeep, beside) -> None:
    from datetime import timedelta

    beside.archive.enroll("CT11")

    def state() -> str:
        return json.loads(raykeep("--json", "device", "show", "CT11").out)["state"]

    try:
        assert state() == "good"
        beside.archive.clock.ahead = timedelta(days=360)
        assert state() == "expiring"
        beside.archive.clock.ahead = timedelta(days=370)
        assert state() == "expired"
    finally:
        beside.archive.clock.ahead = timedelta(0)


def test_unknown_devices_are_not_found(raykeep) -> None:
    for verb in ("show", "revoke", "renew"):
        said = raykeep("device", verb, "NOBODY")

        assert said.code == 4
        assert said.out == ""
        assert "no device 'NOBODY'. `raykeep device list` shows them" in said.err


def test_json_of_a_device_has_its_documented_names(raykeep, beside) -> None:
    beside.archive.enroll("CT12", DeviceRight.ECHO)

    told = json.loads(raykeep("device", "show", "CT12", "--json").out)

    assert set(told) == {
        "aet", "facility", "may", "ip", "state", "expires", "certificates", "plain", "enrolled",
        "revoked", "last_seen",
    }  # fmt: skip
    assert told["may"] == ["echo"]
