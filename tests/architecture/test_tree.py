"""What may not stand anywhere in the tree, and what each folder owes to another."""

import re
import subprocess
import tomllib

import pytest

from tests.architecture.rules import ROOT, SOURCE

# With classes of one letter, so that this file does not find itself.
MACHINE = re.compile(r"(?<![A-Za-z0-9_.-])/(?:[w]ork|[r]oot|[h]ome/[a-z]+)/\S*")
INDEX = re.compile(
    r"--(?:extra-)?[i]ndex-url|--[f]ind-links|[p]ypi\.(?:org|python)/simple|/[s]imple/"
)


def tracked() -> list[str]:
    """Give the tracked text files and their text."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [name for name in listing.stdout.split("\0") if name]


def text_of(name: str) -> str:
    path = ROOT / name
    try:
        return path.read_text() if path.is_file() else ""
    except UnicodeDecodeError:
        return ""  # not text


def test_no_tracked_file_names_a_place_on_somebodys_machine() -> None:
    found = {name: MACHINE.findall(text_of(name)) for name in tracked()}

    assert {name: hits for name, hits in found.items() if hits} == {}


def test_no_tracked_file_names_a_package_index() -> None:
    allowed = {"tools/lock.sh"}  # tells uv to leave the addresses out
    found = {name: INDEX.findall(text_of(name)) for name in tracked() if name not in allowed}

    assert {name: hits for name, hits in found.items() if hits} == {}


@pytest.mark.parametrize("place", ["work/notes.txt", "root/x", "home/ann/raykeep"])
def test_a_place_on_a_machine_is_caught(place: str) -> None:
    assert MACHINE.findall(f"see '/{place}'")


@pytest.mark.parametrize("text", ["{}index-url https://a.example/", "https://a.example{}"])
def test_an_index_is_caught(text: str) -> None:
    assert INDEX.findall(text.format("--" if text.startswith("{") else "/" + "simple" + "/"))


def test_test_files_have_names_of_their_own() -> None:
    seen: dict[str, str] = {}
    twice = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT).as_posix()
        if path.name in seen:
            twice.append((seen[path.name], place))
        seen[path.name] = place

    assert twice == []


def test_no_contract_waits_for_a_room_that_is_there() -> None:
    waiting = re.findall(
        r'# "raykeep\.([a-z_.]+)", # not built yet', (ROOT / "pyproject.toml").read_text()
    )
    built = [
        room
        for room in waiting
        if (SOURCE / f"{room.replace('.', '/')}.py").exists()
        or (SOURCE / room.replace(".", "/") / "__init__.py").exists()
    ]

    assert built == [], "take them into the contracts of pyproject.toml"


def test_every_room_stands_in_the_floor_plan() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    floors = next(one for one in contracts["contracts"] if one["name"] == "Floors")
    planned = set(re.findall(r"\w+", " ".join(floors["layers"]))) | {"__main__", "__init__"}
    rooms = {path.stem for path in SOURCE.glob("*.py")}
    rooms |= {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}

    assert rooms - planned == set()
