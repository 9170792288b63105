"""Canonical JSON (RFC 8785) for the shapes that we sign and chain.

Texts, whole numbers, booleans, null, lists and maps; no fractions, so that nothing depends on
how a number is printed.
"""

import json
from collections.abc import Mapping, Sequence

LARGEST_INTEGER = 2**53 - 1  # the last that JSON readers keep exactly (RFC 7493 section 2.2)

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]

# A JSON string escapes here what RFC 8785 section 3.2.2.2 asks for, and nothing else.
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def canonical_json(value: Json) -> bytes:
    """The one form in UTF-8 that RFC 8785 gives to `value`.

    Raises:
        TypeError: `value` holds something else than the shapes above.
        ValueError: a number beyond 2^53 - 1, or text that is no Unicode (a lone surrogate).
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode("utf-8")


def member_order(name: str) -> bytes:
    """Sort key of a member's name: its UTF-16 code units (RFC 8785 section 3.2.3)."""
    return name.encode("utf-16-be")


def _write(value: object, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(_quoted(str(value)))
    elif value is None or isinstance(value, bool):
        parts.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
            msg = "a whole number beyond 2^53 - 1 has no canonical form; write it as text"
            raise ValueError(msg)
        parts.append(str(int(value)))
    elif isinstance(value, Mapping):
        _write_members(value, parts)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        _write_items(value, parts)
    else:
        msg = f"{type(value).__name__} has no canonical JSON form here"
        raise TypeError(msg)


def _write_members(members: Mapping[object, object], parts: list[str]) -> None:
    comma = ""
    parts.append("{")
    names = [name for name in members if isinstance(name, str)]
    if len(names) != len(members):
        msg = "the members of a JSON object are named by text alone"
        raise TypeError(msg)
    for name in sorted(names, key=member_order):
        parts += (comma, _quoted(str(name)), ":")
        _write(members[name], parts)
        comma = ","
    parts.append("}")


def _write_items(items: Sequence[object], parts: list[str]) -> None:
    comma = ""
    parts.append("[")
    for item in items:
        parts.append(comma)
        _write(item, parts)
        comma = ","
    parts.append("]")
