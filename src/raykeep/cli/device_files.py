"""The files that a device is given: its key, its certificate, whom to trust.

They are opened before the archive is asked: a key is given out once, so nothing
may stand in the way of its file afterwards.
"""

import os
import re
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from raykeep.cli.failures import CommandFailed
from raykeep.cli.output import remark
from raykeep.config.layout import Layout
from raykeep.servers.control.statuses import UNAVAILABLE, WRONG_USAGE
from raykeep.servers.control.steps import Plain

SECRET = 0o600  # mode of a key's file
OPEN = 0o644  # mode of a certificate's


def file_name(aet: str) -> str:
    """An AE title as a file name: letters, digits, hyphen, underscore, inner dots."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", aet.strip())
    return "_" + plain[1:] if plain.startswith(".") else plain


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that is open for writing and still as it was."""

    path: Path
    descriptor: int
    is_new: bool

    def write(self, text: str) -> None:
        os.ftruncate(self.descriptor, 0)
        with os.fdopen(os.dup(self.descriptor), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(self.descriptor)

    def leave(self) -> None:
        """Close it; a new one that nothing was written to is removed."""
        is_empty = os.fstat(self.descriptor).st_size == 0
        os.close(self.descriptor)
        if self.is_new and is_empty:
            # Who has stepped down from root may not; an empty file is in nobody's way.
            with suppress(OSError):
                self.path.unlink()


class DeviceFiles:
    """`AET.key`, `AET.crt` and `ca.crt` in a folder; a context manager that closes them."""

    def __init__(
        self, folder: Path, aet: str, *, key: bool, certificate: bool, replace: bool = False
    ) -> None:
        """Open those that will be written.

        Args:
            folder: Where; it is made if need be.
            aet: Names the files.
            key: Whether the archive will give a key.
            certificate: Whether it will give a certificate.
            replace: Take the places of files that are there.

        Raises:
            CommandFailed: one is there already, or cannot be made.
        """
        self._aet = aet
        self._ca_path = folder / "ca.crt"
        self._key: _Opened | None = None
        self._certificate: _Opened | None = None
        self._ca: _Opened | None = None
        name = file_name(aet)
        try:
            with ExitStack() as opened:
                if not folder.is_dir():
                    folder.mkdir(mode=0o700, parents=True)
                    opened.callback(_remove_if_empty, folder)
                if key:
                    self._key = _open(folder / f"{name}.key", opened, SECRET, replace=replace)
                if certificate:
                    self._certificate = _open(folder / f"{name}.crt", opened, OPEN, replace=replace)
                if _is_free(self._ca_path):
                    self._ca = _open(self._ca_path, opened, OPEN)
                self._opened = opened.pop_all()
        except OSError as error:
            what = f"{error.filename or folder} cannot be made: {error.strerror}"
            if isinstance(error, FileExistsError):
                what = f"{error.filename} is there already and is not overwritten"
            msg = f"{what}. Move it away, or name another folder with --out"
            raise CommandFailed(msg, WRONG_USAGE) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def check_ca(self, layout: Layout) -> None:
        """Refuse a folder that holds the certificates of another archive.

        Raises:
            CommandFailed: it does.
        """
        if self._ca is not None:
            return
        try:
            ours, there = layout.ca_bundle.read_text(), self._ca_path.read_text()
        except (OSError, UnicodeDecodeError):
            return  # seen once the archive has answered
        if ours != there:
            msg = f"{self._ca_path} is not of this archive. Move it away, or name another --out"
            raise CommandFailed(msg, WRONG_USAGE)

    def fill(self, result: Plain) -> Plain:
        """Write what the archive gave; returns where things are, as `--json` has it.

        Raises:
            CommandFailed: a file cannot be written; the message says how to get another key.
        """
        try:
            key = _put(self._key, result["key_pem"])
            certificate = _put(self._certificate, result["certificate_pem"])
            if _put(self._ca, result["ca_pem"]) is None:
                self._compare_ca(result["ca_pem"])
        except OSError as error:
            msg = (
                f"device '{self._aet}' is registered, but its files cannot be written: "
                f"{error.strerror}. `raykeep device renew` gives it a new key"
            )
            raise CommandFailed(msg, UNAVAILABLE) from error
        return {
            "aet": result["aet"],
            "key": key,
            "certificate": certificate,
            "ca": str(self._ca_path),
            "expires": result["expires"],
        }

    def _compare_ca(self, pem: str) -> None:
        if self._ca_path.read_text(errors="replace") != pem:
            remark(f"{self._ca_path} is left as it is; `raykeep tls bundle` prints what holds now")


def _put(opened: _Opened | None, text: str | None) -> str | None:
    if opened is None or text is None:
        return None
    opened.write(text)
    return str(opened.path)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _open(path: Path, opened: ExitStack, mode: int, *, replace: bool = False) -> _Opened:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = _Opened(path, os.open(path, flags | os.O_EXCL, mode), is_new=True)
    except FileExistsError:
        if not (replace or _is_free(path)):
            raise
        file = _Opened(path, os.open(path, flags, mode), is_new=False)
    opened.callback(file.leave)
    # Now, and not when it is written: by then root may be somebody else.
    os.fchmod(file.descriptor, mode)
    return file


def _is_free(path: Path) -> bool:
    """Whether nothing is there, or an empty file that an attempt left."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return True
    return stat.S_ISREG(there.st_mode) and there.st_size == 0
