"""From readings to medians, ratios and verdicts, and to the table that says them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GOAL, GATE, BELOW = "goal met", "gate met", "BELOW GATE"

HEADINGS = ("Row", "What", "Unit", "Raykeep", "Peer", "Peer's", "Ratio", "Gate", "Goal", "Verdict")

Reading = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted of a line.

    Attributes:
        gate: The least that is wanted now; None where nothing was said.
        goal: What is wanted in the end.
        absolute: The median is to be at most this; else the ratio to the peer at least.
    """

    gate: float | None
    goal: float
    absolute: bool = False

    def verdict(self, value: float) -> str:
        """How a median, or a ratio, compares."""
        if self._does(value, self.goal):
            return GOAL
        if self.gate is None:
            return "goal not met"
        return GATE if self._does(value, self.gate) else BELOW

    def shown(self) -> tuple[str, str]:
        """Gate and goal in a few characters."""
        mark = "<= {:g}" if self.absolute else ">= {:g} x"
        gate = "-" if self.gate is None else mark.format(self.gate)
        return gate, mark.format(self.goal)

    def _does(self, value: float, wanted: float) -> bool:
        return value <= wanted if self.absolute else value >= wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table.

    Attributes:
        row: Number of the row of goals, e.g. `P1`.
        what: What was done.
        unit: Of the values.
        ours: This archive's, one a run.
        peer: Who is compared with; empty for nobody.
        peers: The peer's values, one a run.
        target: What is wanted; None for a line that only informs.
        lower_is_better: Times and costs; else rates.
        estimated: The peer was not measured here: its values are derived.
    """

    row: str
    what: str
    unit: str
    ours: tuple[float, ...]
    peer: str = ""
    peers: tuple[float, ...] = ()
    target: Target | None = None
    lower_is_better: bool = False
    estimated: bool = False

    @property
    def ratio(self) -> float | None:
        """Median against median, above 1 where we are better; None without a peer."""
        if not self.peers:
            return None
        ours, peers = statistics.median(self.ours), statistics.median(self.peers)
        better, other = (peers, ours) if self.lower_is_better else (ours, peers)
        return better / other if other else None

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty where there is none, or nothing to hold against it."""
        if self.target is None:
            return ""
        value = statistics.median(self.ours) if self.target.absolute else self.ratio
        return "" if value is None else self.target.verdict(value)

    def against_newer(self, peer: str, advantage: float, target: Target | None) -> "Line":
        """The same against a peer that was `advantage` times as good when it was measured."""
        factor = 1 / advantage if self.lower_is_better else advantage
        return Line(
            row=self.row,
            what=self.what,
            unit=self.unit,
            ours=self.ours,
            peer=peer,
            peers=tuple(value * factor for value in self.peers),
            target=target,
            lower_is_better=self.lower_is_better,
            estimated=True,
        )

    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of `HEADINGS`."""
        gate, goal = ("-", "-") if self.target is None else self.target.shown()
        ratio = self.ratio
        about = "~ " if self.estimated else ""
        return (
            self.row,
            self.what,
            self.unit,
            spread(self.ours),
            self.peer or "-",
            about + spread(self.peers) if self.peers else "-",
            "-" if ratio is None else f"{about}{number(ratio)} x",
            gate,
            goal,
            self.verdict or "-",
        )


class Readings:
    """What was read of each side, run by run."""

    def __init__(self) -> None:
        self._readings: dict[str, list[Reading]] = {}

    def add(self, side: str, reading: Reading) -> None:
        """Note one run of a side."""
        self._readings.setdefault(side, []).append(reading)

    def values(self, side: str, metric: str) -> tuple[float, ...]:
        """One number of a side, run by run; empty for a side or a number that is not there."""
        return tuple(one[metric] for one in self._readings.get(side, []) if metric in one)


def spread(values: Sequence[float]) -> str:
    """The median, and the least and the most where there are several."""
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))}..{number(max(values))})"


def number(value: float) -> str:
    """Three digits that say something, no more."""
    if value >= 100:  # noqa: PLR2004 - the three digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def render(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table that reads well as it stands.

    A line that says more of the one before, behind a colon, does not say that again.
    """
    rows: list[tuple[str, ...]] = [HEADINGS]
    before = ""
    for line in lines:
        row, what, *others = line.cells()
        if before and what.startswith(f"{before}: "):
            what = what.removeprefix(f"{before}:")
        else:
            before = what
        rows.append((row, what if what == before else f" ...{what}", *others))
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (rows[0], rule, *rows[1:])
    )
