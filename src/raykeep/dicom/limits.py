"""How much of a data set the archive is willing to read (docs/reference/limits.md)."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

Bound = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetLimits:
    """Bounds on what a peer's bytes may cost; each is checked before it is paid for."""

    file_meta_bytes: Bound = 65_536  # group 0002 of a PS3.10 file
    header_bytes: Bound = 16_777_216  # what is kept of a data set before Pixel Data
    elements: Bound = 100_000  # of one data set, those within sequences included
    depth: Bound = 32  # sequences within sequences
    bulk_bytes: Bound = 65_536  # binary values longer than this are left out of the header
    indexed_value_bytes: Bound = 4_096  # one indexed text value, as encoded
    indexed_long_text_bytes: Bound = 65_536  # the same for long text (LT, ST, UT)
    indexed_items: Bound = 64  # of one indexed sequence
    fragments: Bound = 1_000_000  # of encapsulated Pixel Data
    frame_bytes: Bound = 1_073_741_824  # what Rows, Columns, samples and bits may claim
    inflated_bytes: Bound = 4_294_967_296  # of a deflated data set
    inflated_ratio: Bound = 256  # inflated to deflated bytes, once past `inflated_free_bytes`
    inflated_free_bytes: Bound = 4_194_304  # small data sets deflate well and cost little
    identifier_bytes: Bound = 1_048_576  # the identifier of a query
    identifier_elements: Bound = 1_024  # of a query
    value_characters: Bound = 1_024  # one value of a query key
    values_per_key: Bound = 1_000  # UIDs in a list
    wildcards_per_value: Bound = 8  # `*` and `?`
    query_keys: Bound = 128  # keys of one query
    page: Bound = 10_000  # matches that one QIDO-RS answer may hold
    directory_bytes: Bound = 67_108_864  # a DICOMDIR
    directory_records: Bound = 1_000_000  # of a DICOMDIR


DEFAULT_LIMITS = DataSetLimits()
