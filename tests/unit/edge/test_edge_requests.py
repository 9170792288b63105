"""A request is read once, and bounded."""

import asyncio
from ipaddress import ip_address

import pytest

from raykeep.domain.access import Door
from raykeep.domain.errors import InvalidInput, LimitExceeded, ProtocolError, UnsupportedMedia
from raykeep.edge.requests import MAX_PARAMETERS, WebRequest


def request(
    path: bytes = b"/dicom-web/studies",
    *,
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    client: tuple[str, int] | None = ("192.0.2.7", 1),
    messages: tuple[dict, ...] = (),
) -> WebRequest:
    waiting = iter(messages)

    async def receive() -> dict:
        return next(waiting)

    scope = {
        "method": "GET",
        "raw_path": path,
        "query_string": query,
        "headers": list(headers),
        "client": client,
        "raykeep.origin": "https://pacs.example.org",
    }
    return WebRequest(scope, receive, 1)


def test_a_path_is_parted_before_it_is_decoded() -> None:
    made = request(b"/dicom-web/studies/1.2%2F..%2f3/x")

    assert made.segments == ("studies", "1.2/../3", "x")
    assert made.base_url == "https://pacs.example.org/dicom-web"


def test_bytes_that_are_no_text_stay_harmless_in_a_path() -> None:
    assert request(b"/dicom-web/%ff%00").segments == ("\ufffd\0",)


def test_parameters_keep_their_order_and_their_empty_values() -> None:
    made = request(query=b"PatientName=M%C3%BCller%5E*&limit=&limit=5&a=1;b=2")

    assert made.parameters == [
        ("PatientName", "Müller^*"),
        ("limit", ""),
        ("limit", "5"),
        ("a", "1;b=2"),
    ]
    assert request().parameters == []


def test_parameters_must_be_text() -> None:
    with pytest.raises(InvalidInput):
        _ = request(query=b"PatientName=%ff").parameters


def test_parameters_are_counted() -> None:
    with pytest.raises(LimitExceeded):
        _ = request(query=b"&".join([b"a=b"] * (MAX_PARAMETERS + 1))).parameters


def test_lines_of_a_list_are_joined() -> None:
    made = request(headers=((b"accept", b"a/b"), (b"x", b"1"), (b"accept", b"c/d"), (b"x", b"2")))

    assert made.header(b"accept") == "a/b, c/d"
    assert made.header(b"x") == "1"
    assert made.header(b"missing") is None


@pytest.mark.parametrize("name", [b"authorization", b"content-type", b"content-length", b"host"])
def test_a_header_that_must_stand_alone_stands_alone(name: bytes) -> None:
    with pytest.raises(InvalidInput, match="twice"):
        _ = request(headers=((name, b"a"), (name, b"b"))).headers


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.7", 1), ip_address("192.0.2.7")),
        (("::ffff:192.0.2.7", 1), ip_address("192.0.2.7")),
        (("fe80::1%eth0", 1), ip_address("fe80::1")),
        (("", 0), None),
        (None, None),
    ],
)
def test_an_address_is_compared_in_one_form(client, address) -> None:
    assert request(client=client).origin(Door.DICOMWEB).address == address


# --- bodies -------------------------------------------------------------------------------------


def whole(made: WebRequest, limit: int = 10) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in made.body(limit)])

    return asyncio.run(read())


def pieces(*bodies: bytes) -> tuple[dict, ...]:
    return tuple(
        {"type": "http.request", "body": body, "more_body": at < len(bodies) - 1}
        for at, body in enumerate(bodies)
    )


def test_a_body_is_read_to_its_end() -> None:
    assert whole(request(messages=pieces(b"abc", b"", b"def"))) == b"abcdef"


def test_a_body_that_says_it_is_too_long_is_refused_unread() -> None:
    with pytest.raises(LimitExceeded):
        whole(request(headers=((b"content-length", b"11"),)))


def test_a_body_that_is_too_long_without_saying_so_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        whole(request(messages=pieces(b"abcdef", b"ghijkl", b"mno")))


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"gzip, identity", b"\xff"])
def test_a_compressed_body_is_refused_unread(coding: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        whole(request(headers=((b"content-encoding", coding),)))


def test_a_client_that_leaves_in_the_middle_is_noticed() -> None:
    made = request(
        messages=(
            {"type": "http.request", "body": b"a", "more_body": True},
            {"type": "http.disconnect"},
        )
    )
    with pytest.raises(ProtocolError):
        whole(made)
