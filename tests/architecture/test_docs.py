"""The documents say what the code does, and nothing in them leads nowhere."""

import re
from pathlib import Path

import click
import pytest

from raykeep.__main__ import raykeep
from tests.architecture.rules import ROOT
from tools import reference

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "changes").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|srcset)=\"([^\"]+)\"")
FRAGMENT = re.compile(r"[0-9a-z-]+\.(security|feature|fix|change|docs)\.md")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_reference_pages_of_the_docs_say_what_the_code_says() -> None:
    assert reference.stale() == [], "run: make docs"


def test_every_error_stands_in_the_docs() -> None:
    page = (DOCS / "reference" / "errors.md").read_text()
    missing = [
        kind.__name__ for kind, _ in reference.error_classes() if f"`{kind.__name__}`" not in page
    ]

    assert missing == []


def test_every_error_says_what_it_means() -> None:
    silent = [
        kind.__name__ for kind, _ in reference.error_classes() if not kind.__dict__["__doc__"]
    ]

    assert silent == []


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_links_in_the_docs_lead_somewhere(page: Path) -> None:
    targets = [first or second for first, second in LINK.findall(page.read_text())]
    lost = [
        target
        for target in targets
        if "://" not in target
        and not target.startswith("mailto:")
        and not (page.parent / target).exists()
    ]

    assert lost == []


def test_every_page_of_the_docs_can_be_reached_from_the_first() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for first, _ in LINK.findall(page.read_text()):
            target = (page.parent / first).resolve()
            if first and target.is_file():
                waiting.append(target)

    assert [place(page) for page in DOCS.rglob("*.md") if page not in seen] == []


def test_every_decision_stands_in_the_list_of_the_docs() -> None:
    listed = (DOCS / "adr" / "README.md").read_text()
    records = sorted(path.name for path in (DOCS / "adr").glob("[0-9]*.md"))

    assert [name for name in records if f"({name})" not in listed] == []
    assert [name[:4] for name in records] == [f"{n:04}" for n in range(1, len(records) + 1)]


@pytest.mark.parametrize("record", sorted((DOCS / "adr").glob("[0-9]*.md")), ids=place)
def test_a_decision_of_the_docs_says_why_and_what_it_costs(record: Path) -> None:
    text = record.read_text()

    assert text.startswith(f"# {record.name[:4]}: ")
    for part in ("**Context.**", "**Options", "**Choice.**", "**Price.**"):
        assert part in text


def test_every_change_fragment_of_the_docs_has_a_kind() -> None:
    names = [path.name for path in (ROOT / "changes").glob("*.md") if path.name != "README.md"]

    assert [name for name in names if not FRAGMENT.fullmatch(name)] == []


# `raykeep device enroll …`, in a page, a comment or a message, which may name the archive before.
NAMED_COMMAND = re.compile(r"`raykeep (?:--data \S+ )?([a-z]+)(?: ([a-z]+))?")


@pytest.mark.parametrize("folder", ["docs", "src"])
def test_every_command_that_docs_and_messages_name_is_there(folder: str) -> None:
    files = [*(ROOT / folder).rglob("*.md"), *(ROOT / folder).rglob("*.py")]
    named = {found for path in files for found in NAMED_COMMAND.findall(path.read_text())}

    def is_there(first: str, second: str) -> bool:
        command = raykeep.commands.get(first)
        inner = command.commands if isinstance(command, click.Group) else {second: None}
        return command is not None and (not second or second in inner)

    assert [" ".join(words) for words in sorted(named) if not is_there(*words)] == []


# --- the writers of the reference pages --------------------------------------------------------


def test_a_block_of_the_docs_that_is_behind_is_written_anew() -> None:
    old = "before\n<!-- from the code: outcomes -->\nold\n<!-- until here -->\nafter\n"

    new = reference.filled(old)

    assert "old" not in new
    assert "`denied`" in new
    assert reference.filled(new) == new
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("MAX_LENGTH = 16  # characters", ("16", "characters")),
        ("MAX_BODY = 64 * 1024 # bytes", ("65,536", "bytes")),
        (
            "# A reason.\n# Two lines.\nMAX_IDLE: float = 2.5  # seconds",
            ("2.5", "seconds. A reason. Two lines"),
        ),
        ("MAX_ALL = 2 ** 20", ("1,048,576", "")),
    ],
)
def test_limits_of_the_docs_are_read_with_their_units(source: str, shown: tuple[str, str]) -> None:
    tree = reference.ast.parse(source)

    [value] = reference.values(tree, reference.comments(source))

    assert (value.default, value.comment) == shown
