"""X2: an AE title is a name, never a credential; and whoever guesses titles learns nothing."""

from typing import Any

import pytest

from tests.interop.archive.peers import Peer
from tests.running import RunningArchive
from tests.security.callers import call, denial

# Rejected permanent, by the service user, "calling AE title not recognized" (PS3.8 table 9-21).
ALWAYS = (1, 1, 3)


@pytest.fixture(scope="module")
def other(archive: RunningArchive) -> dict[str, Any]:
    """Another device, whose title is stolen."""
    return archive.enroll("VICTIM")


def test_the_certificate_of_one_device_does_not_carry_the_title_of_another(
    archive: RunningArchive, device: dict[str, Any], other: dict[str, Any]
) -> None:
    scu = call(archive, device, title=other["aet"])

    assert scu.rejection == ALWAYS
    record = denial(archive, "the certificate is not the device's")
    assert (record["door"], record["address"]) == ("dimse", "127.0.0.1")
    assert "VICTIM" in record["actor"]


def test_dcmtk_with_a_stolen_title_is_rejected(
    archive: RunningArchive, device: dict[str, Any], other: dict[str, Any]
) -> None:
    thief = Peer(archive, other["aet"], "main", device, "")

    printed = thief.dcmtk("echoscu", "-v", expect=None)

    assert "Result: Rejected Permanent, Source: Service User" in printed
    assert "Association Accepted" not in printed


@pytest.mark.parametrize(
    "how",
    [
        {"title": "NOBODY"},
        {"called": "OTHERPACS"},
        {"title": "NOBODY", "called": "OTHERPACS"},
        {"title": "VICTIM"},
        {"title": "attacker"},
        {"title": "ATTACKERX"},
    ],
    ids=["unknown calling", "unknown called", "both", "another's", "other case", "longer"],
)
@pytest.mark.usefixtures("other")
def test_the_answer_is_the_same_whatever_does_not_fit(
    archive: RunningArchive, device: dict[str, Any], how: dict[str, str]
) -> None:
    assert call(archive, device, **how).rejection == ALWAYS
