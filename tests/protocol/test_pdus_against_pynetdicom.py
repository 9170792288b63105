"""PDUs and table 9-10 as pynetdicom, written independently, understands them."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import fsm
from pynetdicom import pdu as theirs

from raykeep.wire.upperlayer.decoding import decode
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.pdu import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    DataTF,
    ReleaseRP,
    ReleaseRQ,
)
from raykeep.wire.upperlayer.states import TRANSITIONS
from tests.unit.wire.associations import LIMITS, answers, pdus, requests

THEIRS = {
    AssociateRQ: theirs.A_ASSOCIATE_RQ,
    AssociateAC: theirs.A_ASSOCIATE_AC,
    AssociateRJ: theirs.A_ASSOCIATE_RJ,
    DataTF: theirs.P_DATA_TF,
    ReleaseRQ: theirs.A_RELEASE_RQ,
    ReleaseRP: theirs.A_RELEASE_RP,
    Abort: theirs.A_ABORT_RQ,
}


def is_readable_by_them(pdu):
    """They cannot read a user identity whose primary field is empty."""
    information = getattr(pdu, "user_information", None)
    who = information.user_identity if information is not None else None
    return who is None or bool(who.primary_field)


def with_titles(pdu):
    """They keep titles of the answer's reserved fields, and zeros."""
    echo = b"ARCHIVE".ljust(16) + b"CT01".ljust(16) + bytes(32)
    return dataclasses.replace(pdu, echo=echo) if isinstance(pdu, AssociateAC) else pdu


shared_pdus = pdus.filter(is_readable_by_them).map(with_titles)


def as_they_read(pdu):
    found = THEIRS[type(pdu)]()
    found.decode(encode(pdu))
    return found


def test_the_state_table_is_the_one_that_they_transcribed():
    ours = {
        (event.name, state.name): action.value for (event, state), action in TRANSITIONS.items()
    }

    assert ours == fsm.TRANSITION_TABLE


@given(shared_pdus)
def test_what_we_write_they_write_back_byte_for_byte(pdu):
    assert as_they_read(pdu).encode() == encode(pdu)


@given(shared_pdus)
def test_what_they_write_back_we_read_as_it_was(pdu):
    raw = as_they_read(pdu).encode()

    assert decode(raw[0], raw[6:], LIMITS) == pdu


@given(requests.filter(is_readable_by_them))
def test_a_request_says_the_same_to_both(request):
    found = as_they_read(request)

    assert found.called_ae_title.strip() == request.called_ae_title.value
    assert found.calling_ae_title.strip() == request.calling_ae_title.value
    assert found.application_context_name == request.application_context
    for context, one in zip(request.contexts, found.presentation_context, strict=True):
        assert one.context_id == context.context_id
        assert one.abstract_syntax == context.abstract_syntax
        assert tuple(one.transfer_syntax) == context.transfer_syntaxes
    info = request.user_information
    user = found.user_information
    assert user.maximum_length == info.max_pdu_length
    who = info.user_identity
    if who is not None:
        assert user.user_identity.primary == who.primary_field
        assert user.user_identity.secondary == who.secondary_field
    assert len(user.role_selection) == len({role.sop_class_uid for role in info.roles})


@given(answers.filter(is_readable_by_them))
def test_an_answer_says_the_same_to_both(answer):
    found = as_they_read(answer)

    for result, one in zip(answer.results, found.presentation_context, strict=True):
        assert one.context_id == result.context_id
        assert one.result == result.result
        if result.transfer_syntax is not None:
            assert one.transfer_syntax == result.transfer_syntax


@pytest.mark.parametrize("cause", [1, 2, 4, 5, 6])
def test_the_reasons_of_an_abort_mean_the_same_to_both(cause):
    found = as_they_read(Abort(2, cause))

    assert found.source == 2
    assert found.reason_diagnostic == cause


@given(st.binary(max_size=100), st.booleans(), st.booleans())
def test_the_control_header_means_the_same_to_both(data, is_command, is_last):
    from raykeep.wire.upperlayer.pdu import PDV

    pdu = DataTF((PDV(1, is_command=is_command, is_last=is_last, data=data),))

    (item,) = as_they_read(pdu).presentation_data_value_items

    assert item.presentation_data_value[0] == is_command + 2 * is_last
    assert item.presentation_data_value[1:] == data
