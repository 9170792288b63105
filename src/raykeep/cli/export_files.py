"""A folder that a command fills with files, piece by piece."""

import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from raykeep.cli.failures import CommandFailed
from raykeep.servers.control.statuses import UNAVAILABLE, WRONG_USAGE
from raykeep.servers.control.steps import Output

MODE = 0o600
MAX_FILES = 1_000_000  # checkpoints are many; anything beyond is a mistake

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class ExportFolder:
    """Writes pieces of files into a folder that was empty; a context manager."""

    def __init__(self, path: Path, data: Path) -> None:
        """Make the folder.

        Args:
            path: Where; it must be new or empty.
            data: The data directory. Root steps down to its owner before the files are written,
                so a new folder is given to that user.

        Raises:
            CommandFailed: it is not empty, or cannot be made.
        """
        self._path = path
        self._files = 0
        self._name = ""
        self._file: IO[str] | None = None
        self._open = ExitStack()
        try:
            if path.exists():
                if any(path.iterdir()):
                    msg = f"{path} is not empty. Name a new or empty folder with --out"
                    raise CommandFailed(msg, WRONG_USAGE)
                return
            path.mkdir(mode=0o700, parents=True)
            if os.geteuid() == 0 and data.exists():
                os.chown(path, data.stat().st_uid, data.stat().st_gid)
        except OSError as error:
            msg = f"{path} cannot be made: {error.strerror}. Name another --out"
            raise CommandFailed(msg, WRONG_USAGE) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def take(self, output: Output) -> None:
        """Append a piece to its file; the pieces of a file come one after the other.

        Raises:
            CommandFailed: it cannot be written, or the name is no plain file name.
        """
        try:
            if self._file is None or output.name != self._name:
                self._file = self._begin(output.name)
            self._file.write(output.text)
        except OSError as error:
            msg = f"{self._path / output.name} cannot be written: {error.strerror}"
            raise CommandFailed(msg, UNAVAILABLE) from error

    def _begin(self, name: str) -> IO[str]:
        self._files += 1
        if _NAME.fullmatch(name) is None or self._files > MAX_FILES:
            msg = "the archive gave a file that cannot be written here. Use the same release"
            raise CommandFailed(msg, UNAVAILABLE)
        self._open.close()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(self._path / name, flags, MODE), "w", encoding="utf-8")
        self._name = name
        return self._open.enter_context(file)
