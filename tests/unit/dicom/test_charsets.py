"""Text by Specific Character Set: read whatever happens, written exactly or not at all."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes

from raykeep.dicom.charsets import (
    DEFAULT,
    REPLACEMENT,
    CharacterSet,
    character_set,
    encodable,
    terms_of,
)

SINGLE = [
    ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    ("ISO_IR 100", "Buc^Jérôme"),
    ("ISO_IR 101", "Wałęsa"),
    ("ISO_IR 109", "Ċetta"),
    ("ISO_IR 110", "Āboliņš"),
    ("ISO_IR 126", "Διονυσιος"),
    ("ISO_IR 127", "قباني^لنزار"),
    ("ISO_IR 138", "שרון^דבורה"),
    ("ISO_IR 144", "Люксембург"),
    ("ISO_IR 148", "Çavuşoğlu"),
    ("ISO_IR 166", "นามสกุล"),
    ("ISO_IR 203", "Cœur€"),
    ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
    ("GB18030", "Wang^XiaoDong=王^小东"),
    ("GBK", "Wang^XiaoDong=王^小东"),
]
# PS3.5 annexes H, I and K: names with escape sequences, byte for byte.
STANDARD = [
    (
        ("", "ISO 2022 IR 87"),
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        ("ISO 2022 IR 13", "ISO 2022 IR 87"),
        (
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J="
            b"\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"
        ),
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    (
        ("", "ISO 2022 IR 149"),
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    (
        ("", "ISO 2022 IR 58"),
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
]
TERMS = [(term,) for term, _ in SINGLE] + [terms for terms, _, _ in STANDARD] + [()]


@pytest.mark.parametrize(("term", "text"), SINGLE)
def test_text_comes_back_as_it_was(term: str, text: str) -> None:
    characters = character_set((term,))
    raw = characters.encode(text, name=True)

    assert raw is not None
    assert characters.decode(raw, name=True) == text
    assert characters.known


@pytest.mark.parametrize(("terms", "raw", "text"), STANDARD)
def test_names_of_the_standard_are_read(terms: tuple[str, ...], raw: bytes, text: str) -> None:
    assert character_set(terms).decode(raw, name=True) == text


@pytest.mark.parametrize(("terms", "raw", "text"), STANDARD)
def test_names_of_the_standard_are_written(terms: tuple[str, ...], raw: bytes, text: str) -> None:
    written = character_set(terms).encode(text, name=True)

    # Returning to ASCII or to JIS X 0201 romaji is the same for these names.
    assert written is not None
    assert written.replace(b"\x1b(J", b"\x1b(B") == raw.replace(b"\x1b(J", b"\x1b(B")


@pytest.mark.parametrize(("terms", "raw", "text"), STANDARD[:3])  # not GB 2312: it leaves escapes
def test_pydicom_reads_what_is_written(terms: tuple[str, ...], raw: bytes, text: str) -> None:
    written = character_set(terms).encode(text, name=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codecs = convert_encodings(list(terms))
        read = decode_bytes(written, codecs, {ord("^"), ord("="), ord("\\")})

    assert read == text


@given(raw=st.binary(max_size=64), terms=st.sampled_from(TERMS), name=st.booleans())
def test_reading_never_fails(raw: bytes, terms: tuple[str, ...], *, name: bool) -> None:
    text = character_set(terms).decode(raw, name=name)

    assert not any("\x80" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" for char in text)
    assert b"\x1b" not in raw or "\x1b" not in text


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=32)


@given(text=texts, terms=st.sampled_from(TERMS), name=st.booleans())
def test_what_is_written_is_read_the_same(text: str, terms: tuple[str, ...], *, name: bool) -> None:
    characters = character_set(terms)
    raw = characters.encode(text, name=name)

    if raw is not None:
        assert characters.decode(raw, name=name) == text


@given(texts)
def test_unicode_holds_every_text(text: str) -> None:
    assert encodable(text, ("ISO_IR 192",))


def test_what_a_set_cannot_hold_is_not_written() -> None:
    assert DEFAULT.encode("Jérôme") is None
    assert character_set(("ISO_IR 100",)).encode("王") is None
    assert character_set(("", "ISO 2022 IR 87")).encode("홍") is None
    assert character_set(("ISO_IR 13",)).encode("山田") is None
    assert not encodable("Ω", ("ISO_IR 100",))


def test_delimiters_end_an_escaped_run() -> None:
    characters = character_set(("ISO 2022 IR 100", "ISO 2022 IR 144"))
    cyrillic = "Люк".encode("iso8859_5")
    raw = b"\x1b-L" + cyrillic + b"^\xe9\\\x1b-L" + cyrillic

    assert characters.decode(raw, name=True) == "Люк^é\\Люк"
    assert characters.decode(raw.replace(b"^", b"\n")) == "Люк\né\\Люк"


def test_a_set_that_is_named_once_holds_for_the_whole_name() -> None:
    # Many Korean systems write the escape sequence once, at the beginning.
    raw = b"\x1b$)CHong^Gildong=\xfb\xf3^\xd1\xce\xd4\xd7"

    assert character_set(("", "ISO 2022 IR 149")).decode(raw, name=True) == "Hong^Gildong=洪^吉洞"


@pytest.mark.parametrize(
    "raw",
    [b"\x1b", b"a\x1b", b"\x1b\x1b\x1b", b"\x1b$", b"\x1b$)", b"\x1b%G\xc3\xa9", b"\x1b$B\xff"],
)
def test_escape_sequences_that_nobody_knows_are_contained(raw: bytes) -> None:
    for terms in ((), ("ISO_IR 100",), ("", "ISO 2022 IR 87")):
        assert "\x1b" not in character_set(terms).decode(raw)


def test_escapes_without_code_extensions_are_no_escapes() -> None:
    assert character_set(("ISO_IR 100",)).decode(b"a\x1b$Bb") == f"a{REPLACEMENT}$Bb"


@pytest.mark.parametrize(
    ("raw", "terms"),
    [
        (b"", ()),
        (b"  ", ()),
        (b"\0", ()),
        (b"ISO_IR 100", ("ISO_IR 100",)),
        (b"\\ISO 2022 IR 87 ", ("", "ISO 2022 IR 87")),
        (b"\xff\\x", ("ÿ", "x")),
    ],
)
def test_terms_are_read_with_their_padding(raw: bytes, terms: tuple[str, ...]) -> None:
    assert terms_of(raw) == terms


@pytest.mark.parametrize("term", ["ISO IR 100", "ISO-IR 100", "ISO_IR_100"])
def test_common_misspellings_are_understood(term: str) -> None:
    assert character_set((term,)).decode(b"\xe9") == "é"
    assert character_set((term,)).known


@pytest.mark.parametrize("terms", [("ISO_IR 999",), ("utf-8?",), ("x" * 1000,)])
def test_unknown_terms_count_as_latin_and_are_told(terms: tuple[str, ...]) -> None:
    characters = character_set(terms)

    assert not characters.known
    assert characters.decode(b"\xe9") == "é"


def test_no_more_terms_count_than_make_sense() -> None:
    terms = terms_of(b"\\".join([b"ISO 2022 IR 6"] * 5000))

    assert len(terms) == 16
    assert not character_set((*terms, "more")).known


def test_unicode_anywhere_is_unicode_everywhere() -> None:
    assert character_set(("", "ISO_IR 192")).decode("é".encode()) == "é"
    assert character_set(("ISO 2022 IR 100", "GB18030")).decode("王".encode("gb18030")) == "王"


def test_a_set_of_two_bytes_is_never_the_first() -> None:
    characters = character_set(("ISO 2022 IR 149",))

    assert characters == CharacterSet(
        ("ISO 2022 IR 149",), "ascii", ("euc_kr",), extended=True, known=True
    )
    assert characters.decode(b"\x1b$)C\xc8\xab") == "홍"
