"""Every error has a status, and no status lies."""

from collections.abc import Iterator

import pytest

from raykeep.domain import errors
from raykeep.domain.uids import UID
from raykeep.servers.dimse.statuses import STATUS_OF, comment_on, status_of
from raykeep.wire.dimse.commands import CFindRQ, CStoreRQ
from raykeep.wire.dimse.statuses import StatusCategory, category

STORE = CStoreRQ(
    message_id=1, affected_sop_class_uid=UID("1.2"), affected_sop_instance_uid=UID("1.3")
)
FIND = CFindRQ(message_id=1, affected_sop_class_uid=UID("1.2"))


def tree(kind: type[errors.ArchiveError] = errors.ArchiveError) -> Iterator[type]:
    """The tree; what other rooms hang on it for themselves is told as its parent is."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


def bare(kind: type[errors.ArchiveError], text: str = "") -> errors.ArchiveError:
    """An error of that class, whatever its constructor wants."""
    error = kind.__new__(kind)
    error.args = (text,)
    for name in ("finding", "reason"):
        setattr(error, name, text)
    return error


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_class_of_the_error_tree_has_a_line_of_its_own(kind: type[errors.ArchiveError]):
    assert kind in STATUS_OF


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_an_instance_that_was_not_stored_is_never_acknowledged(kind: type[errors.ArchiveError]):
    assert category(status_of(bare(kind), STORE)) is StatusCategory.FAILURE


@pytest.mark.parametrize("kind", list(tree(errors.NotFound)), ids=lambda kind: kind.__name__)
def test_a_search_for_what_is_not_shown_finds_nothing(kind: type[errors.ArchiveError]):
    assert status_of(bare(kind), FIND) == 0x0000


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.AccessDenied("rule 7"), 0x0124),
        (errors.InstanceRefused("1.2.3", "an executable preamble"), 0xC000),
        (errors.IdentifiersDiffer("1.2.3", "another SOP Instance UID"), 0xA900),
        (errors.SOPClassRefused("1.2.3", "not a storage class"), 0x0122),
        (errors.MalformedDataSet("it ends within an element"), 0xC000),
        (errors.LimitExceeded("depth", 99, 32), 0xA700),
        (errors.StorageFull("no room"), 0xA700),
        (errors.StorageUnavailable("away"), 0xA700),
        (errors.KeyUnavailable("away"), 0xA700),
        (errors.IntegrityError("it does not open"), 0x0110),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_statuses_are_those_of_the_standard(error: errors.ArchiveError, status: int):
    assert status_of(error, STORE) == status


@pytest.mark.parametrize(
    "kind", [errors.AccessDenied, errors.NotAuthenticated, errors.AssociationRefused]
)
def test_a_denial_does_not_tell_its_reason(kind: type[errors.ArchiveError]):
    assert comment_on(bare(kind, "rule 7 says no")) == "not authorized"


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_comment(kind: type[errors.ArchiveError]):
    assert comment_on(bare(kind, "what is wrong"))


def test_a_refusal_tells_its_finding_where_64_characters_would_not_hold_the_message():
    error = errors.InstanceRefused("1.2." + "3" * 60, "an executable preamble")

    assert comment_on(error) == "an executable preamble"
