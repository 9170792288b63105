"""Media types with their parameters (RFC 9110 section 8.3.1, PS3.18 section 8.7)."""

import re
from dataclasses import dataclass

from raykeep.domain.errors import InvalidInput, LimitExceeded

MAX_LENGTH = 1_024  # characters of one media type
MAX_PARAMETERS = 16

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - grammar, RFC 9110 section 5.6.2
_ESSENCE = re.compile(rf"[ \t]*({_TOKEN})/({_TOKEN})[ \t]*")
# Values with a slash or a colon ought to be quoted; many clients do not quote
# type=application/dicom, and nothing is ambiguous in that.
_PARAMETER = re.compile(rf';[ \t]*(?:({_TOKEN})=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))[ \t]*)?')
_ESCAPE = re.compile(r"\\(.)")
_PRINTABLE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or media range; names in lower case, values as they came, in their order."""

    type: str
    subtype: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def essence(self) -> str:
        """Type and subtype, without parameters."""
        return f"{self.type}/{self.subtype}"

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, named in lower case."""
        return dict(self.parameters).get(name)

    def __str__(self) -> str:
        written = (f"; {name}={_written(value)}" for name, value in self.parameters)
        return self.essence + "".join(written)


def parse_media_type(text: str) -> MediaType:
    """Parse a Content-Type, say.

    Raises:
        InvalidInput: it is no media type, or a parameter stands twice.
        LimitExceeded: it is longer than `MAX_LENGTH` or has more parameters
            than `MAX_PARAMETERS`.
    """
    if len(text) > MAX_LENGTH:
        raise LimitExceeded("length of a media type", len(text), MAX_LENGTH, "characters")
    found, end = scan_media_type(text, 0)
    if end != len(text):
        raise InvalidInput("a media type is followed by other text")
    return found


def scan_media_type(text: str, at: int) -> tuple[MediaType, int]:
    """Parse the media type that begins at `at`; returns it and where it ends.

    Raises as `parse_media_type` does, and bounds no length: the caller did.
    """
    head = _ESSENCE.match(text, at)
    if head is None or _PRINTABLE.fullmatch(text) is None:
        raise InvalidInput("a media type is not of the form type/subtype; name=value")
    at = head.end()
    parameters: dict[str, str] = {}
    while (match := _PARAMETER.match(text, at)) is not None:
        at = match.end()
        name, quoted, plain = match.groups()
        if name is None:
            continue  # an empty parameter, RFC 9110 section 5.6.6
        if len(parameters) == MAX_PARAMETERS:
            raise LimitExceeded("parameters of a media type", MAX_PARAMETERS + 1, MAX_PARAMETERS)
        key = name.lower()
        if key in parameters:
            raise InvalidInput(f"a media type has the parameter {key} twice")
        parameters[key] = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
    return MediaType(head[1].lower(), head[2].lower(), tuple(parameters.items())), at


def _written(value: str) -> str:
    if re.fullmatch(_TOKEN, value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
