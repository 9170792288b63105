"""Media types (RFC 9110 section 8.3.1)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import InvalidInput, LimitExceeded
from raykeep.wire.http.media_types import MediaType, parse_media_type

tokens = st.from_regex(r"[a-z0-9!#$&^_.+-]{1,12}", fullmatch=True)
values = st.from_regex(r"[ -~]{0,20}", fullmatch=True)
media_types = st.builds(
    MediaType,
    tokens,
    tokens,
    st.dictionaries(tokens, values, max_size=5).map(lambda found: tuple(found.items())),
)


@given(media_types)
def test_a_media_type_survives_being_written(media_type):
    assert parse_media_type(str(media_type)) == media_type


@given(st.text(max_size=120))
def test_any_text_is_a_media_type_or_a_domain_error(text):
    with contextlib.suppress(InvalidInput, LimitExceeded):
        parse_media_type(text)


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("application/dicom", "application/dicom", {}),
        (
            'multipart/related; type="application/dicom"; boundary=abc',
            "multipart/related",
            {"type": "application/dicom", "boundary": "abc"},
        ),
        (
            "Multipart/Related;type=application/dicom;TRANSFER-SYNTAX=*",
            "multipart/related",
            {"type": "application/dicom", "transfer-syntax": "*"},
        ),
        (
            'application/dicom+json ; charset="UTF-8" ;',
            "application/dicom+json",
            {"charset": "UTF-8"},
        ),
        ("a/b;;; x=1", "a/b", {"x": "1"}),
        (r'a/b; x="a\"b\\c;d"', "a/b", {"x": 'a"b\\c;d'}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ("*/*", "*/*", {}),
        ("multipart/related; boundary=a:b=c", "multipart/related", {"boundary": "a:b=c"}),
    ],
)
def test_media_types_of_the_field_are_read(text, essence, parameters):
    found = parse_media_type(text)

    assert found.essence == essence
    assert dict(found.parameters) == parameters
    for name, value in parameters.items():
        assert found.parameter(name) == value
    assert found.parameter("absent") is None


@pytest.mark.parametrize(
    "text",
    ["", "dicom", "a/", "/b", "a b/c", "a/b x", "a/b; x", "a/b; x=", 'a/b; x="y', "a/b; x=1; X=2",
     "a/b; x =1", "a/b, c/d", "a/b\r\nc: d", "a/b; x=\0", "é/b", 'a/b; x="é"'],
)  # fmt: skip
def test_what_is_no_media_type_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_media_type(text)


def test_length_and_parameters_are_bounded():
    with pytest.raises(LimitExceeded):
        parse_media_type("a/b; x=" + "y" * 1_024)
    with pytest.raises(LimitExceeded):
        parse_media_type("a/b" + "".join(f"; p{n}=1" for n in range(17)))
