"""API tokens."""

import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.tokens import is_secret_of, make_token, parse_token
from raykeep.domain.errors import InvalidInput


def test_a_token_that_was_made_is_its_own() -> None:
    made = make_token()
    shown = parse_token(made.text)

    assert shown.token_id == made.token_id
    assert is_secret_of(shown, made.secret_sha256)
    assert len(made.text) == 3 + 16 + 1 + 43


def test_what_is_kept_is_the_hash_of_the_secret_part() -> None:
    made = make_token()
    secret = base64.urlsafe_b64decode(made.text.split("_", 2)[2] + "=")

    assert made.secret_sha256 == sha256(secret).hexdigest()


def test_no_two_tokens_are_alike() -> None:
    made = [make_token() for _ in range(50)]

    assert len({one.token_id for one in made}) == len({one.secret_sha256 for one in made}) == 50


def test_another_secret_is_refused() -> None:
    first, second = make_token(), make_token()

    assert not is_secret_of(parse_token(first.text), second.secret_sha256)


def test_the_text_of_a_token_does_not_show_in_its_repr() -> None:
    made = make_token()

    assert made.text not in repr(made)


GOOD = "rk_0123456789abcdef_" + "A" * 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bearer " + GOOD,
        GOOD[:-1],
        GOOD + "A",
        GOOD.upper(),
        GOOD.replace("_A", "_="),
        GOOD[:-1] + "B",  # another spelling of the same 32 bytes
        GOOD + "\n",
        GOOD.replace("A", "\uff21"),
    ],
)
def test_what_is_no_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_token(text)

    assert GOOD[20:40] not in str(caught.value)


@given(st.text())
def test_any_text_is_a_token_or_refused(text: str) -> None:
    try:
        shown = parse_token(text)
    except InvalidInput:
        return
    assert text.startswith(f"rk_{shown.token_id}_")
