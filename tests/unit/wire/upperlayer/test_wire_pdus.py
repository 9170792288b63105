"""PDUs to bytes and back (PS3.8 section 9.3)."""

import contextlib
import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import AssociationRefused, InvalidInput, LimitExceeded, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.decoding import decode
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.items import item
from raykeep.wire.upperlayer.pdu import (
    PDV,
    AssociateAC,
    AssociateRQ,
    ContextResult,
    DataTF,
    PDUType,
    ProposedContext,
)
from tests.unit.wire.associations import (
    COMMAND,
    CT,
    EXPLICIT,
    IMPLICIT,
    LIMITS,
    answer,
    pdus,
    request,
)


def decoded(raw, limits=LIMITS):
    assert struct.unpack(">I", raw[2:6])[0] == len(raw) - 6
    return decode(raw[0], raw[6:], limits)


def body(*parts, version=1, called=b"ARCHIVE", calling=b"CT01"):
    """The body of an association PDU."""
    head = struct.pack(">H2x", version) + called.ljust(16) + calling.ljust(16) + bytes(32)
    return head + b"".join(parts)


APPLICATION = item(0x10, b"1.2.840.10008.3.1.1.1")
USER = item(0x50, item(0x51, struct.pack(">I", 16_384)))


def context(number=1, abstract=b"1.2", *transfer):
    syntaxes = transfer or (b"1.2.840.10008.1.2",)
    subs = item(0x30, abstract) + b"".join(item(0x40, one) for one in syntaxes)
    return item(0x20, bytes((number, 0, 0, 0)) + subs)


@given(pdus)
def test_every_pdu_survives_the_wire(pdu):
    assert decoded(encode(pdu)) == pdu


@given(st.integers(0, 9), st.binary(max_size=400))
def test_any_bytes_decode_or_raise_a_domain_error(pdu_type, raw):
    with contextlib.suppress(InvalidInput, LimitExceeded, AssociationRefused):
        decode(pdu_type, raw, LIMITS)


@given(pdus, st.data())
def test_a_pdu_with_one_byte_changed_decodes_or_raises_a_domain_error(pdu, data):
    raw = bytearray(encode(pdu))
    raw[data.draw(st.integers(6, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidInput, LimitExceeded, AssociationRefused):
        decode(raw[0], bytes(raw[6:]), LIMITS)


def test_unknown_items_are_passed_over():
    raw = body(item(0x99, b"?"), APPLICATION, context(), item(0x11, b""), USER)

    pdu = decode(PDUType.ASSOCIATE_RQ, raw, LIMITS)

    assert isinstance(pdu, AssociateRQ)
    assert len(pdu.contexts) == 1


def test_unknown_items_in_a_context_are_passed_over():
    extra = item(
        0x20,
        bytes((1, 0, 0, 0)) + item(0x30, b"1.2") + item(0x77, b"?") + item(0x40, IMPLICIT.encode()),
    )

    pdu = decode(PDUType.ASSOCIATE_RQ, body(APPLICATION, extra, USER), LIMITS)

    assert pdu.contexts == (ProposedContext(1, UID("1.2"), (IMPLICIT,)),)


@pytest.mark.parametrize(
    ("raw", "codes"),
    [
        (body(APPLICATION, context(), USER, version=2), (1, 2, 2)),
        (body(context(), USER), (1, 1, 2)),
        (body(item(0x10, b"1.2.3"), context(), USER), (1, 1, 2)),
        (body(APPLICATION, context(), USER, called=b""), (1, 1, 7)),
        (body(APPLICATION, context(), USER, calling=b"A\x00B"), (1, 1, 3)),
        (body(APPLICATION, context(), item(0x50, item(0x51, b"\0\0\0\x10"))), (1, 3, 2)),
    ],
)
def test_a_request_that_cannot_be_taken_is_refused_with_its_codes(raw, codes):
    with pytest.raises(AssociationRefused) as refused:
        decode(PDUType.ASSOCIATE_RQ, raw, LIMITS)

    assert (refused.value.result, refused.value.source, refused.value.diagnostic) == codes


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        body()[:-1],
        body(APPLICATION, context()),  # no user information
        body(APPLICATION, USER),  # no context
        body(APPLICATION, context(), USER, USER),
        body(APPLICATION, context(2), USER),
        body(APPLICATION, context(0), USER),
        body(APPLICATION, context(), context(), USER),
        body(APPLICATION, item(0x20, b"\1\0\0"), USER),
        body(APPLICATION, item(0x20, b"\1\0\0\0" + item(0x40, b"1.2")), USER),
        body(APPLICATION, item(0x20, b"\1\0\0\0" + item(0x30, b"1.2")), USER),
        body(
            APPLICATION, item(0x20, b"\1\0\0\0" + item(0x30, b"1.2") * 2 + item(0x40, b"1.2")), USER
        ),
        body(APPLICATION, context(), USER) + b"\x10",
        body(APPLICATION, context(), USER) + b"\x10\0\0\x05ab",
    ],
)
def test_a_request_that_is_none_is_a_protocol_error(raw):
    with pytest.raises(ProtocolError):
        decode(PDUType.ASSOCIATE_RQ, raw, LIMITS)


@pytest.mark.parametrize(
    ("field", "allowed", "raw"),
    [
        (
            "max_presentation_contexts",
            2,
            body(APPLICATION, context(1), context(3), context(5), USER),
        ),
        (
            "max_transfer_syntaxes_per_context",
            2,
            body(APPLICATION, context(1, b"1.2", b"1", b"2", b"3"), USER),
        ),
        (
            "max_transfer_syntaxes",
            3,
            body(APPLICATION, context(1, b"1", b"1", b"2"), context(3, b"1", b"1", b"2"), USER),
        ),
    ],
)
def test_more_than_a_limit_allows_is_refused(field, allowed, raw):
    decode(PDUType.ASSOCIATE_RQ, raw, LIMITS)

    with pytest.raises(LimitExceeded):
        decode(PDUType.ASSOCIATE_RQ, raw, dataclasses.replace(LIMITS, **{field: allowed}))


def test_one_odd_uid_costs_its_context_and_not_the_association():
    raw = body(
        APPLICATION,
        context(1, b"1.2.03.4"),
        context(3, CT.encode(), b"1.02", IMPLICIT.encode() + b"\0"),
        USER,
    )

    pdu = decode(PDUType.ASSOCIATE_RQ, raw, LIMITS)

    assert pdu.contexts == (
        ProposedContext(1, None, (IMPLICIT,)),
        ProposedContext(3, CT, (IMPLICIT,)),
    )


def test_a_context_without_abstract_syntax_can_be_encoded_and_stays_without():
    asked = request(ProposedContext(1, None, (IMPLICIT,)))

    assert decoded(encode(asked)) == asked


def test_a_rejected_context_may_carry_any_transfer_syntax_or_none():
    for rest in (b"", item(0x40, b""), item(0x40, b"nonsense")):
        raw = body(APPLICATION, item(0x21, b"\x01\0\x03\0" + rest), USER)

        pdu = decode(PDUType.ASSOCIATE_AC, raw, LIMITS)

        assert isinstance(pdu, AssociateAC)
        assert pdu.results == (ContextResult(1, 3),)


@pytest.mark.parametrize(
    "raw",
    [
        body(APPLICATION, item(0x21, b"\x01\0\0\0"), USER),
        body(APPLICATION, item(0x21, b"\x01\0\0\0" + item(0x40, b"x")), USER),
        body(APPLICATION, item(0x21, b"\x01\0\0\0" + item(0x40, b"1.2") * 2), USER),
        body(APPLICATION, item(0x21, b"\x01\0\x01\0") * 2, USER),
        body(APPLICATION, item(0x50, item(0x51, b"\0\0\0\x01"))),
    ],
)
def test_an_answer_that_is_none_is_a_protocol_error(raw):
    with pytest.raises(ProtocolError):
        decode(PDUType.ASSOCIATE_AC, raw, LIMITS)


def test_the_application_context_of_an_answer_is_not_tested():
    pdu = decode(PDUType.ASSOCIATE_AC, body(USER), LIMITS)

    assert isinstance(pdu, AssociateAC)


@pytest.mark.parametrize("pdu_type", [3, 5, 6, 7])
@pytest.mark.parametrize("length", [0, 3, 5])
def test_a_short_pdu_has_four_bytes(pdu_type, length):
    with pytest.raises(ProtocolError):
        decode(pdu_type, bytes(length), LIMITS)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(5),
        struct.pack(">IBB", 1, 1, 0),
        struct.pack(">IBB", 3, 1, 0),
        struct.pack(">IBB", 0xFFFFFFFF, 1, 0),
        struct.pack(">IBB", 2, 1, 0) + b"x",
    ],
)
def test_presentation_data_values_fill_their_pdu_exactly(raw):
    with pytest.raises(ProtocolError):
        decode(PDUType.DATA_TF, raw, LIMITS)


def test_presentation_data_values_are_counted():
    pdu = DataTF((PDV(1, *COMMAND, b""),) * 3)

    assert decoded(encode(pdu), dataclasses.replace(LIMITS, max_pdvs_per_pdu=3)) == pdu
    with pytest.raises(LimitExceeded):
        decoded(encode(pdu), dataclasses.replace(LIMITS, max_pdvs_per_pdu=2))


def test_the_answer_echoes_titles_and_reserved_bytes_untested():
    echo = bytes(range(64))

    assert encode(dataclasses.replace(answer(), echo=echo))[10:74] == echo


def test_explicit_syntaxes_keep_their_order():
    asked = request(ProposedContext(5, CT, (EXPLICIT, IMPLICIT)))

    assert decoded(encode(asked)).contexts[0].transfer_syntaxes == (EXPLICIT, IMPLICIT)
