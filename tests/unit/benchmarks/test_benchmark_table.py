"""Medians, ratios and verdicts of the benchmarks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.goals import RECORDED, TARGETS
from benchmarks.table import BELOW, GATE, GOAL, HEADINGS, Line, Readings, Target, number, render

values = st.floats(min_value=0.001, max_value=1e6)
series = st.lists(values, min_size=1, max_size=5).map(tuple)


def line(**changes):
    usual = {"row": "P1", "what": "CT", "unit": "obj/s", "ours": (400.0,), "peer": "Orthanc"}
    return Line(**{**usual, "peers": (100.0,), **changes})


def test_a_rate_is_better_when_it_is_higher():
    assert line().ratio == 4


def test_a_time_is_better_when_it_is_lower():
    assert line(ours=(2.0,), peers=(10.0,), lower_is_better=True).ratio == 5


def test_the_ratio_is_that_of_the_medians():
    assert line(ours=(1.0, 300.0, 200.0), peers=(50.0, 900.0, 100.0)).ratio == 2


@given(ours=series, peers=series, lower_is_better=st.booleans())
def test_who_changes_sides_turns_the_ratio_over(ours, peers, lower_is_better):
    one = line(ours=ours, peers=peers, lower_is_better=lower_is_better).ratio
    other = line(ours=peers, peers=ours, lower_is_better=lower_is_better).ratio

    assert one * other == pytest.approx(1)


def test_without_a_peer_there_is_no_ratio_and_no_verdict():
    alone = line(peer="", peers=(), target=Target(2, 3))

    assert (alone.ratio, alone.verdict) == (None, "")


@pytest.mark.parametrize(
    ("ours", "verdict"), [(199.0, BELOW), (200.0, GATE), (299.0, GATE), (300.0, GOAL)]
)
def test_a_ratio_meets_its_gate_before_its_goal(ours, verdict):
    assert line(ours=(ours,), target=Target(2, 3)).verdict == verdict


@pytest.mark.parametrize(("seconds", "verdict"), [(5.0, BELOW), (4.0, GATE), (2.0, GOAL)])
def test_an_absolute_target_asks_for_no_peer(seconds, verdict):
    start = line(ours=(seconds,), peer="", peers=(), target=Target(4, 2, absolute=True))

    assert start.verdict == verdict


def test_a_goal_without_a_gate_is_met_or_not():
    wanted = Target(None, 1)

    assert [wanted.verdict(1.0), wanted.verdict(0.9)] == [GOAL, "goal not met"]


@given(ours=series, peers=series, advantage=st.floats(1.3, 200), lower=st.booleans())
def test_a_newer_peer_that_is_better_lowers_the_ratio_by_as_much(ours, peers, advantage, lower):
    older = line(ours=ours, peers=peers, lower_is_better=lower)
    newer = older.against_newer("newer", advantage, None)

    assert newer.ratio == pytest.approx(older.ratio / advantage)
    assert "~" in newer.cells()[5]


@given(ours=series, target=st.sampled_from(sorted(TARGETS)))
def test_every_target_can_be_told(ours, target):
    cells = line(ours=ours, target=TARGETS[target]).cells()

    assert len(cells) == len(HEADINGS)
    assert cells[-1] in {GOAL, GATE, BELOW, "goal not met"}


def test_a_goal_asks_for_more_than_its_gate():
    for name, target in TARGETS.items():
        if target.gate is not None:
            assert (target.goal < target.gate) == target.absolute, name


def test_what_is_recorded_of_a_newer_peer_is_where_it_was_better():
    assert all(one > 1.3 for known in RECORDED.values() for one in known.values())


def test_readings_keep_the_runs_of_each_side_apart():
    readings = Readings()
    readings.add("ours", {"rate": 1.0, "cpu_ms": 5.0})
    readings.add("peer", {"rate": 2.0})
    readings.add("ours", {"rate": 3.0})

    assert readings.values("ours", "rate") == (1.0, 3.0)
    assert readings.values("ours", "cpu_ms") == (5.0,)
    assert readings.values("nobody", "rate") == ()


def test_the_table_has_a_row_a_line_and_columns_of_one_width():
    table = render([line(), line(what="CT: server CPU", ours=(3.0, 1.0, 2.0))]).splitlines()

    assert len(table) == 4
    assert len({len(row) for row in table}) == 1
    assert "4 x" in table[2]
    assert "|  ... server CPU" in table[3]
    assert "2 (1..3)" in table[3]


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (56.78, "56.8"), (0.12345, "0.123"), (0.0, "0")]
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text
