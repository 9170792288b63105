"""The other commands, over the control socket: what they answer, and with which exit code."""

import json
from datetime import datetime, timedelta

import pytest

from raykeep.crypto.proofs import check_proof
from raykeep.crypto.tokens import parse_token
from raykeep.domain.access import Role
from raykeep.domain.byte_range import ByteRange
from tests.builders import ct_instance


def document(said) -> dict:
    assert said.err == ""
    return json.loads(said.out)


# --- tokens ------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_lives_thirty_days(raykeep, beside) -> None:
    said = raykeep(
        "--json", "token", "create", "--name", "t1", "--role", "radiologist", "--facility", "main"
    )

    told = document(said)
    assert set(told) == {"id", "token", "expires"}
    assert parse_token(told["token"]).token_id == told["id"]
    token = beside.archive.stores.registry.token(told["id"])
    assert token.role is Role.RADIOLOGIST
    assert token.expires_at - token.created_at == timedelta(days=30)
    assert datetime.fromisoformat(told["expires"]) == token.expires_at
    assert told["token"] not in raykeep("--json", "token", "list").out


def test_a_token_may_be_narrower(raykeep, beside) -> None:
    told = document(
        raykeep(
            "--json", "token", "create", "--name", "t2", "--role", "uploader", "--facility",
            "main", "--expires", "2h", "--ip", "10.0.0.0/8",
        )
    )  # fmt: skip
    token = beside.archive.stores.registry.token(told["id"])

    assert token.expires_at - token.created_at == timedelta(hours=2)
    assert [str(network) for network in token.networks] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--role", "admin", "--facility", "main"), 2, "'admin' is not a role. Take one of"),
        (("--role", "service", "--facility", "main"), 2, "cannot have the role 'service'"),
        (("--role", "auditor", "--facility", "west"), 4, "no facility 'west'"),
        (("--role", "auditor", "--facility", "main", "--expires", "500d"), 2, "up to 366 days"),
        (("--role", "auditor", "--facility", "main", "--expires", "soon"), 2, "like 30d"),
        (("--role", "auditor", "--facility", "main", "--scope", "x"), 2, "not offered yet"),
        (("--role", "auditor"), 2, "missing option '--facility'"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_one_line(raykeep, arguments, code, line) -> None:
    said = raykeep("--json", "token", "create", "--name", "t", *arguments)

    assert said.code == code
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert line in said.err


def test_a_token_is_cut_off_once(raykeep) -> None:
    told = document(
        raykeep(
            "--json", "token", "create", "--name", "t3", "--role", "auditor", "--facility", "main"
        )
    )

    assert raykeep("token", "revoke", told["id"]).out == "revoked\n"
    [row] = [x for x in raykeep("token", "list").out.splitlines() if x.startswith(told["id"])]
    assert "revoked" in row
    again = raykeep("token", "revoke", told["id"])
    assert again.code == 4
    assert "it is revoked already" in again.err


# --- facilities and import -----------------------------------------------------------------------


def test_facilities_are_added_shown_and_listed(raykeep) -> None:
    title = "R\u00f6ntgen \u202eeast"
    added = document(raykeep("--json", "facility", "add", "east", "--title", "Röntgen east"))

    assert set(added) == {"name", "title", "created"}
    assert added["title"] == "Röntgen east"
    assert document(raykeep("--json", "facility", "show", "east")) == added
    names = [f["name"] for f in document(raykeep("--json", "facility", "list"))["facilities"]]
    assert {"main", "east"} <= set(names)
    assert raykeep("facility", "add", "east").code == 2
    assert raykeep("facility", "show", "west").code == 4
    assert raykeep("facility", "add", "north", "--title", title).code == 2


def test_folders_are_taken_in_by_relative_paths_too(raykeep, tmp_path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(ct_instance(patient_id="IMPORTED").part10)
    (folder / "notes.txt").write_text("no image")

    told = document(raykeep("--json", "import", "in", "--facility", "main"))

    assert (told["stored"], told["not_dicom"], told["refused"]) == (1, 1, 0)
    assert told["facility"] == "main"
    assert "1 there already, 1 not DICOM" in raykeep("import", "in", "--facility", "main").out


def test_what_is_refused_is_named_and_the_exit_code_tells(raykeep, tmp_path) -> None:
    whole = ct_instance().part10
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "whole.dcm").write_bytes(whole)

    said = raykeep("import", "in", "--facility", "main")

    assert said.code == 1
    assert "1 stored, 1 refused" in said.out
    assert "cut.dcm" in said.err


def test_without_a_facility_there_must_be_just_one(raykeep, tmp_path) -> None:
    raykeep("facility", "add", "second")
    (tmp_path / "in").mkdir()

    said = raykeep("import", "in")

    assert said.code == 2
    assert "Name one with --facility" in said.err


def test_a_path_that_is_not_there_is_told(raykeep) -> None:
    said = raykeep("import", "nowhere", "--facility", "main")

    assert said.code == 2
    assert "nowhere cannot be read: No such file or directory" in said.err


# --- the trail -----------------------------------------------------------------------------------


def test_the_tail_ends_with_the_newest_record(raykeep, beside) -> None:
    raykeep("facility", "show", "main")

    lines = raykeep("audit", "tail", "-n", "3").out.splitlines()

    assert len(lines) == 4
    assert "facility:read" in lines[-1]
    assert "audit:read" in raykeep("audit", "tail", "-n", "1").out


def test_a_search_finds_what_fits(raykeep) -> None:
    raykeep("device", "show", "NOBODY")

    told = document(
        raykeep("--json", "audit", "search", "--action", "device:read", "--outcome", "failed",
                "--since", "1h", "--limit", "1")
    )  # fmt: skip

    [record] = told["records"]
    assert record["action"] == "device:read"
    assert record["reason"] == "DeviceNotFound"
    assert raykeep("audit", "search", "--since", "2000-01-01", "--until", "2000-01-02").err == (
        "no record fits\n"
    )


def test_a_patient_is_searched_for_by_id_within_a_facility(raykeep, tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(ct_instance(patient_id="PAT-7").part10)
    raykeep("import", "a.dcm", "--facility", "main")

    told = document(
        raykeep("--json", "audit", "search", "--patient-id", "PAT-7", "--facility", "main")
    )

    assert [record["action"] for record in told["records"]] == ["instance:import"]
    assert "PAT-7" not in json.dumps(told)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--action", "nope"), "'nope' is not known. Take one of: archive:read"),
        (("--outcome", "maybe"), "Take one of: denied, failed, success"),
        (("--event", "5"), "5 is no event of the trail. Take one of: 110100"),
        (("--patient-id", "P1"), "Name it with --facility"),
        (("--limit", "0"), "--limit"),
        (("--since", "yesterday"), "2h (ago)"),
    ],
)
def test_a_search_that_cannot_be_is_refused(raykeep, arguments, line) -> None:
    said = raykeep("audit", "search", *arguments)

    assert said.code == 2
    assert line in said.err


def test_a_trail_that_holds_is_told_so_and_agrees_with_what_was_kept_elsewhere(
    raykeep, tmp_path
) -> None:
    (tmp_path / "kept.txt").write_text(raykeep("audit", "checkpoint").out)
    told = document(raykeep("--json", "audit", "checkpoint"))
    assert set(told) == {"checkpoint", "public_key"}

    said = raykeep("audit", "verify", "--checkpoint", "kept.txt")

    assert said.code == 0
    assert said.out.startswith("the trail holds: ")
    assert document(raykeep("--json", "audit", "verify"))["holds"] is True


def test_a_checkpoint_that_does_not_fit_is_found_wrong(raykeep, tmp_path) -> None:
    kept = raykeep("audit", "checkpoint").out.splitlines(keepends=True)
    size = int(kept[1])
    forged = [kept[0], f"{size + 7}\n", *kept[2:]]
    (tmp_path / "forged.txt").write_text("".join(forged))

    said = raykeep("audit", "verify", "--checkpoint", "forged.txt")

    assert said.code == 1
    assert "the trail does NOT hold" in said.out
    assert said.out.startswith("finding: ")


def test_a_file_that_is_no_checkpoint_is_wrong_usage(raykeep, tmp_path) -> None:
    (tmp_path / "junk.txt").write_text("not a checkpoint")

    said = raykeep("audit", "verify", "--checkpoint", "junk.txt")

    assert said.code == 2
    assert "not a signed note" in said.err


def test_a_record_is_proved_to_whoever_has_the_public_key(raykeep, beside) -> None:
    [record] = document(raykeep("--json", "audit", "tail", "-n", "1"))["records"]

    told = document(raykeep("--json", "audit", "prove", record["id"]))

    verifier = beside.context.trail_keys.verifier()
    assert told["public_key"] == str(verifier)
    check_proof(told["entry"].encode(), told["proof"], verifier)
    assert json.loads(told["entry"])["record_id"] == record["id"]
    assert raykeep("audit", "prove", record["id"]).out == told["proof"]


def test_a_record_that_is_not_there_cannot_be_proved(raykeep) -> None:
    said = raykeep("audit", "prove", "0" * 32)

    assert said.code == 4
    assert said.out == ""


def test_the_trail_is_exported_as_files(raykeep, out) -> None:
    raykeep("audit", "checkpoint")

    told = document(raykeep("--json", "audit", "export", "--out", out))

    assert told["out"] == str(out)
    lines = (out / "trail.jsonl").read_text().splitlines()
    assert len(lines) == told["records"] > 0
    assert json.loads(lines[0])["v"] == 1
    assert len(list(out.glob("checkpoint-*.txt"))) == told["checkpoints"] > 0
    assert raykeep("audit", "export", "--out", out).code == 2


# --- state -----------------------------------------------------------------------------------


def test_status_tells_what_there_is_and_no_patient(raykeep) -> None:
    told = document(raykeep("--json", "status"))

    assert told["running"] is True
    assert {"archive", "version", "totals", "free_bytes", "devices", "audit"} <= set(told)
    shown = raykeep("status").out
    assert "DICOM port" in shown
    assert "records sealed" in shown


def test_keys_are_told_of_and_never_shown(raykeep) -> None:
    told = document(raykeep("--json", "keys", "status"))

    assert told["provider"] == "file"
    assert {"facility", "version", "created", "current", "study_keys"} == set(
        told["facility_keys"][0]
    )
    assert "current" in raykeep("keys", "status").out


def test_certificates_that_end_soon_are_a_finding(raykeep, beside) -> None:
    assert raykeep("tls", "status").code == 0
    [certificate] = document(raykeep("--json", "tls", "status"))["certificates"]
    end = datetime.fromisoformat(certificate["expires"])
    try:
        beside.archive.clock.ahead = end - beside.archive.clock.now() - timedelta(days=3)
        said = raykeep("--json", "tls", "status")
    finally:
        beside.archive.clock.ahead = timedelta(0)

    assert said.code == 1
    assert json.loads(said.out)["certificates"][0]["days_left"] in {2, 3}


def test_the_bundle_is_printed_as_it_is(raykeep, beside) -> None:
    assert raykeep("tls", "bundle").out == beside.layout.ca_bundle.read_text()
    assert document(raykeep("--json", "tls", "bundle"))["ca"] == str(beside.layout.ca_bundle)


def test_stored_objects_are_verified_and_swept(raykeep, tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(ct_instance().part10)
    raykeep("import", "a.dcm", "--facility", "main")

    assert document(raykeep("--json", "blobs", "verify", "--limit", "1"))["checked"] == 1
    assert raykeep("blobs", "verify").out.endswith(" 0 damaged\n")
    swept = document(raykeep("--json", "blobs", "sweep"))
    assert swept["young"] == swept["looked_at"] > 0
    assert "too young to judge" in raykeep("blobs", "sweep").out


def test_damage_is_named_and_the_exit_code_tells(raykeep, beside, tmp_path) -> None:
    instance = ct_instance()
    (tmp_path / "a.dcm").write_bytes(instance.part10)
    raykeep("import", "a.dcm", "--facility", "main")
    blobs = beside.archive.blobs
    [key] = [
        row.sealed.key
        for row in beside.archive.stores.index.sealed_objects()
        if row.sop_instance_uid == instance.sop_instance_uid
    ]
    whole = blobs.read(key, ByteRange(0, blobs.length(key)))
    blobs.set_aside(key)
    try:
        said = raykeep("blobs", "verify")
    finally:
        blobs.put(key, [whole])

    assert said.code == 1
    assert f"damaged {key}" in said.out
    assert instance.sop_instance_uid in said.out


def test_the_database_tells_its_revision(raykeep) -> None:
    told = document(raykeep("--json", "db", "status"))

    assert told["engine"] == "sqlcipher"
    assert "instances" in told["totals"]
    assert "revision" in raykeep("db", "status").out


def test_the_database_is_not_upgraded_under_a_running_archive(raykeep) -> None:
    said = raykeep("db", "upgrade")

    assert said.code == 2
    assert "Stop it first" in said.err


# --- policy ----------------------------------------------------------------------------------


def test_the_rules_are_shown(raykeep) -> None:
    told = document(raykeep("--json", "policy", "show"))

    assert {"name", "effect", "roles", "actions", "doors"} == set(told["rules"][0])
    assert "radiologists read" in raykeep("policy", "show").out


@pytest.mark.parametrize(
    ("user", "action", "permitted"),
    [
        ("operator", "device:enroll", True),
        ("device:EXPLAIN", "instance:store", True),
        ("device:EXPLAIN", "study:search", False),
        ("role:radiologist", "study:search", True),
        ("role:administrator", "study:read", False),
    ],
)
def test_the_policy_explains_itself(raykeep, beside, user, action, permitted) -> None:
    from raykeep.domain.ae_title import AETitle
    from raykeep.domain.device import DeviceRight

    if beside.archive.stores.registry.device(AETitle("EXPLAIN")) is None:
        beside.archive.enroll("EXPLAIN", DeviceRight.STORE)

    said = raykeep("--json", "policy", "explain", "--user", user, "--action", action)

    assert said.code == 0
    assert document(said)["permitted"] is permitted
    shown = raykeep("policy", "explain", "--user", user, "--action", action).out
    assert shown.startswith("permitted: rule" if permitted else "refused: ")


def test_the_policy_explains_about_a_study_and_a_token_by_its_name(raykeep, tmp_path) -> None:
    instance = ct_instance()
    (tmp_path / "a.dcm").write_bytes(instance.part10)
    raykeep("import", "a.dcm", "--facility", "main")
    raykeep("token", "create", "--name", "reader", "--role", "radiologist", "--facility", "main")

    told = document(
        raykeep("--json", "policy", "explain", "--user", "token:reader", "--action", "study:read",
                "--study", instance.study_instance_uid)
    )  # fmt: skip

    assert [answer["facility"] for answer in told["answers"]] == ["main"]
    assert told["permitted"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--user", "bob", "--action", "study:read"), 2, "'bob' is nobody"),
        (("--user", "role:king", "--action", "study:read"), 2, "is nobody"),
        (("--user", "operator:x", "--action", "study:read"), 2, "is nobody"),
        (("--user", "operator", "--action", "study:burn"), 2, "is not an action"),
        (("--user", "device:NONE", "--action", "study:read"), 4, "no device 'NONE'"),
        (("--user", "token:none", "--action", "study:read"), 4, "no token 'none'"),
        (("--user", "operator", "--action", "study:read", "--study", "1.2"), 4, "no study '1.2'"),
        (("--user", "operator", "--action", "study:read", "--study", "1.02"), 2, "is not a UID"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(raykeep, arguments, code, line) -> None:
    said = raykeep("policy", "explain", *arguments)

    assert said.code == code
    assert line in said.err
