"""A Host header is a peer's word (X27)."""

import pytest

from raykeep.edge import hosts
from raykeep.edge.errors import HttpRefusal
from raykeep.edge.hosts import HostNames

NAMES = ["pacs.example.org", "127.0.0.1", "::1", "edge.example.org:9443"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"pacs.example.org", "https://pacs.example.org:8443"),
        (b"PACS.Example.ORG:443", "https://pacs.example.org"),
        (b"127.0.0.1:1", "https://127.0.0.1:1"),
        (b"[::1]:8443", "https://[::1]:8443"),
        (b"edge.example.org:9443", "https://edge.example.org:9443"),
    ],
)
def test_links_begin_with_the_name_that_was_asked_for(host: bytes, origin: str) -> None:
    names = HostNames(NAMES)

    assert names.origin_for(host, 8443) == origin
    assert names.origin_for(host, 8443) == origin


def test_links_begin_with_the_configured_origin_where_there_is_one() -> None:
    names = HostNames(NAMES, "https://images.example.org")

    assert names.origin_for(b"127.0.0.1:7", 8443) == "https://images.example.org"


@pytest.mark.parametrize(
    "host",
    [b"evil", b"pacs.example.org.evil", b"edge.example.org", b"edge.example.org:1", b"10.0.0.1"],
)
def test_another_name_is_misdirected(host: bytes) -> None:
    with pytest.raises(HttpRefusal) as refused:
        HostNames(NAMES).origin_for(host, 8443)

    assert refused.value.status == 421


@pytest.mark.parametrize(
    "host",
    [b"", b"a b", b"pacs.example.org/admin", b"a@pacs.example.org", b"pacs.example.org:x",
     b"pacs.example.org:123456", b"[::1", b"<script>", b"pacs.example.org\xff", b"a" * 300],
)  # fmt: skip
def test_what_is_no_host_is_refused(host: bytes) -> None:
    with pytest.raises(HttpRefusal) as refused:
        HostNames(NAMES).origin_for(host, 8443)

    assert refused.value.status == 400
    assert "<script>" not in str(refused.value)


def test_ports_of_a_peer_do_not_fill_the_memory() -> None:
    names = HostNames(NAMES)
    for port in range(1_000):
        names.origin_for(b"127.0.0.1:%d" % port, 8443)

    assert names.remembered == hosts.MAX_REMEMBERED
