"""Every error has an exit code, and it is the one that the contract names."""

import pytest

from raykeep.domain import errors
from raykeep.domain.errors import ArchiveError
from raykeep.servers.control.statuses import EXIT_CODES, exit_code_of


def below(kind: type[ArchiveError]) -> list[type[ArchiveError]]:
    found = [kind] if kind.__module__ == errors.__name__ else []
    for child in kind.__subclasses__():
        found += below(child)
    return found


TREE = [kind for kind in below(ArchiveError) if kind is not ArchiveError]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_a_line_of_its_own_or_of_a_parent(kind) -> None:
    assert any(parent in EXIT_CODES for parent in kind.__mro__)


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (errors.InvalidUID, 2),
        (errors.SettingsError, 2),
        (errors.ProtocolError, 2),
        (errors.AlreadyExists, 2),
        (errors.ChangeRefused, 2),
        (errors.LimitExceeded, 2),
        (errors.InstanceRefused, 2),
        (errors.AccessDenied, 3),
        (errors.NotAuthenticated, 3),
        (errors.DeviceNotFound, 4),
        (errors.RecordNotFound, 4),
        (errors.KeyUnavailable, 5),
        (errors.ArchiveDown, 5),
        (errors.StorageFull, 5),
        (errors.IntegrityError, 1),
        (errors.BlobNotFound, 1),
        (KeyError, 1),
        (ArchiveError, 1),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_exit_codes_are_those_of_the_contract(kind, exit_code) -> None:
    assert exit_code_of(kind) == exit_code
