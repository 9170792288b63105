"""X36: whoever holds all keys and bends the trail is found out, and the place is named."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from raykeep.adapters.sql.sqlite_file import DRIVER_ERRORS, Connection
from tests.builders import ct_instance
from tests.running import RunningArchive
from tests.security.callers import calling, until, web
from tests.security.opened import TRAIL_TABLES, copied, opened_database, rows, unlocked_trail

PLACE = 12  # the leaf that is tampered with
FOUND_WRONG = 1


@dataclass(frozen=True)
class Sealed:
    """An archive at rest, its trail sealed, and a checkpoint that was kept elsewhere.

    Attributes:
        archive: At rest.
        checkpoint: The file; over fewer leaves than there are.
        size: Leaves under it.
    """

    archive: RunningArchive
    checkpoint: Path
    size: int


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    archive = RunningArchive(tmp_path_factory.mktemp("trail"))
    archive.init()
    archive.start()
    try:
        _fill(archive, "FIRST")
        told = archive.ask("audit", "checkpoint")["checkpoint"]
        _fill(archive, "SECOND")
        until(lambda: archive.ask("audit", "verify")["unsealed"] <= 2, 30)
    finally:
        archive.stop()
    checkpoint = tmp_path_factory.mktemp("elsewhere") / "checkpoint.txt"
    checkpoint.write_text(told)
    size = int(told.splitlines()[1])
    assert size > PLACE + 2
    return Sealed(archive, checkpoint, size)


def _fill(archive: RunningArchive, title: str) -> None:
    """Some twenty records of several kinds."""
    with calling(archive, archive.enroll(title)) as scu:
        for _ in range(8):
            assert scu.store(ct_instance()).status == 0
            assert scu.echo().status == 0
        scu.release()
    with web(archive, archive.token()) as client:
        client.get("/studies")


@pytest.fixture
def archive(sealed: Sealed, tmp_path: Path) -> RunningArchive:
    """A copy, to be bent."""
    return copied(sealed.archive, tmp_path)


def verified(archive: RunningArchive, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of `raykeep audit verify`, on an archive at rest."""
    done = subprocess.run(
        [sys.executable, "-m", "raykeep", "--json", "audit", "verify", *options],
        env=archive.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


# --- what somebody could do ---------------------------------------------------------------------


def record_at(connection: Connection, place: int) -> str:
    ((record_id,),) = rows(connection, "SELECT record_id FROM audit_leaf WHERE position = ?", place)
    return str(record_id)


def change_column(column: str, value: str) -> Callable[[Connection], None]:
    def change(connection: Connection) -> None:
        connection.execute(
            f"UPDATE audit_record SET {column} = {value} WHERE record_id = ?",  # noqa: S608 - ours
            (record_at(connection, PLACE),),
        )

    return change


def change_entry(connection: Connection) -> None:
    ((entry,),) = rows(connection, "SELECT entry FROM audit_leaf WHERE position = ?", PLACE)
    changed = bytearray(entry)
    changed[len(changed) // 2] ^= 1
    connection.execute(
        "UPDATE audit_leaf SET entry = ? WHERE position = ?", (bytes(changed), PLACE)
    )


def change_entry_and_hash(connection: Connection) -> None:
    ((entry,),) = rows(connection, "SELECT entry FROM audit_leaf WHERE position = ?", PLACE)
    changed = entry.replace(b"success", b"failed!")
    assert changed != entry
    connection.execute(
        "UPDATE audit_leaf SET entry = ?, leaf_hash = ? WHERE position = ?",
        (changed, sha256(b"\0" + changed).digest(), PLACE),
    )


def drop_record(connection: Connection) -> None:
    connection.execute(
        "DELETE FROM audit_record WHERE record_id = ?", (record_at(connection, PLACE),)
    )


def drop_record_and_leaf(connection: Connection) -> None:
    drop_record(connection)
    connection.execute("DELETE FROM audit_leaf WHERE position = ?", (PLACE,))


def drop_and_close_the_gap(connection: Connection) -> None:
    drop_record_and_leaf(connection)
    shift(connection, PLACE, -1)


def shift(connection: Connection, place: int, by: int) -> None:
    """Renumber all leaves from `place` on, by way of numbers that nobody has."""
    connection.execute(
        "UPDATE audit_leaf SET position = -position - 1000000 WHERE position >= ?", (place,)
    )
    connection.execute(
        "UPDATE audit_leaf SET position = -position - 1000000 + ? WHERE position < 0", (by,)
    )


def insert_forged(connection: Connection) -> None:
    """A record of the past that never was, with entry, hash and chain as they should be."""
    shift(connection, PLACE, 1)
    ((entry, chain),) = rows(
        connection, "SELECT entry, chain FROM audit_leaf WHERE position = ?", PLACE - 1
    )
    model = record_at(connection, PLACE - 1)
    forged = model[:-4] + ("beef" if model[-4:] != "beef" else "dead")
    entry = entry.replace(model.encode(), forged.encode())
    hashed = sha256(b"\0" + entry).digest()
    columns = [name for _, name, *_ in rows(connection, "PRAGMA table_info(audit_record)")]
    copied_columns = ", ".join(c for c in columns if c not in {"id", "record_id"})
    connection.execute(
        f"INSERT INTO audit_record (record_id, {copied_columns}) "  # noqa: S608 - ours
        f"SELECT ?, {copied_columns} FROM audit_record WHERE record_id = ?",
        (forged, model),
    )
    connection.execute(
        "INSERT INTO audit_leaf (position, record_id, entry, leaf_hash, chain) "
        "VALUES (?, ?, ?, ?, ?)",
        (PLACE, forged, entry, hashed, sha256(chain + hashed).digest()),
    )


def swap(connection: Connection) -> None:
    for old, new in ((PLACE, -1), (PLACE + 1, PLACE), (-1, PLACE + 1)):
        connection.execute("UPDATE audit_leaf SET position = ? WHERE position = ?", (new, old))


def replay(connection: Connection) -> None:
    """The entry of one record in the place of another."""
    columns = "record_id, entry, leaf_hash"
    ((record_id, entry, hashed),) = rows(
        connection,
        f"SELECT {columns} FROM audit_leaf WHERE position = ?",  # noqa: S608 - ours
        PLACE - 1,
    )
    connection.execute("DROP INDEX uq_audit_leaf")
    connection.execute(
        "UPDATE audit_leaf SET record_id = ?, entry = ?, leaf_hash = ? WHERE position = ?",
        (record_id, entry, hashed, PLACE),
    )


def rewrite_from_there(connection: Connection) -> None:
    """Everything from a leaf on made anew, chain and all: only signatures contradict it."""
    change_column("outcome", "'denied'")(connection)
    ((entry,),) = rows(connection, "SELECT entry FROM audit_leaf WHERE position = ?", PLACE)
    changed = entry.replace(b'"outcome":"success"', b'"outcome":"denied"')
    assert changed != entry
    ((chain,),) = rows(connection, "SELECT chain FROM audit_leaf WHERE position = ?", PLACE - 1)
    following = rows(
        connection, "SELECT position, entry FROM audit_leaf WHERE position >= ?", PLACE
    )
    for position, kept in sorted(following):
        content = changed if position == PLACE else kept
        hashed = sha256(b"\0" + content).digest()
        chain = sha256(chain + hashed).digest()
        connection.execute(
            "UPDATE audit_leaf SET entry = ?, leaf_hash = ?, chain = ? WHERE position = ?",
            (content, hashed, chain, position),
        )


def never_sealed(connection: Connection) -> None:
    """A record that was put in before all others, where the sealer no longer looks."""
    columns = [name for _, name, *_ in rows(connection, "PRAGMA table_info(audit_record)")]
    others = ", ".join(c for c in columns if c not in {"id", "record_id", "at"})
    model = record_at(connection, PLACE)
    connection.execute(
        f"INSERT INTO audit_record (record_id, at, {others}) "  # noqa: S608 - ours
        f"SELECT ?, at - 3600000000, {others} FROM audit_record WHERE record_id = ?",
        ("0" * 28 + "beef", model),
    )
    connection.execute("UPDATE audit_record SET id = 0 WHERE record_id LIKE '%beef'")


def change_checkpoint(connection: Connection) -> None:
    ((number, note),) = rows(
        connection, "SELECT id, note FROM audit_checkpoint ORDER BY id DESC LIMIT 1"
    )
    lines = note.splitlines(keepends=True)
    lines[1] = f"{int(lines[1]) - 1}\n"
    connection.execute(
        "UPDATE audit_checkpoint SET note = ? WHERE id = ?", ("".join(lines), number)
    )


@dataclass(frozen=True)
class Tampering:
    """What is done, at which leaf it is found (None: no single one), and what is said."""

    name: str
    do: Callable[[Connection], None]
    leaf: int | None
    said: str


TAMPERINGS = (
    Tampering("a reason", change_column("reason", "reason || ' '"), PLACE, "sealed one: reason"),
    Tampering("an actor", change_column("actor", "'NOBODY'"), PLACE, "sealed one: actor"),
    Tampering("an outcome", change_column("outcome", "'denied'"), PLACE, "sealed one: outcome"),
    Tampering("a time", change_column('"at"', '"at" + 1'), PLACE, "sealed one: at"),
    Tampering("details", change_column("details", "'{}'"), PLACE, "sealed one: details"),
    Tampering("a text where a number was", change_column('"at"', "'soon'"), PLACE, "cannot be"),
    Tampering("a sealed entry", change_entry, PLACE, "its sealed entry was changed"),
    Tampering("a sealed entry and its hash", change_entry_and_hash, PLACE, "the chain breaks"),
    Tampering("a record dropped", drop_record, PLACE, "its record is gone"),
    Tampering("record and leaf dropped", drop_record_and_leaf, PLACE, f"where leaf {PLACE} should"),
    Tampering("the gap closed", drop_and_close_the_gap, PLACE, "the chain breaks"),
    Tampering("one inserted", insert_forged, PLACE + 1, "the chain breaks"),
    Tampering("two swapped", swap, PLACE, "the chain breaks"),
    Tampering("one replayed", replay, PLACE, "stands on the trail twice"),
    Tampering("all rewritten from there", rewrite_from_there, None, "changed after it was signed"),
    Tampering("one never sealed", never_sealed, None, "never sealed"),
    Tampering("a checkpoint", change_checkpoint, None, "cannot be relied on"),
)


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=[one.name for one in TAMPERINGS])
def test_it_is_found_and_the_place_is_named(archive: RunningArchive, tampering: Tampering) -> None:
    with unlocked_trail(archive) as connection:
        tampering.do(connection)

    code, report = verified(archive)

    assert code == FOUND_WRONG
    assert not report["holds"]
    fitting = [one for one in report["findings"] if tampering.said in one["what"]]
    assert fitting, report["findings"]
    if tampering.leaf is not None:
        assert tampering.leaf in {one["leaf"] for one in fitting}, report["findings"]
        assert report["findings"][0]["leaf"] in {tampering.leaf - 1, tampering.leaf}


def test_an_honest_trail_holds_and_agrees_with_the_checkpoint(
    archive: RunningArchive, sealed: Sealed
) -> None:
    code, report = verified(archive, "--checkpoint", str(sealed.checkpoint))

    assert (code, report["findings"]) == (0, [])
    assert report["leaves"] > sealed.size


def cut_after(connection: Connection, size: int) -> None:
    """The tail is gone, and with it every checkpoint over it."""
    connection.execute(
        "DELETE FROM audit_record WHERE record_id IN "
        "(SELECT record_id FROM audit_leaf WHERE position >= ?)",
        (size,),
    )
    connection.execute("DELETE FROM audit_leaf WHERE position >= ?", (size,))
    connection.execute("DELETE FROM audit_checkpoint WHERE size > ?", (size,))


def test_a_cut_tail_is_shown_by_a_checkpoint_that_was_kept_elsewhere(
    archive: RunningArchive, sealed: Sealed
) -> None:
    left = sealed.size - 5
    with unlocked_trail(archive) as connection:
        cut_after(connection, left)
        connection.execute("DELETE FROM audit_record WHERE record_id NOT IN "
                           "(SELECT record_id FROM audit_leaf)")  # fmt: skip

    code, report = verified(archive, "--checkpoint", str(sealed.checkpoint))

    assert code == FOUND_WRONG
    (finding,) = [one for one in report["findings"] if "the tail was cut" in one["what"]]
    assert f"over {sealed.size} leaves" in finding["what"]


def test_a_rewritten_trail_is_shown_by_a_checkpoint_that_was_kept_elsewhere(
    archive: RunningArchive, sealed: Sealed
) -> None:
    with unlocked_trail(archive) as connection:
        rewrite_from_there(connection)
        connection.execute("DELETE FROM audit_checkpoint")

    assert verified(archive)[0] == 0  # nothing within can tell
    code, report = verified(archive, "--checkpoint", str(sealed.checkpoint))

    assert code == FOUND_WRONG
    assert "changed after it was signed" in report["findings"][0]["what"]


def test_a_checkpoint_of_another_archive_is_not_taken_for_ones_own(
    archive: RunningArchive, sealed: Sealed, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.txt"
    forged.write_text(sealed.checkpoint.read_text().replace("raykeep-", "raykeep-f", 1))

    code, report = verified(archive, "--checkpoint", str(forged))

    assert code == FOUND_WRONG
    assert "cannot be relied on" in report["findings"][0]["what"]


def test_nothing_more_is_signed_over_a_trail_that_was_changed(archive: RunningArchive) -> None:
    with unlocked_trail(archive) as connection:
        rewrite_from_there(connection)
        signed = rows(connection, "SELECT count(*) FROM audit_checkpoint")

    archive.start()
    try:
        until(lambda: "Nothing more is sealed" in archive.log.read_text(), 30)
        report = archive.ask("audit", "verify", expect=FOUND_WRONG)
    finally:
        archive.stop()

    assert not report["holds"]
    with opened_database(archive) as connection:
        assert rows(connection, "SELECT count(*) FROM audit_checkpoint") == signed


# --- the locks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TRAIL_TABLES)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_the_table_takes_no_update_delete_or_replace(
    archive: RunningArchive, table: str, recursive: str
) -> None:
    """Even from a connection that switches recursive triggers off."""
    with opened_database(archive) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {recursive}")
        before = rows(connection, f"SELECT * FROM {table}")  # noqa: S608 - our own table
        for statement in (
            f"UPDATE {table} SET rowid = rowid",  # noqa: S608 - the same
            f"DELETE FROM {table}",  # noqa: S608 - the same
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1",  # noqa: S608
            f"INSERT OR IGNORE INTO {table} SELECT * FROM {table} LIMIT 1",  # noqa: S608
        ):
            with pytest.raises(DRIVER_ERRORS, match="the trail"):
                connection.execute(statement)
        assert rows(connection, f"SELECT * FROM {table}") == before  # noqa: S608 - the same


def test_without_its_locks_the_archive_does_not_start(archive: RunningArchive) -> None:
    with opened_database(archive) as connection:
        connection.execute("DROP TRIGGER audit_record_no_delete")

    done = subprocess.run(
        [sys.executable, "-m", "raykeep", "blobs", "verify"],
        env=archive.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 5
    assert "audit_record_no_delete" in done.stderr
