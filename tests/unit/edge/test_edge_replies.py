"""Bodies are pulled, a few pieces at a time."""

from collections.abc import Iterator

from raykeep.edge.replies import FIRST_PIECES, PIECES_AT_ONCE, StreamReply


def counted(total: int, taken: list[int]) -> Iterator[bytes]:
    try:
        for number in range(total):
            taken.append(number)
            yield b"%d" % number
    finally:
        taken.append(-1)


def test_no_more_is_read_than_is_asked_for() -> None:
    taken: list[int] = []
    reply = StreamReply(200, [], counted(100, taken), None).begin()

    assert len(reply.ahead) == FIRST_PIECES
    assert len(taken) == FIRST_PIECES
    reply.pull()
    assert len(taken) == FIRST_PIECES + PIECES_AT_ONCE
    assert not reply.done


def test_what_a_body_is_made_from_is_let_go_with_it() -> None:
    taken: list[int] = []
    reply = StreamReply(200, [], counted(100, taken), None).begin()
    del reply

    assert taken[-1] == -1


def test_the_last_pieces_are_known_to_be_the_last() -> None:
    reply = StreamReply(200, [], counted(3, []), 3).begin()

    assert reply.done
    assert reply.ahead == [b"0", b"1", b"2"]
