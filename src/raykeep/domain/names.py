"""Person names (PS3.5 section 6.2.1) and the folding under which they are compared."""

import unicodedata
from dataclasses import dataclass


def fold(text: str) -> str:
    """The form under which names are compared: no case, no accents, single spaces.

    Letters that Unicode does not take apart but people do (ø, ł, ß …) are
    replaced by their usual plain form, so that `Lukasz` finds `Łukasz`.
    """
    if text.isascii():
        folded = text.lower()
    else:
        # Twice: what compatibility takes apart may be capitals again (`™` is TM).
        apart = unicodedata.normalize("NFKD", text.casefold()).casefold()
        plain = "".join(c for c in unicodedata.normalize("NFKD", apart) if not _is_accent(c))
        folded = unicodedata.normalize("NFC", plain.translate(_PLAIN))
    return " ".join(folded.split()) if " " in folded else folded


def _is_accent(char: str) -> bool:
    # Only what Latin, Greek and Cyrillic letters carry: the kana voicing marks
    # (U+3099, U+309A) are combining too, but ga is not an accented ka.
    return "\u0300" <= char <= "\u036f"


_PLAIN = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ħ": "h",
    }
)


@dataclass(frozen=True, slots=True)
class NameGroups:
    """The three component groups of one person name, each folded for comparing."""

    alphabetic: str
    ideographic: str
    phonetic: str


def name_groups(name: str) -> NameGroups:
    """Split one PN value at `=` and fold each group.

    Empty trailing components (`^`) carry no meaning and are dropped, as are
    spaces round a component. Wildcards pass through.
    """
    groups = [_group(g) for g in name.split("=", 2)]
    groups += [""] * (3 - len(groups))
    return NameGroups(*groups)


def _group(text: str) -> str:
    folded = fold(text)
    if "^" in folded:
        folded = "^".join(part.strip() for part in folded.split("^"))
    return folded.rstrip("^").strip()
