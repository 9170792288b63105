"""Table 9-10 (PS3.8 section 9.2.3), cell by cell against a second transcription."""

from raykeep.wire.upperlayer.states import TRANSITIONS, Action, Event, State

# By action, then by event: the states in which the event leads to the action.
# Read from the standard's table column by column; the product's table goes by rows.
BY_ACTION = {
    "AE-1": {1: {1}},
    "AE-2": {2: {4}},
    "AE-3": {3: {5}},
    "AE-4": {4: {5}},
    "AE-5": {5: {1}},
    "AE-6": {6: {2}},
    "AE-7": {7: {3}},
    "AE-8": {8: {3}},
    "DT-1": {9: {6}},
    "DT-2": {10: {6}},
    "AR-1": {11: {6}},
    "AR-2": {12: {6}},
    "AR-3": {13: {7, 11}},
    "AR-4": {14: {8, 12}},
    "AR-5": {17: {13}},
    "AR-6": {10: {7}},
    "AR-7": {9: {8}},
    "AR-8": {12: {7}},
    "AR-9": {14: {9}},
    "AR-10": {13: {10}},
    "AA-1": {
        3: {2}, 4: {2}, 10: {2}, 12: {2}, 13: {2}, 19: {2},
        15: {3, 5, 6, 7, 8, 9, 10, 11, 12},
    },
    "AA-2": {15: {4}, 16: {2, 13}, 18: {2, 13}},
    "AA-3": {16: {3, 5, 6, 7, 8, 9, 10, 11, 12}},
    "AA-4": {17: {3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
    "AA-5": {17: {2}},
    "AA-6": {3: {13}, 4: {13}, 10: {13}, 12: {13}, 13: {13}},
    "AA-7": {6: {13}, 19: {13}},
    "AA-8": {
        3: {3, 6, 7, 8, 9, 10, 11, 12},
        4: {3, 6, 7, 8, 9, 10, 11, 12},
        6: {3, 5, 6, 7, 8, 9, 10, 11, 12},
        10: {3, 5, 8, 9, 10, 11, 12},
        12: {3, 5, 8, 9, 10, 11, 12},
        13: {3, 5, 6, 8, 9, 12},
        19: {3, 5, 6, 7, 8, 9, 10, 11, 12},
    },
}  # fmt: skip


def test_the_table_is_table_9_10():
    oracle = {
        (Event[f"Evt{event}"], State[f"Sta{state}"]): Action(action)
        for action, events in BY_ACTION.items()
        for event, states in events.items()
        for state in states
    }

    assert dict(TRANSITIONS) == oracle


def test_every_action_has_a_place():
    assert {action.value for action in TRANSITIONS.values()} == set(BY_ACTION)
    assert set(TRANSITIONS.values()) == set(Action)


def test_in_every_state_with_a_connection_its_end_and_bad_bytes_have_an_answer():
    for state in set(State) - {State.Sta1, State.Sta4}:
        assert (Event.Evt17, state) in TRANSITIONS
        assert (Event.Evt19, state) in TRANSITIONS
        assert (Event.Evt16, state) in TRANSITIONS
