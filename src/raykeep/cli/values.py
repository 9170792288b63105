"""Values that operators write: durations, days, files of text."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

MAX_TEXT = 262_144  # bytes of a certificate, a request or a checkpoint
MAX_COUNT = 999_999  # of a duration's unit

_DURATION = re.compile(r"([0-9]{1,6})([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration(text: str) -> int:
    """Seconds, of a text such as `30d`, `12h`, `2w` or `90m`."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or found[1].strip("0") == "":
        msg = f"{text!r} is no duration. Write it like 30d, 12h or 2w"
        raise click.BadParameter(msg)
    return int(found[1]) * _SECONDS[found[2]]


def until(text: str) -> str:
    """The end of a day such as `2026-12-31` here, or a time with an offset; ISO 8601."""
    when = _time(text)
    if when is None:
        msg = f"{text!r} is no date. Write it like 2026-12-31"
        raise click.BadParameter(msg)
    if len(text.strip()) == len("2026-12-31"):
        when += timedelta(days=1)
    return when.astimezone().isoformat()


def since(text: str) -> str:
    """A day, a time, or how long ago, such as `2h`; ISO 8601."""
    if _DURATION.fullmatch(text.strip().lower()):
        return (datetime.now(UTC) - timedelta(seconds=duration(text))).isoformat()
    when = _time(text)
    if when is None:
        msg = f"{text!r} is no time. Write it like 2026-12-31, 2026-12-31T08:00 or 2h (ago)"
        raise click.BadParameter(msg)
    return when.astimezone().isoformat()


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def text_of(path: Path) -> str:
    """What a small file of text holds.

    Raises:
        click.UsageError: it cannot be read, or is too long, or is no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TEXT + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise click.UsageError(msg) from error
    if len(content) > MAX_TEXT:
        msg = f"{path} has more than {MAX_TEXT} bytes; it cannot be what is meant"
        raise click.UsageError(msg)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        msg = f"{path} is no text. Give PEM, not DER"
        raise click.UsageError(msg) from error


def words(several: tuple[str, ...]) -> list[str]:
    """The parts of comma-separated lists, each once, in their order."""
    parts = [part.strip() for text in several for part in text.split(",")]
    return list(dict.fromkeys(part for part in parts if part))
