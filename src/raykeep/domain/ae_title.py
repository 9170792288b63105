"""Application entity titles (PS3.5 section 6.2, VR AE)."""

from dataclasses import dataclass

from raykeep.domain.errors import InvalidAETitle

MAX_LENGTH = 16  # characters


@dataclass(frozen=True, slots=True)
class AETitle:
    """An application entity title in its significant form, without padding."""

    value: str

    def __post_init__(self) -> None:
        text = self.value
        usable = text.isascii() and text.isprintable() and "\\" not in text
        if not usable or text != text.strip(" ") or not 1 <= len(text) <= MAX_LENGTH:
            raise InvalidAETitle(text)

    @classmethod
    def parse(cls, raw: str | bytes) -> "AETitle":
        """Read a title as it stands in a PDU or a data set, padding and all."""
        if isinstance(raw, bytes):
            raw = raw.decode("ascii", "replace")
        return cls(raw.strip(" "))

    def __str__(self) -> str:
        return self.value
