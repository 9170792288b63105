"""From plain TOML into classes: what is not there keeps its default, what is wrong is named."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.config.settings import Settings
from raykeep.config.toml import into, read_toml
from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput, SettingsError

OUTER = AETitle("OUTER")
TEN = IPv4Network("10.0.0.0/8")


class Inner(msgspec.Struct, frozen=True):
    depth: int = 1
    title: AETitle = AETitle("INNER")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    title: AETitle = OUTER
    folder: Path = Path("/srv")
    network: IPv4Network = TEN
    either: int | str = 1
    moment: complex = 0j
    computed: int = field(init=False, default=7)


def test_what_is_not_there_keeps_its_default():
    assert into(Outer, {}) == Outer()
    assert into(Outer, {"inner": {}}) == Outer()


def test_types_of_ours_are_read_from_text():
    found = into(
        Outer,
        {
            "inner": {"depth": 3, "title": "DEEP"},
            "title": "TOP",
            "folder": "/data",
            "network": "192.0.2.0/24",
            "either": "both",
        },
    )

    assert found == Outer(
        Inner(3, AETitle("DEEP")),
        AETitle("TOP"),
        Path("/data"),
        ip_network("192.0.2.0/24"),
        "both",
    )


@pytest.mark.parametrize(
    ("content", "path", "told"),
    [
        ({"inner": {"deepth": 1}}, "", "unknown setting inner.deepth. Known here: depth, title"),
        ({"deepth": 1}, "outer", "unknown setting outer.deepth. Known here: "),
        ({"computed": 1}, "", "unknown setting computed. Known here: "),
        ({"inner": {"depth": "1"}}, "", "setting inner.depth: expected a whole number"),
        ({"inner": {"depth": True}}, "", "setting inner.depth: expected a whole number"),
        ({"inner": {"depth": "1"}}, "outer", "setting outer.inner.depth: expected a whole number"),
        ({"inner": {"title": "A" * 17}}, "outer", "setting outer.inner.title: 'AAAA"),
        ({"inner": {"title": 1}}, "", "setting inner.title: "),
        ({"inner": []}, "", "setting inner: expected a section, got a list"),
        ({"either": 1.5}, "", "setting either: expected a whole number or text in quotes"),
        ({"either": {}}, "", "setting either: expected a whole number or text in quotes"),
        ({"network": "10.0.0.1/8"}, "", "setting network: 10.0.0.1/8 has host bits set"),
        ({"network": 17}, "", "setting network: expected text in quotes"),
        ({"folder": 3}, "", "setting folder: expected text in quotes"),
        ({"folder": ["/srv"]}, "", "setting folder: expected text in quotes"),
        ({"moment": "x"}, "", "setting moment: no way to read complex"),
    ],
)
def test_what_does_not_do_is_told_by_its_place(content, path, told):
    with pytest.raises(SettingsError) as refused:
        into(Outer, content, path)

    assert str(refused.value).startswith(told)


class Contrary(msgspec.Struct):
    """Says no in words of its own."""

    by: str = "value"

    def __post_init__(self) -> None:
        if self.by == "value":
            msg = "by does not do"
            raise ValueError(msg)
        if self.by == "input":
            msg = "by does not do"
            raise InvalidInput(msg)
        msg = "[contrary] by does not do"
        raise SettingsError(msg)


@pytest.mark.parametrize(
    ("by", "path", "told"),
    [
        ("value", "contrary", "setting contrary: by does not do. Mend it"),
        ("input", "contrary", "setting contrary: by does not do"),
        ("input", "", "by does not do"),
        ("settings", "contrary", "[contrary] by does not do"),
    ],
)
def test_what_a_section_says_against_its_values_is_told(by, path, told):
    with pytest.raises(SettingsError) as refused:
        into(Contrary, {"by": by}, path)

    assert str(refused.value) == told


@given(
    content=st.dictionaries(
        st.sampled_from(["dimse", "https", "ingest", "keys", "blobs", "database", "health", "x"]),
        st.integers()
        | st.text(max_size=5)
        | st.dictionaries(
            st.sampled_from(["port", "host", "file", "path", "limits", "url", "ae_title", "y"]),
            st.integers() | st.text(max_size=5) | st.booleans() | st.just([]) | st.just({}),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_whatever_a_file_says_becomes_settings_or_a_message(content):
    try:
        found = into(Settings, content)
    except SettingsError:
        return
    assert isinstance(found, Settings)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe4"')

    for path in (tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(SettingsError, match=r"cannot be read .* Mend its mode or its text"):
            read_toml(path)


def test_the_place_of_a_slip_of_the_pen_is_told(tmp_path):
    path = tmp_path / "raykeep.toml"
    path.write_text("[dimse]\nport = = 1\n")

    with pytest.raises(SettingsError, match="line 2"):
        read_toml(path)
