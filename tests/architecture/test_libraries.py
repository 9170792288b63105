"""Every dependency has a reason in docs/development/dependencies.md, and its own doorway."""

import ast
import re
import sys
import tomllib

import pytest

from tests.architecture.rules import ROOT, source_files

PAGE = ROOT / "docs" / "development" / "dependencies.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def plain(requirement: str) -> str:
    """Reduce `psycopg[binary]>=3.2` to `psycopg`."""
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower()


def rows() -> list[list[str]]:
    """Give the cells of every table row of the page, without the headings."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "Package" and not row[0].startswith("---")]


def doorways() -> dict[str, tuple[str, ...] | None]:
    """Map an importable module to the rooms that may import it; None for any room."""
    found: dict[str, tuple[str, ...] | None] = {}
    for row in rows():
        if len(row) == 5:
            rooms = tuple(re.findall(r"`([^`]+)`", row[4]))
            found[row[1].strip("`")] = None if row[4] == "anywhere" else rooms
    return found


def imports(text: str) -> set[str]:
    """Give the top-level modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def strangers(place: str, text: str) -> list[str]:
    """Say which imports of a file have no doorway there."""
    known = doorways()
    outside = imports(text) - sys.stdlib_module_names - {"raykeep"}
    found = []
    for module in sorted(outside):
        if module not in known:
            found.append(f"{place}: {module} has no line in {PAGE.name}")
            continue
        rooms = known[module]
        if rooms is not None and not any(
            place == f"{room}.py" or place.startswith(f"{room}/") for room in rooms
        ):
            found.append(f"{place}: {module} may be imported in {', '.join(rooms)} alone")
    return found


def test_a_library_is_imported_by_its_own_room_alone() -> None:
    broken = [line for place, text in source_files() for line in strangers(place, text)]

    assert broken == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("services/ingest.py", "from pydicom import dcmread"),
        ("policy/decide.py", "import cryptography.hazmat.primitives"),
        ("servers/dimse/listener.py", "import starlette"),
        ("adapters/blobs/files.py", "def lazily():\n    import sqlalchemy as sa"),
        ("cli/main.py", "import leftpad"),
    ],
)
def test_a_library_elsewhere_is_caught(place: str, text: str) -> None:
    assert strangers(place, text)


def test_a_library_at_its_doorway_is_let_in() -> None:
    assert strangers("dicom/reading.py", "import pydicom\nimport raykeep.domain.uids") == []


def test_every_dependency_has_a_line_and_every_line_a_dependency() -> None:
    project = PROJECT["project"]
    groups = PROJECT["dependency-groups"]
    declared = {
        plain(one)
        for several in (
            project["dependencies"],
            *project["optional-dependencies"].values(),
            *groups.values(),
        )
        for one in several
    }

    assert {row[0] for row in rows()} == declared


def test_every_line_says_why_and_under_which_licence() -> None:
    for row in rows():
        assert all(row), row
