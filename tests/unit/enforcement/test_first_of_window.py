"""Counting the many without keeping the many."""

from hypothesis import given
from hypothesis import strategies as st

from raykeep.enforcement.first_of_window import MAX_SOURCES, FirstOfWindow


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 50)), max_size=60))
def test_every_event_is_recorded_or_counted(events):
    window = FirstOfWindow(60.0)
    told = 0
    counted = 0

    for source, offset in events:
        answer = window.happened(source, offset)
        if answer is None:
            counted += 1
        else:
            told += 1 + answer
    final = sum((window.happened(s, 1000.0) or 0) for s in "ab")

    assert told + final == len(events)


def test_a_million_sources_cost_no_more_than_some_thousand():
    window = FirstOfWindow(60.0)

    recorded = sum(window.happened(str(n), 1.0) is not None for n in range(MAX_SOURCES * 3))

    assert recorded == MAX_SOURCES + 1


def test_old_sources_make_room_for_new_ones():
    window = FirstOfWindow(60.0)
    for n in range(MAX_SOURCES):
        window.happened(str(n), 1.0)
    assert window.happened("too many", 2.0) == 0
    assert window.happened("too many, too", 60.9) is None

    assert window.happened("new", 62.0) == 0
    assert window.happened("new", 63.0) is None
    assert window.happened("newer", 63.0) == 0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 50), st.booleans()), max_size=60))
def test_every_event_is_told_once_however_often_records_fail(events):
    window = FirstOfWindow(60.0)
    told = 0

    for source, offset, fails in events:
        answer = window.happened(source, offset)
        if answer is not None and fails:
            window.take_back(source, answer)
        elif answer is not None:
            told += 1 + answer
    told += sum((window.happened(source, 1000.0) or 0) for source in "ab")

    assert told == len(events)


def test_what_is_taken_back_of_a_source_beyond_the_most_counts_for_the_others():
    window = FirstOfWindow(60.0)
    for n in range(MAX_SOURCES):
        window.happened(str(n), 1.0)
    assert window.happened("one more", 1.0) == 0

    window.take_back("one more", 0)

    assert window.happened("another", 1.0) == 1
