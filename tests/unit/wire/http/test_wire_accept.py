"""What a client accepts (RFC 9110 section 12.5.1, PS3.18 section 8.7.8)."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import InvalidInput, LimitExceeded, NotAcceptable
from raykeep.wire.http.accept import Offer, choose, parse_accept, select
from raykeep.wire.http.media_types import parse_media_type

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.70"


def offer(text, *, answers_unstated=True):
    return Offer(parse_media_type(text), answers_unstated)


PART10 = offer(f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}')
STORED = offer(
    f'multipart/related; type="application/dicom"; transfer-syntax={JPEG}', answers_unstated=False
)
JSON = offer("application/dicom+json")
PNG = offer("image/png")
OFFERS = [PART10, STORED, JSON, PNG]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", PART10),
        ("", None),
        ("application/dicom+json", JSON),
        ("APPLICATION/DICOM+JSON", JSON),
        ("image/*", PNG),
        ("image/jpeg", None),
        ("image/jpeg, image/png;q=0.1", PNG),
        ("text/html, application/xhtml+xml, */*;q=0.1", PART10),
        ("application/dicom+json;q=0.5, image/png;q=0.9", PNG),
        ("image/png, application/dicom+json", JSON),  # equals: the server's order
        ("*/*, application/dicom+json;q=0.9", PART10),
        ("*/*;q=0.9, application/dicom+json", JSON),
        ("*/*;q=0.5, multipart/related;q=0", JSON),
        ("application/dicom+json;q=0", None),
        ("*/*;q=0", None),
        ('multipart/related; type="application/dicom"', PART10),
        ("multipart/related; type=application/dicom", PART10),
        ("multipart/related; type=APPLICATION/DICOM", PART10),
        ("multipart/related", PART10),
        ('multipart/related; type="application/*"', PART10),
        ('multipart/related; type="image/*"', None),
        ('multipart/related; type="application/octet-stream"', None),
        (f'multipart/related; type="application/dicom"; transfer-syntax={JPEG}', STORED),
        (f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}', PART10),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', PART10),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.3', None),
        (
            (
                f'multipart/related; type="application/dicom"; transfer-syntax={JPEG}, '
                'multipart/related; type="application/dicom"; q=0.9'
            ),
            STORED,
        ),
        ("application/dicom+json; charset=utf-8", JSON),
        ("image/png; quality=3", None),
        (", ,image/png , ,", PNG),
    ],
)
def test_the_best_offer_is_chosen(accept, chosen):
    assert choose(parse_accept(accept), OFFERS) == chosen


def test_what_is_stored_is_given_to_who_takes_every_transfer_syntax():
    asked = parse_accept('multipart/related; type="application/dicom"; transfer-syntax=*')

    assert choose(asked, [STORED]) == STORED
    assert choose(parse_accept('multipart/related; type="application/dicom"'), [STORED]) is None
    assert choose(parse_accept("*/*"), [STORED]) is None


def test_the_query_parameter_goes_first_where_it_fits():
    assert select("image/png", "application/dicom+json", OFFERS) == JSON
    assert select("image/png", "text/html", OFFERS) == PNG
    assert select("text/html", "image/png", OFFERS) == PNG
    assert select(None, "image/png", OFFERS) == PNG


def test_who_says_nothing_gets_the_default():
    assert select(None, None, OFFERS) == PART10
    assert select("", None, OFFERS) == PART10


@pytest.mark.parametrize(
    ("header", "query", "offers"),
    [
        ("text/html", None, OFFERS),
        ("text/html", "text/xml", OFFERS),
        (None, "a/b", OFFERS),
        (None, None, []),
        ("*/*;q=0", None, OFFERS),
    ],
)
def test_where_nothing_fits_it_is_not_acceptable(header, query, offers):
    with pytest.raises(NotAcceptable):
        select(header, query, offers)


@pytest.mark.parametrize("quality", ["2", "1.5", "0.1234", "-1", "abc", "1.001", ".5", "1e0"])
def test_a_quality_is_a_number_from_0_to_1(quality):
    with pytest.raises(InvalidInput):
        parse_accept(f"*/*;q={quality}")


@pytest.mark.parametrize(
    ("quality", "number"), [("0", 0.0), ("0.", 0.0), ("1.000", 1.0), ("0.123", 0.123)]
)
def test_qualities_are_read(quality, number):
    assert parse_accept(f"*/*;q={quality}")[0].quality == number


@pytest.mark.parametrize(
    "text", ["image", "image/png image/jpeg", "a/b; x, c/d", "\x00", "a/b;x=é"]
)
def test_what_is_no_list_of_media_ranges_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_accept(text)


def test_length_and_number_are_bounded():
    assert len(parse_accept(",".join(["a/b"] * 64))) == 64
    with pytest.raises(LimitExceeded):
        parse_accept(",".join(["a/b"] * 65))
    with pytest.raises(LimitExceeded):
        parse_accept(" " * 4_097)


@given(st.text(st.sampled_from('ab/*;,= "\\q0.1\t') | st.characters(), max_size=200))
def test_any_text_is_accepted_or_refused_with_a_domain_error(text):
    with contextlib.suppress(InvalidInput, LimitExceeded):
        choose(parse_accept(text), OFFERS)


@pytest.mark.parametrize(
    "text",
    [
        'a/b;x="' + "\\a" * 2_000,
        "a/b" + ";" * 4_000,
        "a/b;" + " " * 4_000,
        "," * 4_096,
        "a/b;" + "x" * 4_000,
        'a/b;x="' + "y" * 4_000,
        "a/b" + " ," * 2_000 + "x",
        "a/b" + " " * 4_000,
    ],
)
def test_hostile_lists_cost_little_time(text):
    begin = time.process_time()
    with contextlib.suppress(InvalidInput, LimitExceeded):
        parse_accept(text)

    assert time.process_time() - begin < 0.5
