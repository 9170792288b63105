"""Whole headers in the DICOM JSON model (PS3.18 annex F), as WADO-RS metadata needs them."""


def pack_header(transfer_syntax_uid: str, head: object) -> bytes:
    """What must be kept of a head so that `header_to_json` can build its JSON later."""
    raise NotImplementedError


def header_to_json(packed: bytes, *, bulk_uri: str) -> bytes:
    """One JSON object, UTF-8, of a header that `pack_header` made.

    Args:
        packed: The header.
        bulk_uri: What BulkDataURIs begin with, usually `…/instances/UID/bulkdata`.

    Raises:
        MalformedDataSet: these are not bytes of `pack_header`.
    """
    raise NotImplementedError
