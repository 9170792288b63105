"""Presentation contexts and roles (PS3.8 9.3.3.2, PS3.7 D.3.3.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.items import RoleSelection, UserInformation
from raykeep.wire.upperlayer.negotiation import (
    AcceptedContext,
    Supported,
    interpret,
    negotiate,
)
from raykeep.wire.upperlayer.pdu import AssociateAC, ContextResult, ProposedContext
from tests.unit.wire.associations import CT, EXPLICIT, IMPLICIT, VERIFICATION, request, requests

JPEG = UID("1.2.840.10008.1.2.4.70")
BOTH = Supported(transfer_syntaxes=(IMPLICIT, EXPLICIT))


def test_the_requestors_order_decides():
    asked = request(ProposedContext(1, CT, (JPEG, EXPLICIT, IMPLICIT)))

    assert negotiate(asked, {CT: BOTH}).results == (ContextResult(1, 0, EXPLICIT),)


def test_the_acceptors_order_decides_where_it_is_told_to():
    asked = request(ProposedContext(1, CT, (JPEG, EXPLICIT, IMPLICIT)))
    ours = Supported(transfer_syntaxes=(IMPLICIT, EXPLICIT), prefer_acceptor_order=True)

    assert negotiate(asked, {CT: ours}).results == (ContextResult(1, 0, IMPLICIT),)


def test_a_predicate_takes_objects_as_they_come():
    asked = request(ProposedContext(1, CT, (UID("1.2.840.10008.1.2.1.99"), JPEG, IMPLICIT)))
    as_they_come = Supported(transfer_syntaxes=lambda uid: not uid.endswith(".99"))

    assert negotiate(asked, {CT: as_they_come}).contexts == {1: AcceptedContext(1, CT, JPEG)}


def test_what_is_supported_may_be_a_function():
    asked = request(
        ProposedContext(1, CT, (IMPLICIT,)), ProposedContext(3, VERIFICATION, (IMPLICIT,))
    )

    results = negotiate(asked, lambda uid: BOTH if uid == CT else None).results

    assert [one.result for one in results] == [0, 3]


def test_each_refusal_has_its_result():
    asked = request(
        ProposedContext(1, VERIFICATION, (IMPLICIT,)),
        ProposedContext(3, None, (IMPLICIT,)),
        ProposedContext(5, CT, (JPEG,)),
        ProposedContext(7, CT, ()),
        ProposedContext(9, CT, (IMPLICIT,)),
    )

    negotiated = negotiate(asked, {CT: BOTH})

    assert [(one.context_id, one.result) for one in negotiated.results] == [
        (1, 3),
        (3, 3),
        (5, 4),
        (7, 4),
        (9, 0),
    ]
    assert set(negotiated.contexts) == {9}


@given(requests, st.sets(st.integers(0, 4)))
def test_every_proposed_context_gets_one_answer_in_its_order(asked, known):
    supported = {
        one.abstract_syntax: Supported(transfer_syntaxes=lambda _: True)
        for n, one in enumerate(asked.contexts)
        if n in known
    }

    negotiated = negotiate(asked, supported)

    assert [one.context_id for one in negotiated.results] == [
        one.context_id for one in asked.contexts
    ]
    accepted = {one.context_id for one in negotiated.results if one.result == 0}
    assert accepted == set(negotiated.contexts)


@given(requests)
def test_both_sides_understand_the_answer_alike(asked):
    everything = Supported(transfer_syntaxes=lambda _: True, requestor_as_scp=True)
    negotiated = negotiate(asked, lambda _: everything)
    answer = AssociateAC(
        results=negotiated.results, user_information=UserInformation(roles=negotiated.roles)
    )

    assert interpret(asked, answer) == negotiated.contexts


ROLE_CASES = [
    # proposed (scu, scp), supported (scu, scp) -> result, granted
    (None, (True, False), 0, (True, False)),
    (None, (True, True), 0, (True, False)),
    (None, (False, True), 1, None),
    ((True, True), (True, True), 0, (True, True)),
    ((True, True), (True, False), 0, (True, False)),
    ((True, True), (False, True), 0, (False, True)),
    ((False, True), (True, True), 0, (False, True)),
    ((False, True), (True, False), 1, None),
    ((True, False), (False, True), 1, None),
    ((False, False), (True, True), 1, None),
]


@pytest.mark.parametrize(("proposed", "offered", "result", "granted"), ROLE_CASES)
def test_a_role_is_given_where_both_want_it(proposed, offered, result, granted):
    roles = () if proposed is None else (RoleSelection(CT, *proposed),)
    asked = request(ProposedContext(1, CT, (IMPLICIT,)), roles=roles)
    scu, scp = offered
    ours = Supported(transfer_syntaxes=(IMPLICIT,), requestor_as_scu=scu, requestor_as_scp=scp)

    negotiated = negotiate(asked, {CT: ours})

    assert negotiated.results[0].result == result
    if granted is None:
        assert negotiated.contexts == {}
        assert negotiated.roles == ()
    else:
        assert negotiated.contexts[1] == AcceptedContext(1, CT, IMPLICIT, *granted)
        assert negotiated.roles == (() if proposed is None else (RoleSelection(CT, *granted),))


def test_the_first_of_two_role_items_counts():
    roles = (RoleSelection(CT, scu=True, scp=False), RoleSelection(CT, scu=True, scp=True))
    asked = request(ProposedContext(1, CT, (IMPLICIT,)), roles=roles)
    ours = Supported(transfer_syntaxes=(IMPLICIT,), requestor_as_scp=True)

    assert negotiate(asked, {CT: ours}).roles == roles[:1]


def test_a_role_without_an_answer_or_without_a_wish_is_the_default():
    wish = (RoleSelection(CT, scu=True, scp=True),)
    results = (ContextResult(1, 0, IMPLICIT),)
    proposed = ProposedContext(1, CT, (IMPLICIT,))
    silent = AssociateAC(results=results, user_information=UserInformation())
    eager = AssociateAC(results=results, user_information=UserInformation(roles=wish))
    default = AcceptedContext(1, CT, IMPLICIT)

    assert interpret(request(proposed, roles=wish), silent) == {1: default}
    assert interpret(request(proposed), eager) == {1: default}


def test_a_role_that_was_not_asked_for_is_not_taken():
    asked = request(
        ProposedContext(1, CT, (IMPLICIT,)), roles=(RoleSelection(CT, scu=True, scp=False),)
    )
    both = UserInformation(roles=(RoleSelection(CT, scu=True, scp=True),))
    answer = AssociateAC(results=(ContextResult(1, 0, IMPLICIT),), user_information=both)

    assert interpret(asked, answer) == {1: AcceptedContext(1, CT, IMPLICIT)}


@pytest.mark.parametrize(
    "result", [ContextResult(5, 3), ContextResult(1, 0, JPEG), ContextResult(1, 0, None)]
)
def test_an_answer_to_what_was_not_proposed_is_a_protocol_error(result):
    asked = request(ProposedContext(1, CT, (IMPLICIT,)))

    with pytest.raises(ProtocolError):
        interpret(asked, AssociateAC(results=(result,), user_information=UserInformation()))


def test_rejected_contexts_are_left_out():
    asked = request(ProposedContext(1, CT, (IMPLICIT,)))
    answer = AssociateAC(results=(ContextResult(1, 3),), user_information=UserInformation())

    assert interpret(asked, answer) == {}
