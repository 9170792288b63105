"""`raykeep device …`."""

from pathlib import Path

import click

from raykeep.cli import values
from raykeep.cli.device_files import DeviceFiles
from raykeep.cli.output import conclude, day, fields, line, moment, table
from raykeep.cli.place import Place, pass_place
from raykeep.cli.run import run_command
from raykeep.cli.sections import Section
from raykeep.servers.control.steps import Finished, Plain

USUAL_RIGHTS = "echo,store"  # what a modality needs

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

AET = click.argument("aet", help="Its AE title.")
OUT = click.option(
    "--out",
    type=FOLDER,
    default=Path(),
    metavar="DIR",
    help="Folder for AET.key (mode 0600), AET.crt and ca.crt. Default: this one.",
)
CSR = click.option(
    "--csr",
    type=FILE,
    metavar="FILE",
    help="Certificate request (PEM) that the device made; its key stays there.",
)


@click.group(cls=Section)
def device() -> None:
    """Devices: who may open an association, from where, and for what."""


@device.command("enroll", asks="device.enroll", here=("out",))
@AET
@click.option("--facility", required=True, metavar="F", help="Tenant that its instances belong to.")
@click.option(
    "--ip", multiple=True, metavar="CIDR", help="Where it may come from, e.g. 10.1.2.0/24."
)
@click.option(
    "--may",
    multiple=True,
    default=(USUAL_RIGHTS,),
    metavar="RIGHTS",
    help="Of store,find,echo; move,get,commit,worklist,mpps have no service yet. Default: "
    + USUAL_RIGHTS
    + ".",
)
@CSR
@click.option("--cert", type=FILE, metavar="FILE", help="Certificate (PEM) of the hospital's own.")
@click.option("--plain", is_flag=True, help="No TLS: an exemption, with an end.")
@click.option("--until", type=values.until, metavar="DATE", help="Last day of the exemption.")
@click.option("--owner", default="", metavar="WHO", help="Who answers for the exemption.")
@click.option("--reason", default="", metavar="WHY", help="Why there is no other way.")
@OUT
@pass_place
def enroll(
    place: Place,
    *,
    aet: str,
    facility: str,
    ip: tuple[str, ...],
    may: tuple[str, ...],
    csr: Path | None,
    cert: Path | None,
    plain: bool,
    until: str | None,
    owner: str,
    reason: str,
    out: Path,
) -> int:
    """Register a device and issue its certificate.

    With --cert, a certificate that the hospital made is relied on instead; with --plain there is
    none, and --until, --owner, --reason and --ip must say for whom and how long.
    """
    parameters: Plain = {
        "aet": aet,
        "facility": facility,
        "ip": list(ip),
        "may": values.words(may),
        "csr": None if csr is None else values.text_of(csr),
        "cert": None if cert is None else values.text_of(cert),
        "plain": plain,
        "until": until,
        "owner": owner,
        "reason": reason,
    }
    if plain:
        told = run_command(place, "device.enroll", parameters).result
        no_files = {"aet": told["aet"], "key": None, "certificate": None, "ca": None}
        return _conclude(place, told, {**no_files, "expires": told["expires"]})
    is_issued = cert is None
    with DeviceFiles(out, aet, key=is_issued and csr is None, certificate=is_issued) as files:
        files.check_ca(place.layout)
        told = run_command(place, "device.enroll", parameters).result
        where = files.fill(told)
    return _conclude(place, told, where)


@device.command("renew", asks="device.renew", here=("out", "replace"))
@AET
@CSR
@click.option("--replace", is_flag=True, help="Overwrite the files of the certificate before.")
@OUT
@pass_place
def renew(place: Place, aet: str, csr: Path | None, out: Path, *, replace: bool) -> int:
    """Issue a new certificate; the one before stays good until it ends, or the next renewal."""
    parameters = {"aet": aet, "csr": None if csr is None else values.text_of(csr)}
    with DeviceFiles(out, aet, key=csr is None, certificate=True, replace=replace) as files:
        files.check_ca(place.layout)
        told = run_command(place, "device.renew", parameters).result
        where = files.fill(told)
    return _conclude(place, told, where)


@device.command("revoke", asks="device.revoke")
@AET
@pass_place
def revoke(place: Place, aet: str) -> int:
    """Cut a device off: new associations at once, live ones within five seconds."""
    finished = run_command(place, "device.revoke", {"aet": aet})
    return conclude(place, finished, lambda _: line("revoked"))


@device.command("list", asks="device.list")
@pass_place
def list_all(place: Place) -> int:
    """All devices, the revoked ones included."""
    return conclude(place, run_command(place, "device.list", {}), _show_list)


@device.command("show", asks="device.show")
@AET
@pass_place
def show(place: Place, aet: str) -> int:
    """One device."""
    return conclude(place, run_command(place, "device.show", {"aet": aet}), _show_one)


def _conclude(place: Place, told: Plain, where: Plain) -> int:
    def show_enrolled(_: Plain) -> None:
        files = ((f"{name} file", where[name]) for name in ("key", "certificate", "ca"))
        fields((*_described(told["device"]), *files))
        if where["key"] is not None:
            line("The archive keeps no copy of the key. Bring the files to the device.")

    return conclude(place, Finished(where), show_enrolled)


def _show_list(result: Plain) -> None:
    headings = ("AE TITLE", "FACILITY", "MAY", "STATE", "UNTIL", "FROM", "LAST SEEN")
    rows = (
        (
            device["aet"],
            device["facility"],
            ",".join(device["may"]),
            _state(device),
            day(device["expires"]),
            ",".join(device["ip"]) or "anywhere",
            moment(device["last_seen"]) or "never",
        )
        for device in result["devices"]
    )
    table(headings, rows, none="no device is enrolled. `raykeep device enroll` does it")


def _described(device: Plain) -> tuple[tuple[str, str | None], ...]:
    plain = device["plain"]
    return (
        ("AE title", device["aet"]),
        ("facility", device["facility"]),
        ("may", ", ".join(device["may"])),
        ("from", ", ".join(device["ip"]) or "anywhere"),
        ("state", _state(device)),
        ("until", moment(device["expires"])),
        ("without TLS", f"{plain['owner']}: {plain['reason']}" if plain else None),
        *(("certificate SHA-256", fingerprint) for fingerprint in device["certificates"]),
        ("enrolled", moment(device["enrolled"])),
        ("revoked", moment(device["revoked"]) or None),
        ("last seen", moment(device["last_seen"]) or "never"),
    )


def _show_one(device: Plain) -> None:
    fields(_described(device))


def _state(device: Plain) -> str:
    return f"{device['state']}, no TLS" if device["plain"] else str(device["state"])
