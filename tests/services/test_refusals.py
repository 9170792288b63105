"""What cannot even be read is on the trail, too."""

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import Outcome
from raykeep.domain.errors import AccessDenied, InvalidQuery
from raykeep.services.refusals import record_unreadable
from tests.services.stored import actor


def test_a_request_that_cannot_be_read_is_a_failure_on_the_trail(archive):
    error = InvalidQuery("the level is missing")

    record_unreadable(
        archive.enforcer, actor(Role.RADIOLOGIST), Action.STUDY_SEARCH, error, count=3
    )

    record = archive.records()[-1]
    assert (record.action, record.outcome, record.count) == (
        Action.STUDY_SEARCH,
        Outcome.FAILED,
        3,
    )
    assert record.reason.startswith("InvalidQuery")


def test_who_has_no_right_is_told_so_whatever_was_sent(archive):
    with pytest.raises(AccessDenied):
        record_unreadable(
            archive.enforcer, actor(Role.RADIOLOGIST), Action.INSTANCE_STORE, InvalidQuery("bad")
        )

    assert archive.records()[-1].outcome is Outcome.DENIED
