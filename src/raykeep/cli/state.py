"""`raykeep status`, `keys …`, `tls …`."""

import click

from raykeep.cli.output import conclude, counted, day, fields, harmless, moment, raw, size, table
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Leaf, Section
from raykeep.servers.control.steps import Plain


@click.command("status", cls=Leaf, asks="status")
@pass_place
def status(place: Place) -> int:
    """State of the running archive. Exit code 5: none is running."""
    return conclude(place, run_command(place, "status", {}, running_only=True), _show_status)


@click.group(cls=Section)
def keys() -> None:
    """Keys: which there are, never the keys themselves."""


@keys.command("status", asks="keys.status")
@pass_place
def keys_status(place: Place) -> int:
    """The root key's provider, and each facility's keys."""
    return conclude(place, run_command(place, "keys.status", {}), _show_keys)


@click.group(cls=Section)
def tls() -> None:
    """Certificates of the archive itself."""


@tls.command("status", asks="tls.status")
@pass_place
def tls_status(place: Place) -> int:
    """The archive's certificates and how long they last. Exit code 1: one ends within 14 days."""
    return conclude(place, run_command(place, "tls.status", {}), _show_tls)


@tls.command("bundle", asks="tls.bundle")
@pass_place
def bundle(place: Place) -> int:
    """Print the certificates that peers must trust (PEM)."""
    return conclude(place, run_command(place, "tls.bundle", {}), lambda result: raw(result["pem"]))


def _show_status(result: Plain) -> None:
    totals = result["totals"]
    free = result["free_bytes"]
    sealed, unsealed = result["audit"]["sealed"], result["audit"]["unsealed"]
    stored = ", ".join(
        (
            counted(totals["patients"], "patient"),
            counted(totals["studies"], "study", "studies"),
            f"{totals['series']} series",
            counted(totals["instances"], "instance"),
        )
    )
    fields(
        (
            ("archive", result["archive"]),
            ("version", result["version"]),
            ("data", result["data"]),
            ("DICOM port", result.get("dimse_port")),
            ("plain DICOM port", result.get("dimse_plain_port")),
            ("HTTPS port", result.get("https_port")),
            ("process", result.get("pid")),
            ("stored", f"{stored}, {size(totals['bytes'])}"),
            ("quarantined", totals["quarantined"] or None),
            ("room left", None if free is None else size(free)),
            ("devices", result["devices"]),
            ("tokens", result["tokens"]),
            ("facilities", result["facilities"]),
            ("jobs waiting", result["jobs_waiting"]),
            ("trail", f"{counted(sealed, 'record')} sealed, {unsealed} waiting"),
        )
    )


def _show_keys(result: Plain) -> None:
    fields((("root key", result["provider"]),))
    rows = (
        (
            key["facility"],
            key["version"],
            "current" if key["current"] else "retired",
            moment(key["created"]),
            key["study_keys"],
        )
        for key in result["facility_keys"]
    )
    headings = ("FACILITY", "VERSION", "STATE", "SINCE", "STUDY KEYS")
    table(headings, rows, none="there is no facility key")


def _show_tls(result: Plain) -> None:
    rows = (
        (
            one["name"],
            one["key"],
            day(one["expires"]),
            one["days_left"],
            ", ".join(one["names"]),
            one["sha256"],
        )
        for one in result["certificates"]
    )
    headings = ("NAME", "KEY", "UNTIL", "DAYS LEFT", "GOOD FOR", "SHA-256")
    table(headings, rows, none="there is no certificate")
    fields((("CA", harmless(result["ca"])),))
