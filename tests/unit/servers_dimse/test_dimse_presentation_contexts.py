"""What is accepted in a negotiation, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.dicom.transfer_syntaxes import STORABLE
from raykeep.domain.device import DeviceRight
from raykeep.domain.uids import UID
from raykeep.servers.dimse.dispatch import PERFORMERS
from raykeep.servers.dimse.presentation_contexts import SERVICES, negotiate_for, service_of
from tests.fakes.scu import ALL_CONTEXTS, CT, EXPLICIT, IMPLICIT, VERIFICATION, associate_rq

EVERYTHING = frozenset(DeviceRight)
JPEG = UID("1.2.840.10008.1.2.4.50")
PRIVATE = UID("1.3.12.2.1107.5.9.1")


def results(*abstract: UID, rights: frozenset[DeviceRight] = EVERYTHING, **options: object):
    asked = associate_rq("CT01", abstract_syntaxes=abstract, **options)
    negotiated, without_right = negotiate_for(asked, rights, private_storage=False)
    return [one.result for one in negotiated.results], without_right


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_sop_class_of_a_service_is_accepted(service):
    for uid in service.sop_classes:
        assert results(UID(uid)) == ([0], ())


@given(syntaxes=st.permutations(STORABLE).map(lambda order: tuple(map(UID, order[:5]))))
def test_storage_takes_the_transfer_syntax_that_the_requestor_likes_best(syntaxes):
    asked = associate_rq("CT01", abstract_syntaxes=[CT], transfer_syntaxes=syntaxes)

    negotiated, _ = negotiate_for(asked, EVERYTHING, private_storage=False)

    assert negotiated.contexts[1].transfer_syntax == syntaxes[0]


def test_queries_are_not_compressed():
    assert results(*ALL_CONTEXTS, transfer_syntaxes=(JPEG,))[0] == [4, 0, 4, 4]


def test_an_unknown_transfer_syntax_is_not_accepted():
    assert results(CT, transfer_syntaxes=(UID("1.2.3.4.5"),))[0] == [4]


def test_what_a_device_has_no_right_to_is_rejected_by_the_user():
    codes, without_right = results(VERIFICATION, CT, rights=frozenset({DeviceRight.ECHO}))

    assert codes == [0, 1]
    assert [service.right for service in without_right] == [DeviceRight.STORE]


def test_each_service_without_right_is_named_once():
    _, without_right = results(*ALL_CONTEXTS, rights=frozenset())

    assert sorted(service.right for service in without_right) == ["echo", "find", "store"]


def test_what_is_not_provided_is_said_so():
    move = UID("1.2.840.10008.5.1.4.1.2.2.2")

    assert results(move)[0] == [3]


@pytest.mark.parametrize(("private_storage", "code"), [(False, 3), (True, 0)])
def test_private_sop_classes_are_stored_where_the_operator_wants_it(private_storage, code):
    asked = associate_rq("CT01", abstract_syntaxes=[PRIVATE])

    negotiated, _ = negotiate_for(asked, EVERYTHING, private_storage=private_storage)

    assert negotiated.results[0].result == code


def test_dicoms_own_classes_are_never_private_ones():
    assert service_of("1.2.840.10008.5.1.1.9", private_storage=True) is None


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_service_that_is_accepted_is_performed(service):
    assert any(right is service.right for right, _ in PERFORMERS)


def test_both_uncompressed_syntaxes_are_accepted_everywhere():
    for syntax in (IMPLICIT, EXPLICIT):
        assert results(*ALL_CONTEXTS, transfer_syntaxes=(syntax,))[0] == [0, 0, 0, 0]
