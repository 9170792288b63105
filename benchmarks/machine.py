"""Which machine, and which versions: a number says nothing without them."""

import os
import platform
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import raykeep
from benchmarks import orthanc
from benchmarks.dcmtk import system_program
from benchmarks.failures import PeerMissing

_ROOT = Path(__file__).resolve().parent.parent


def describe(folder: Path) -> dict[str, str]:
    """What a table of results must say of where it was made.

    Args:
        folder: On the disk that the servers write to.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    told = {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.0f} GiB",
        "disk": _file_system(folder),
        "load": "{:.2f} {:.2f} {:.2f} before it began".format(*os.getloadavg()),
        "system": f"{_system()}, Linux {platform.release()}",
        "Python": f"{platform.python_version()}, {ssl.OPENSSL_VERSION}",
        "Raykeep": f"{raykeep.__version__}{_commit()}",
    }
    with suppress(PeerMissing):
        told["Orthanc"] = f"{orthanc.version()}, DICOMweb {orthanc.plugin_version()}"
    with suppress(PeerMissing):
        told["DCMTK"] = _first_line("storescu", "--version")
    with suppress(PeerMissing):
        told["wrk"] = _first_line("wrk", "--version")
    return told


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _file_system(folder: Path) -> str:
    """Kind and device of the file system: the longest mount point above the folder."""
    path = str(folder.resolve())
    best: tuple[int, str] = (-1, "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        device, place, kind, *_ = line.split()
        if f"{path}/".startswith(place.rstrip("/") + "/"):
            best = max(best, (len(place), f"{kind} on {device}"))
    return best[1]


def _first_line(program: str, option: str) -> str:
    done = subprocess.run(
        [system_program(program), option], capture_output=True, text=True, check=False
    )
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0].strip("$ ") if lines else "?"


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(_ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f", {done.stdout.strip()}" if done.returncode == 0 else ""
