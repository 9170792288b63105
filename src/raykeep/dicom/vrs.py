"""Value representations (PS3.5 section 6.2): how each is laid out and read."""

from typing import Final

TEXT: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Text in the data set's Specific Character Set."""

ASCII: Final = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
"""Text in the default repertoire."""

SINGLE_TEXT: Final = frozenset({"LT", "ST", "UR", "UT"})
"""One value always: a backslash is a backslash."""

BULK: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
"""Binary values that may be left out of a header."""

NUMBERS: Final[dict[str, str]] = {
    "FD": "d",
    "FL": "f",
    "SL": "i",
    "SS": "h",
    "SV": "q",
    "UL": "I",
    "US": "H",
    "UV": "Q",
}
"""Binary numbers: VR → letter of the `struct` module."""

SHORT_FORM: Final = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT"}
    | {"PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}
)
"""Explicit VRs with a length of 16 bits (PS3.5 section 7.1.2)."""

LONG_FORM: Final = frozenset(BULK | {"SQ", "SV", "UC", "UR", "UT", "UV"})
"""Explicit VRs with two reserved bytes and a length of 32 bits."""

BLANK: Final = frozenset({b"  ", b"??", b"\0\0", b"--"})
"""What some writers put where they know no VR; the short form follows."""

WILDCARDS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""VRs in which `*` and `?` are wild cards (PS3.4 section C.2.2.2.4)."""
