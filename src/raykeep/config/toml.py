"""One TOML file into the settings classes of the rooms; a mistake stops the start."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import ArchiveError, InvalidAETitle, SettingsError

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """The file's content; an absent file is an empty one.

    Raises:
        SettingsError: it cannot be read or is not TOML; the message names the place.
    """
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({type(error).__name__}). Mend its mode or its text"
        raise SettingsError(msg) from error
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is not TOML: {error}. Mend it"
        raise SettingsError(msg) from error


def into(kind: type[T], content: Mapping[str, Any], path: str = "") -> T:
    """Make a settings value of plain content.

    Args:
        kind: A dataclass or msgspec struct; its defaults are safe.
        content: Keys and values as TOML has them.
        path: Of the section, for messages.

    Raises:
        SettingsError: a key is unknown, or a value is of a wrong type or unsafe.
    """
    _refuse_unknown(kind, content, path)
    try:
        ready = _prepared(kind, content, path)
        return msgspec.convert(ready, kind, dec_hook=_decode, from_attributes=True)
    except msgspec.ValidationError as error:
        raise SettingsError(_located(str(error), path, kind)) from error
    except SettingsError:
        raise
    except (ArchiveError, ValueError) as error:
        msg = f"setting {path}: {error}" if path else str(error)
        raise SettingsError(msg) from error


def _refuse_unknown(kind: type, content: Mapping[str, Any], path: str) -> None:
    known = _fields(kind)
    for key, value in content.items():
        place = f"{path}.{key}" if path else key
        if key not in known:
            allowed = ", ".join(sorted(known)) or "none"
            msg = f"unknown setting {place}. Known here: {allowed}"
            raise SettingsError(msg)
        if isinstance(value, Mapping) and _fields(known[key]):
            _refuse_unknown(known[key], value, place)


def _fields(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - any annotation of a settings class
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.name: field.type for field in msgspec.structs.fields(kind)}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return {field.name: field.type for field in dataclasses.fields(kind) if field.init}
    return {}


def _prepared(kind: Any, content: Mapping[str, Any], path: str) -> dict[str, Any]:  # noqa: ANN401
    """AE titles stand as text in TOML; msgspec would take the dataclass apart."""
    kinds = _fields(kind)
    ready: dict[str, Any] = {}
    for key, value in content.items():
        wanted = kinds[key]
        place = f"{path}.{key}" if path else key
        if wanted is AETitle and isinstance(value, str):
            ready[key] = _title(value, place)
        elif isinstance(value, Mapping) and _fields(wanted):
            ready[key] = _prepared(wanted, value, place)
        else:
            ready[key] = value
    return ready


def _title(value: str, place: str) -> AETitle:
    try:
        return AETitle(value)
    except InvalidAETitle as error:
        msg = f"setting {place}: {error}"
        raise SettingsError(msg) from error


def _decode(kind: type, value: object) -> object:
    """Types of ours that TOML writes as text."""
    if not isinstance(value, str):
        msg = "expected text in quotes"
        raise ValueError(msg)  # noqa: TRY004 - msgspec adds the place to this kind alone
    if kind is Path:
        return Path(value)
    if kind.__module__ == "ipaddress":
        return ip_network(value)
    msg = f"no way to read {kind.__name__}"
    raise ValueError(msg)


# What TOML's writers call msgspec's types.
_WORDS = {
    "object": "a section",
    "array": "a list",
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}


def _located(message: str, path: str, kind: type) -> str:
    """Msgspec's message in an operator's words, with the key's path as the operator wrote it."""
    text, _, place = message.partition(" - at `$")
    inner = re.sub(r"`$", "", place).removeprefix(".")
    where = ".".join(part for part in (path, inner) if part)
    told = re.sub(r"`([^`]*)`", lambda found: _in_words(found[1]), text).rstrip(".")
    if choices := _choices(kind, inner):
        told += f". Take one of: {', '.join(choices)}"
    return f"setting {where}: {told[:1].lower()}{told[1:]}. Mend it"


def _in_words(types: str) -> str:
    named = [_WORDS.get(one, one) for one in types.split(" | ") if one != "null"]
    return " or ".join(named)


def _choices(kind: Any, place: str) -> list[str]:  # noqa: ANN401 - any annotation
    """The values that a key may have, where they are few."""
    for key in place.split("."):
        kind = _fields(kind).get(key)
    return [str(one) for one in get_args(kind)] if get_origin(kind) is Literal else []
