"""No installed package is older than the oldest version without a known hole."""

import tomllib
from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.version import Version

from tests.architecture.rules import ROOT

FLOORS = tomllib.loads((ROOT / "requirements" / "floors.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_the_installed_version_is_not_below_the_floor(package: str) -> None:
    assert Version(version(package)) >= Version(FLOORS[package]["floor"])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_lock_file_asks_for_a_version_below_its_floor(lock) -> None:
    for line in lock.read_text().splitlines():
        package, equals, rest = line.partition("==")
        if equals and package in FLOORS:
            assert Version(rest.split()[0]) >= Version(FLOORS[package]["floor"]), line


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_everything_locked_has_hashes(lock) -> None:
    entries = lock.read_text().replace("\\\n", " ").splitlines()
    asked = [line for line in entries if line and not line.startswith((" ", "#"))]

    assert asked
    assert [line for line in asked if "--hash=sha256:" not in line] == []


def test_every_floor_says_why() -> None:
    assert all(entry["reason"] for entry in FLOORS.values())


@pytest.mark.parametrize("package", ["pickle5", "passlib", "python-jose", "pysqlcipher3"])
def test_what_nobody_maintains_is_not_installed(package: str) -> None:
    with pytest.raises(PackageNotFoundError):
        version(package)
