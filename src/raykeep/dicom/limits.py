"""How much of a data set the archive is willing to read (docs/reference/limits.md)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetLimits:
    """Bounds on what a peer's bytes may cost; each is checked before it is paid for."""

    file_meta_bytes: int = 65_536  # group 0002 of a PS3.10 file
    header_bytes: int = 16_777_216  # what is kept of a data set before Pixel Data
    elements: int = 100_000  # of one data set, those within sequences included
    depth: int = 32  # sequences within sequences
    bulk_bytes: int = 65_536  # binary values longer than this are left out of the header
    indexed_value_bytes: int = 4_096  # one indexed text value, as encoded
    indexed_long_text_bytes: int = 65_536  # the same for long text (LT, ST, UT)
    indexed_items: int = 64  # of one indexed sequence
    fragments: int = 1_000_000  # of encapsulated Pixel Data
    frame_bytes: int = 1_073_741_824  # what Rows, Columns, samples and bits may claim
    inflated_bytes: int = 4_294_967_296  # of a deflated data set
    inflated_ratio: int = 256  # inflated to deflated bytes, once past `inflated_free_bytes`
    inflated_free_bytes: int = 4_194_304  # small data sets deflate well and cost little
    identifier_bytes: int = 1_048_576  # the identifier of a query
    identifier_elements: int = 1_024  # of a query
    value_characters: int = 1_024  # one value of a query key
    values_per_key: int = 1_000  # UIDs in a list
    wildcards_per_value: int = 8  # `*` and `?`
    query_keys: int = 128  # keys of one query
    page: int = 10_000  # matches that one QIDO-RS answer may hold
    directory_bytes: int = 67_108_864  # a DICOMDIR
    directory_records: int = 1_000_000  # of a DICOMDIR


DEFAULT_LIMITS = DataSetLimits()
