"""Fill the documents from the code: `make docs`. With --check only compare.

A page below docs/ is written by hand, but for the parts between

    <!-- from the code: NAME -->
    <!-- until here -->

which one of the functions below writes. A test runs the comparison, so that a page can never
fall behind.
"""

import ast
import importlib.util
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from raykeep.crypto import seal_layout
from raykeep.domain import errors
from raykeep.domain.access import Action
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.enforcement.events import event_of

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "raykeep"
DOCS = ROOT / "docs"

BLOCK = re.compile(r"<!-- from the code: (\w+) -->\n(.*?)<!-- until here -->", re.DOTALL)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table."""
    lines = [list(headings)]
    lines.append(["---"] * len(lines[0]))
    lines.extend([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def first_sentence(documented: object) -> str:
    """Give a docstring's first paragraph on one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


# --- errors ------------------------------------------------------------------------------------


def error_classes() -> Iterator[tuple[type[Exception], int]]:
    """Give each class of the error tree with its depth, parents first."""

    def below(kind: type[Exception], depth: int) -> Iterator[tuple[type[Exception], int]]:
        yield kind, depth
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from below(child, depth + 1)

    yield from below(errors.ArchiveError, 0)


def errors_page() -> str:
    """Write the error tree as a table."""
    return table(
        ("Error", "Is a", "Means"),
        (
            (f"`{kind.__name__}`", f"`{kind.__bases__[0].__name__}`", first_sentence(kind))
            for kind, _ in error_classes()
        ),
    )


# --- limits and settings -----------------------------------------------------------------------

LIMIT_NAME = re.compile(r"(MAX|MIN)_\w+|\w+_(LIMIT|TIMEOUT|MAX)(_S)?|MAX|LIMIT")


@dataclass(frozen=True)
class Value:
    """A name with a default, as it stands in the source."""

    name: str
    kind: str
    default: str
    comment: str


def comments(text: str) -> dict[int, tuple[str, bool]]:
    """Map a line to its comment, and whether the comment has the line for itself."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            found[token.start[0]] = (token.string.lstrip("# "), alone)
    return found


def comment_of(first: int, last: int, known: dict[int, tuple[str, bool]]) -> str:
    """Join the comment above lines `first`..`last` and the one at their end."""
    above: list[str] = []
    line = first - 1
    while line in known and known[line][1] and not known[line][0].startswith("---"):
        above.insert(0, known[line][0])
        line -= 1
    beside = [known[line][0] for line in (last,) if line in known and not known[line][1]]
    reason = " ".join(above)
    return ". ".join(part.removesuffix(".") for part in (*beside, reason) if part)


def shown(node: ast.expr) -> str:
    """Write a default; numbers are worked out and grouped."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "field":
        for keyword in node.keywords:
            if keyword.arg == "default":
                return shown(keyword.value)
            if keyword.arg == "default_factory":
                return f"`{ast.unparse(keyword.value)}()`"
    number = worked_out(node)
    if number is None:
        return f"`{ast.unparse(node)}`"
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def worked_out(node: ast.expr) -> int | float | None:
    """Give the value of a product, sum or power of numbers; None for anything else."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.BinOp):
        left, right = worked_out(node.left), worked_out(node.right)
        if left is None or right is None:
            return None
        operations: dict[type[ast.operator], Callable[[], int | float]] = {
            ast.Mult: lambda: left * right,
            ast.Add: lambda: left + right,
            ast.Sub: lambda: left - right,
            ast.Pow: lambda: left**right,
            ast.LShift: lambda: int(left) << int(right),
            ast.FloorDiv: lambda: left // right,
        }
        return operations[type(node.op)]() if type(node.op) in operations else None
    return None


ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def described(documented: ast.Module | ast.ClassDef) -> dict[str, str]:
    """Map the names in a docstring's `Attributes:` to what is said of them."""
    text = ast.get_docstring(documented) or ""
    _, _, attributes = text.partition("Attributes:\n")
    return {name: " ".join(about.split()) for name, about in ATTRIBUTE.findall(attributes)}


def values(
    documented: ast.Module | ast.ClassDef, known: dict[int, tuple[str, bool]]
) -> Iterator[Value]:
    """Give the assignments of a module or a class, with what is said of each."""
    about = described(documented)
    for node in documented.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, kind, value = node.target.id, ast.unparse(node.annotation), node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, kind, value = node.targets[0].id, "", node.value
        else:
            continue
        default = "" if value is None else shown(value)
        comment = comment_of(node.lineno, node.end_lineno or node.lineno, known)
        said = [part.removesuffix(".") for part in (about.get(name, ""), comment) if part]
        yield Value(name, kind, default, "; ".join(said))


def parsed() -> Iterator[tuple[str, ast.Module, dict[int, tuple[str, bool]]]]:
    """Give each file: its dotted place below the package, its tree and its comments."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text()
        place = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        yield place.removesuffix(".__init__"), ast.parse(text), comments(text)


def limits_page() -> str:
    """Write every constant that is a limit and every field of a `…Limits` class."""
    rows: list[tuple[str, str, str, str]] = []
    for place, tree, known in parsed():
        rows.extend(
            (f"`{value.name}`", value.default, value.comment, f"`{place}`")
            for value in values(tree, known)
            if LIMIT_NAME.fullmatch(value.name.lstrip("_")) and value.default[:1].isdigit()
        )
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Limits"):
                rows.extend(
                    (f"`{value.name}`", value.default, value.comment, f"`{place}`")
                    for value in values(node, known)
                    if value.default
                )
    return table(("Limit", "Value", "Unit and reason", "Where"), rows)


# What the types and defaults of settings are called in TOML.
IN_TOML = {"str": "text", "Path": "path", "AETitle": "AE title", "bool": "true or false"}
NUMBERS = {"int": "whole number", "float": "number"}
DEFAULTS = {"None": "", "True": "`true`", "False": "`false`", "()": "`[]`"}


def settings_page() -> str:
    """Write every settings class: one table a section."""
    parts: list[str] = []
    for _, tree, known in parsed():
        aliases = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
        }
        for node in tree.body:
            if not isinstance(node, ast.ClassDef) or not node.name.endswith("Settings"):
                continue
            about = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            kinds = {
                part.target.id: in_toml(part.annotation, aliases)
                for part in node.body
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            }
            rows = [
                (f"`{value.name}`", kinds[value.name], default_in_toml(value), value.comment)
                for value in values(node, known)
                if not value.name.startswith("_")
            ]
            if node.name == "Settings":  # the whole file: its sections have tables of their own
                continue
            parts.append(f"### {about}\n\n")
            parts.append(table(("Key", "Type", "Default", "Unit and reason"), rows) + "\n")
    return "".join(parts).rstrip("\n") + "\n" if parts else "Nothing can be set yet.\n"


def in_toml(kind: ast.expr, aliases: dict[str, ast.expr]) -> str:
    """Say what a setting of this type is written as."""
    kind = aliases.get(kind.id, kind) if isinstance(kind, ast.Name) else kind
    if isinstance(kind, ast.BinOp):  # X | None
        return in_toml(kind.left, aliases)
    if not isinstance(kind, ast.Subscript):
        name = ast.unparse(kind)
        return IN_TOML.get(name) or NUMBERS.get(name) or "section"
    inner = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
    match ast.unparse(kind.value):
        case "Literal":
            return " or ".join(f'`"{ast.literal_eval(one)}"`' for one in inner)
        case "Annotated" if isinstance(inner[1], ast.Call):
            bounds = {word.arg: shown(word.value) for word in inner[1].keywords}
            return in_toml(inner[0], aliases) + bounded(bounds)
        case _:
            return f"list of {in_toml(inner[0], aliases)}"


def bounded(bounds: dict[str | None, str]) -> str:
    """Say between which numbers a number must be."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    if {"ge", "le"} == set(bounds):
        return f", {bounds['ge']} to {bounds['le']}"
    return "".join(f", {words[name]} {value}" for name, value in bounds.items() if name in words)


def default_in_toml(value: Value) -> str:
    """Write a default as TOML has it; nothing where the key is best left out."""
    text = value.default.strip("`")
    if text in DEFAULTS:
        return DEFAULTS[text]
    if quoted := re.fullmatch(r"(?:AETitle\()?'([^']*)'\)?", text):
        return f'`"{quoted[1]}"`'
    if not value.default[:1].isdigit():
        return "" if value.default else "required"
    return value.default.replace(",", "_" if len(value.default) > len("99,999") else "")


# --- actions and events ------------------------------------------------------------------------


def actions_page() -> str:
    """Write every action that can stand on the trail, and its event."""
    return table(
        ("Action", "Event when it is done", "Event when it is denied"),
        (
            (
                f"`{action.value}`",
                event_name(event_of(action, Outcome.SUCCESS)),
                event_name(event_of(action, Outcome.DENIED)),
            )
            for action in sorted(Action)
        ),
    )


def event_name(event: EventID) -> str:
    """Write an event as the standard does."""
    return event.name.replace("_", " ").title()


def events_page() -> str:
    """Write every PS3.15 event that records carry."""
    return table(
        ("Code (DCM)", "Event"),
        ((str(event.value), event_name(event)) for event in EventID),
    )


def outcomes_page() -> str:
    """Write the outcomes of a record."""
    return table(
        ("Outcome", "Name in the code"), ((f"`{one.value}`", f"`{one.name}`") for one in Outcome)
    )


# --- formats -----------------------------------------------------------------------------------


def seal_page() -> str:
    """Write the layout of a sealed object, as the module that writes it says."""
    return f"{(inspect.getdoc(seal_layout) or '').strip()}\n"


# --- commands ----------------------------------------------------------------------------------


def commands_page() -> str:
    """Write every command with its options."""
    if importlib.util.find_spec("raykeep.__main__") is None:
        return "No command can be called yet.\n"
    module = importlib.import_module("raykeep.__main__")
    root = next(value for value in vars(module).values() if isinstance(value, click.Group))
    return "\n".join(command_parts(root, click.Context(root, info_name="raykeep")))


def command_parts(command: click.Command, context: click.Context) -> Iterator[str]:
    """Write one command, then those below it."""
    if command.hidden:
        return
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    about = inspect.cleandoc(command.help or "").replace("\b\n", "")
    options = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) and "--help" not in record[0]
    ]
    yield f"### `{context.command_path}`\n\n    {usage}\n\n{about}\n"
    if options:
        yield table(("Option", ""), ((f"`{name}`", text) for name, text in options))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (child := command.get_command(context, name)) is not None:
                inside = click.Context(child, parent=context, info_name=name)
                yield from command_parts(child, inside)


WRITERS: dict[str, Callable[[], str]] = {
    "errors": errors_page,
    "limits": limits_page,
    "settings": settings_page,
    "actions": actions_page,
    "events": events_page,
    "outcomes": outcomes_page,
    "seal": seal_page,
    "commands": commands_page,
}


def filled(text: str) -> str:
    """Give a page's text with every block written anew."""

    def fresh(block: re.Match[str]) -> str:
        name = block[1]
        return f"<!-- from the code: {name} -->\n{WRITERS[name]()}<!-- until here -->"

    return BLOCK.sub(fresh, text)


def stale() -> list[Path]:
    """Name the pages that do not say what the code says."""
    return [
        page for page in sorted(DOCS.rglob("*.md")) if filled(page.read_text()) != page.read_text()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only tell which are behind."""
    behind = stale()
    for page in behind:
        print(f"{page.relative_to(ROOT)} is behind the code")
    if arguments == ["--check"]:
        return 1 if behind else 0
    for page in behind:
        page.write_text(filled(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
