"""Rules of the house that no linter knows: each finds what breaks it in one parsed file.

A rule is a function from a syntax tree to the lines at fault, and the rooms where it does not
hold. `test_rules.py` tries each on the whole source and on snippets that it must catch.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "raykeep"

Findings = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Rule:
    """One rule: its promise, where it does not hold, and how it is broken."""

    promise: str
    find: Callable[[ast.Module], Findings]
    except_in: tuple[str, ...] = ()

    def broken_in(self, place: str, text: str) -> list[str]:
        """Say where `text`, standing at `place` below the package, breaks the rule."""
        if any(place == room or place.startswith(f"{room}/") for room in self.except_in):
            return []
        return [f"{place}:{line}: {what}" for line, what in self.find(ast.parse(text))]


def source_files() -> Iterator[tuple[str, str]]:
    """Give each file of the package: its place below the package, and its text."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path.read_text()


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Map each name that a file imports to what it stands for, aliases resolved."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                shown = alias.asname or alias.name.partition(".")[0]
                names[shown] = alias.name if alias.asname else shown
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Write an expression such as `datetime.now` out in full; empty for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, names)
        return f"{before}.{node.attr}" if before else ""
    return ""


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Give every call with the full name of what is called."""
    names = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func, names)


# --- proof types -------------------------------------------------------------------------------


def makes(*types: str) -> Callable[[ast.Module], Findings]:
    """Find constructions of a proof type, under whatever name it was imported."""

    def find(tree: ast.Module) -> Findings:
        for call, name in calls(tree):
            made = name.rpartition(".")[2]
            if made in types:
                yield call.lineno, f"{made} is made here"

    return find


# --- SQL ---------------------------------------------------------------------------------------

TAKES_SQL = {"text", "execute", "executemany", "executescript", "exec_driver_sql", "scalar", "DDL"}


def is_built(node: ast.expr) -> bool:
    """Tell whether a text is put together at run time."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return any(
            is_built(side) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
            for side in (node.left, node.right)
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"format", "join", "replace", "format_map"}
    return False


def is_pragma(node: ast.expr) -> bool:
    """PRAGMA takes no parameters, and what we put into one is never a peer's."""
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    return (
        isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and first.value.startswith("PRAGMA ")
    )


def builds_sql(tree: ast.Module) -> Findings:
    """Find SQL that is put together as text."""
    for call, _ in calls(tree):
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else ""
        name = function.id if isinstance(function, ast.Name) else name
        if name in TAKES_SQL and call.args:
            sql = call.args[0]
            if is_built(sql) and not is_pragma(sql):
                yield call.lineno, f"{name}() gets SQL built from text; bind the values"


# --- errors ------------------------------------------------------------------------------------

BROAD = {"Exception", "BaseException"}


def is_broad(kind: ast.expr | None) -> bool:
    """Tell whether a handler catches what nobody foresaw."""
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(one, ast.Name) and one.id in BROAD for one in kinds)


def swallows(tree: ast.Module) -> Findings:
    """Find handlers that catch everything and let it go on as if nothing had been."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or isinstance(node.body[-1], ast.Raise):
            continue
        if is_broad(node.type):
            yield node.lineno, "catches everything and does not end with raise"
    for call, name in calls(tree):
        if name == "contextlib.suppress" and any(is_broad(kind) for kind in call.args):
            yield call.lineno, "suppresses everything"


# --- time --------------------------------------------------------------------------------------

WALL_CLOCK = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
}
STOPWATCH = {
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.sleep",
}


def reads(clocks: set[str]) -> Callable[[ast.Module], Findings]:
    """Find uses of a clock, called here or handed on."""

    def find(tree: ast.Module) -> Findings:
        names = imported_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute) and dotted(node, names) in clocks:
                yield node.lineno, f"{dotted(node, names)} is read here; take the time as a value"

    return find


# --- tasks -------------------------------------------------------------------------------------

STARTS_TASK = ("create_task", "ensure_future")


def drops_task(tree: ast.Module) -> Findings:
    """Find tasks that nobody keeps: the garbage collector may end them, and errors vanish."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = node.value.func
            last = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
            if last in STARTS_TASK:
                yield node.lineno, f"the result of {last}() is not kept"


# --- never -------------------------------------------------------------------------------------

RUNS_WHAT_IT_READS = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
RUNS_TEXT = {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput"}
UNSAFE_ARGUMENTS = {"verify": False, "shell": True, "check_hostname": False}


def imports_relatively(tree: ast.Module) -> Findings:
    """Find `from . import …`: a reader should see which room is meant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "relative import"


def runs_what_it_reads(tree: ast.Module) -> Findings:
    """Find libraries and functions that turn data into code."""
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        for module in modules:
            if module.partition(".")[0] in RUNS_WHAT_IT_READS:
                yield node.lineno, f"{module} runs what it reads"
    for call, name in calls(tree):
        if name in RUNS_TEXT:
            yield call.lineno, f"{name}() runs text"


def switches_safety_off(tree: ast.Module) -> Findings:
    """Find arguments and settings on their unsafe side."""
    for node in ast.walk(tree):
        if "CERT_NONE" in (getattr(node, "attr", ""), getattr(node, "name", "")):
            yield getattr(node, "lineno", 0), "CERT_NONE trusts anybody"
        elif isinstance(node, ast.keyword) and switches_off(node.arg, node.value):
            yield node.lineno, f"{node.arg}={ast.unparse(node.value)}"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and switches_off(target.attr, node.value):
                    yield node.lineno, f"{target.attr} is switched off"


def switches_off(name: str | None, value: ast.expr) -> bool:
    """Tell whether `name = value` is the unsafe side of a switch."""
    return (
        name in UNSAFE_ARGUMENTS
        and isinstance(value, ast.Constant)
        and value.value is UNSAFE_ARGUMENTS[name]
    )


# --- logs --------------------------------------------------------------------------------------

LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
LOGGERS = {"log", "logger", "_log", "_logger", "LOG", "LOGGER", "logging"}
NOT_FOR_LOGS = {
    "data_set", "dataset", "identifier", "patient", "patient_name", "patient_id",
    "patient_birth_date", "person_name", "password", "passcode", "secret", "private_key",
}  # fmt: skip


def logs_patients(tree: ast.Module) -> Findings:
    """Find log lines that would carry a data set, a patient or a secret."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        logger = node.func.value
        name = logger.attr if isinstance(logger, ast.Attribute) else getattr(logger, "id", "")
        if name not in LOGGERS or node.func.attr not in LOG_METHODS:
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            for part in ast.walk(argument):
                word = part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")
                if word in NOT_FOR_LOGS:
                    yield node.lineno, f"{word} in a log line"


RULES = (
    Rule(
        "Only the policy makes permits, denials and scopes",
        makes("Permit", "Denial", "Scope"),
        except_in=("policy",),
    ),
    Rule(
        "Only the vault, and the index that loads its rows, make tickets of sealed objects",
        makes("SealedObject"),
        except_in=("vault.py", "adapters/sql"),
    ),
    Rule("No SQL is built from text", builds_sql),
    Rule(
        "Nothing catches everything and goes on, except where one failure must not end the rest",
        swallows,
        except_in=("servers", "worker", "supervisor.py"),
    ),
    Rule(
        "The time of day is read at the rim and handed in",
        reads(WALL_CLOCK),
        except_in=("bootstrap", "supervisor.py", "cli"),
    ),
    Rule(
        "Durations are measured where bytes and processes move",
        reads(STOPWATCH),
        except_in=(
            "transport", "servers", "edge", "adapters", "worker",
            "bootstrap", "supervisor.py", "cli",
        ),
    ),
    Rule("Every task is kept", drops_task),
    Rule("No relative imports", imports_relatively),
    Rule("Nothing runs what it reads", runs_what_it_reads),
    Rule("Nothing switches safety off", switches_safety_off),
    Rule("No patient and no secret in a log", logs_patients),
)  # fmt: skip
