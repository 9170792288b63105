"""Status codes by their class (PS3.7 annex C)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.wire.dimse.statuses import StatusCategory, category


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0000, "success"),
        (0xFF00, "pending"),
        (0xFF01, "pending"),
        (0xFE00, "cancel"),
        (0x0001, "warning"),
        (0xB000, "warning"),
        (0xB006, "warning"),
        (0xB007, "warning"),
        (0xBFFF, "warning"),
        (0x0107, "warning"),
        (0x0116, "warning"),
        (0xA700, "failure"),
        (0xA801, "failure"),
        (0xA900, "failure"),
        (0xC000, "failure"),
        (0xCFFF, "failure"),
        (0x0110, "failure"),
        (0x0124, "failure"),
        (0x0211, "failure"),
        (0xFF02, "failure"),
    ],
)
def test_a_status_has_its_class(status, expected):
    assert category(status) is StatusCategory(expected)


@given(st.integers(0, 0xFFFF))
def test_only_zero_is_success(status):
    assert (category(status) is StatusCategory.SUCCESS) == (status == 0)
