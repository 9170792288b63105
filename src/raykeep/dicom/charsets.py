"""Text by Specific Character Set (PS3.5 section 6.1; PS3.3 section C.12.1.1.2).

Decoding never fails: what a character set cannot hold becomes U+FFFD, because a
wrong label must not keep an image out. Encoding never guesses: it gives None.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
UTF_8: Final = "ISO_IR 192"

MAX_TERMS: Final = 16  # values of Specific Character Set; more are ignored

_ESCAPE = b"\x1b"

# Number of the ISO-IR registration → Python's codec. Those of one byte hold ASCII as well.
_SINGLE_BYTE: dict[str, str] = {
    "6": "ascii",
    "13": "shift_jis",
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "166": "iso8859_11",
    "203": "iso8859_15",
}
_MULTI_BYTE: dict[str, str] = {
    "58": "gb2312",
    "87": "iso2022_jp",
    "149": "euc_kr",
    "159": "iso2022_jp_2",
}
_UTF_8_CODEC = "utf_8"
_WHOLE: dict[str, str] = {UTF_8: _UTF_8_CODEC, "GB18030": "gb18030", "GBK": "gbk"}

# What follows ESC → codec of the bytes that follow, for sets in G1. ASCII stays in G0.
_TO_G1: dict[bytes, str] = {
    b"-A": "latin_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-T": "iso8859_11",
    b"-b": "iso8859_15",
    b")I": "shift_jis",
    b"$)A": "gb2312",
    b"$)C": "euc_kr",
}
_FROM_G1 = {codec: sequence for sequence, codec in _TO_G1.items()}
_TO_ASCII = (b"(B", b"(J")
# Two-byte sets in G0: Python's codec reads the escape sequence itself.
_TO_G0: dict[bytes, str] = {b"$B": "iso2022_jp", b"$@": "iso2022_jp", b"$(D": "iso2022_jp_2"}

_TERM = re.compile(r"ISO[ _-]?(2022[ _-]?)?IR[ _-]?([0-9]{1,3})")
# Controls that text has no use for: C1, and escapes that nothing explains.
_UNSEEN = re.compile("[\x1b\x80-\x9f]")
_DELIMITERS = re.compile(rb"[\\\t\n\f\r]")
_NAME_DELIMITERS = re.compile(rb"[\\^=\t\n\f\r]")
_RUNS = re.compile(r"([\\\t\n\f\r])")
_NAME_RUNS = re.compile(r"([\\^=\t\n\f\r])")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """One value of Specific Character Set (0008,0005), ready for use.

    Attributes:
        terms: Its defined terms as they stand in the data set; empty for the default repertoire.
        codec: Python's codec for text before any escape sequence.
        extensions: Further codecs, reached by escape sequences (ISO 2022).
        extended: Escape sequences may occur.
        known: Every term is one of the standard's.
    """

    terms: tuple[str, ...]
    codec: str
    extensions: tuple[str, ...] = ()
    extended: bool = False
    known: bool = True

    def decode(self, raw: bytes, *, name: bool = False) -> str:
        """The text of `raw`; U+FFFD where the character set cannot hold it.

        Args:
            raw: One value or several, with backslashes between them.
            name: A person name: `^` and `=` end an escaped run, too.
        """
        if raw.isascii() and _ESCAPE not in raw:
            return raw.decode("ascii")
        if self.extended and _ESCAPE in raw:
            text = self._decode_escaped(raw, _NAME_DELIMITERS if name else _DELIMITERS)
        else:
            text = self._decode_plain(raw)
        return _UNSEEN.sub(REPLACEMENT, text)

    def encode(self, text: str, *, name: bool = False) -> bytes | None:
        """The bytes of `text`, None when the character set cannot hold it."""
        if text.isascii():
            return text.encode("ascii")
        if self.extended:
            raw = self._encode_escaped(text, _NAME_RUNS if name else _RUNS)
        else:
            raw = _encoded(text, self.codec)
        if raw is None or self.codec == _UTF_8_CODEC:
            return raw
        # The way back decides: some codecs fold characters that look alike.
        return raw if self.decode(raw, name=name) == text else None

    def _decode_plain(self, raw: bytes) -> str:
        # Without a declared set, bytes beyond ASCII are wrong; Latin-1 is the usual meaning.
        return raw.decode("latin_1" if self.codec == "ascii" else self.codec, "replace")

    def _decode_escaped(self, raw: bytes, delimiters: re.Pattern[bytes]) -> str:
        first, *parts = raw.split(_ESCAPE)
        text = [self._decode_plain(first)]
        g1 = self.codec
        for part in parts:
            sequence = part[: 3 if part[:2] in {b"$)", b"$("} else 2]
            if codec := _TO_G0.get(sequence):
                text.append((_ESCAPE + part).decode(codec, "replace"))
                continue
            if sequence in _TO_G1:
                g1 = _TO_G1[sequence]
            elif sequence not in _TO_ASCII:
                text.append(REPLACEMENT)
                sequence = b""
            run = part[len(sequence) :]
            end = delimiters.search(run)
            if end is None or self.codec == "ascii":
                # Nothing but ASCII to fall back to: high bytes can only be of the last set.
                text.append(run.decode("latin_1" if g1 == "ascii" else g1, "replace"))
                continue
            text.append(run[: end.start()].decode(g1, "replace"))
            text.append(self._decode_plain(run[end.start() :]))
            g1 = self.codec
        return "".join(text)

    def _encode_escaped(self, text: str, runs: re.Pattern[str]) -> bytes | None:
        pieces: list[bytes] = []
        for run in runs.split(text):
            raw = _encoded(run, self.codec)
            for codec in self.extensions:
                if raw is not None:
                    break
                raw = _encoded(run, codec)
                if raw is not None and codec in _FROM_G1:
                    raw = _ESCAPE + _FROM_G1[codec] + raw
            if raw is None:
                return None
            pieces.append(raw)
        return b"".join(pieces)


def _encoded(text: str, codec: str) -> bytes | None:
    try:
        raw = text.encode(codec)
    except UnicodeEncodeError:
        return None
    # JIS X 0201 is the half of Shift JIS with one byte a character.
    return raw if codec != "shift_jis" or len(raw) == len(text) else None


@lru_cache(maxsize=256)
def character_set(terms: tuple[str, ...]) -> CharacterSet:
    """The character set of these defined terms.

    A term that nobody knows counts as Latin-1, and `known` is False.
    """
    codecs: list[str] = []
    extended = len(terms) > 1
    known = len(terms) <= MAX_TERMS
    for term in terms[:MAX_TERMS]:
        if not term:
            codecs.append("ascii")
        elif term in _WHOLE:
            # These fill the whole space and know no escape sequences (PS3.5 section 6.1.2.5.4).
            return CharacterSet(terms, _WHOLE[term], known=known)
        elif (form := _TERM.fullmatch(term)) and (codec := _codec(form[2])):
            codecs.append(codec)
            extended = extended or form[1] is not None
        else:
            codecs.append("latin_1")
            known = False
    first, *others = codecs or ["ascii"]
    if first in _MULTI_BYTE.values():  # a set of two bytes is no first one; ASCII stands there
        others.insert(0, first)
        first = "ascii"
    return CharacterSet(terms, first, tuple(others), extended, known)


def _codec(number: str) -> str | None:
    return _SINGLE_BYTE.get(number) or _MULTI_BYTE.get(number)


DEFAULT: Final = character_set(())
"""The default repertoire, ASCII."""


def terms_of(raw: bytes) -> tuple[str, ...]:
    """Defined terms of a value of Specific Character Set, empty for the default repertoire."""
    text = raw.decode("latin_1").rstrip(" \0")
    if not text:
        return ()
    return tuple(term.strip(" \0") for term in text.split("\\", MAX_TERMS)[:MAX_TERMS])


def encodable(text: str, terms: tuple[str, ...]) -> bool:
    """Whether the character set can hold `text`."""
    return character_set(terms).encode(text, name=True) is not None
