"""Facilities: the tenants of the archive. Keys, storage, rows and scopes carry one."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from raykeep.domain.errors import InvalidInput, shown

_FORM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class FacilityName(str):
    """Name of a facility: 1 to 32 lower-case letters, digits and inner hyphens.

    It is part of storage paths and of associated data, hence the narrow form.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Take `text` if it is one; see the class."""
        if _FORM.fullmatch(text) is None:
            msg = (
                f"{shown(text)} is not a facility name: 1 to 32 lower-case letters, digits and "
                "inner hyphens. Choose another"
            )
            raise InvalidInput(msg)
        return super().__new__(cls, text)


@dataclass(frozen=True, slots=True)
class Facility:
    """One tenant."""

    name: FacilityName
    title: str
    created_at: datetime
