"""The DICOM JSON model (PS3.18 annex F), for matches of a search."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from raykeep.dicom.json_values import FROM_TEXT, quoted, strings
from raykeep.domain.attributes import BY_TAG, UNIQUE_KEY, Attribute, Level
from raykeep.domain.instance import Match, Values

SPECIFIC_CHARACTER_SET: Final = 0x00080005
INSTANCE_AVAILABILITY: Final = 0x00080056
RETRIEVE_URL: Final = 0x00081190

_Encode = Callable[[str], str]
# JSON is UTF-8, whatever the instances were encoded in.
_UTF_8 = '"00080005":{"vr":"CS","Value":["ISO_IR 192"]}'
_ONLINE = '"00080056":{"vr":"CS","Value":["ONLINE"]}'
_PATHS = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}


class MatchJson:
    """Encode the matches of one QIDO-RS request; made once a request, used for each match."""

    def __init__(self, level: Level, returns: Iterable[int], *, base_url: str) -> None:
        """Prepare.

        Args:
            level: Of the query; it shapes Retrieve URL.
            returns: Tags of the answer.
            base_url: Of the DICOMweb service, without a slash at its end.
        """
        self._base_url = base_url
        self._path = [
            (name, UNIQUE_KEY[one].tag) for one, name in _PATHS.items() if one.depth <= level.depth
        ]
        wanted = {SPECIFIC_CHARACTER_SET, INSTANCE_AVAILABILITY, RETRIEVE_URL, *returns}
        wanted |= {tag for _, tag in self._path}
        self._steps = [_step(tag) for tag in sorted(wanted) if tag in BY_TAG or tag in _FIXED]

    def encode(self, match: Match) -> bytes:
        """One JSON object, UTF-8."""
        values, sequences = match.values, match.sequences
        parts = []
        for tag, prefix, empty, function, items in self._steps:
            if function is not None:
                text = values.get(tag)
                if text is not None:
                    inside = function(text)
                    parts.append(f"{prefix}{inside}]}}" if inside else empty)
            elif items is not None:
                if tag in sequences:
                    parts.append(_sequence(prefix, empty, items, sequences[tag]))
            elif tag == RETRIEVE_URL:
                parts.append(f"{prefix}{quoted(self._url(values))}]}}")
            else:
                parts.append(prefix)
        return ("{" + ",".join(parts) + "}").encode()

    def _url(self, values: Values) -> str:
        path = "".join(f"/{name}/{values.get(tag, '')}" for name, tag in self._path)
        return self._base_url + path


_FIXED = frozenset({SPECIFIC_CHARACTER_SET, INSTANCE_AVAILABILITY, RETRIEVE_URL})
_Item = list[tuple[int, str, str, _Encode]]
_Step = tuple[int, str, str, _Encode | None, _Item | None]


def _step(tag: int) -> _Step:
    if tag == SPECIFIC_CHARACTER_SET:
        return tag, _UTF_8, "", None, None
    if tag == INSTANCE_AVAILABILITY:
        return tag, _ONLINE, "", None, None
    if tag == RETRIEVE_URL:
        return tag, _prefix(tag, "UR"), "", None, None
    attribute = BY_TAG[tag]
    prefix, empty = _prefix(tag, attribute.vr), _empty(tag, attribute.vr)
    if attribute.items:
        return tag, prefix, empty, None, _item_steps(attribute)
    return tag, prefix, empty, FROM_TEXT.get(attribute.vr, strings), None


def _item_steps(attribute: Attribute) -> _Item:
    return [
        (one.tag, _prefix(one.tag, one.vr), _empty(one.tag, one.vr), FROM_TEXT.get(one.vr, strings))
        for one in sorted(attribute.items, key=lambda one: one.tag)
    ]


def _sequence(prefix: str, empty: str, steps: _Item, items: Iterable[Mapping[int, str]]) -> str:
    encoded = []
    for item in items:
        parts = []
        for tag, item_prefix, item_empty, function in steps:
            text = item.get(tag)
            if text is not None:
                inside = function(text)
                parts.append(f"{item_prefix}{inside}]}}" if inside else item_empty)
        encoded.append("{" + ",".join(parts) + "}")
    return f"{prefix}{','.join(encoded)}]}}" if encoded else empty


def _prefix(tag: int, vr: str) -> str:
    return f'"{tag:08X}":{{"vr":"{vr}","Value":['


def _empty(tag: int, vr: str) -> str:
    return f'"{tag:08X}":{{"vr":"{vr}"}}'
