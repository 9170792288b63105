"""PS3.10 files: the file meta information, read as it streams in and written anew."""

from dataclasses import dataclass

from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class FileMeta:
    """Group 0002, as far as the archive uses it; texts without padding, empty when absent."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    source_ae_title: str
    implementation_class_uid: str
    implementation_version_name: str


class FileMetaReader:
    """Part a PS3.10 file into its meta information and its data set, as the bytes come.

    The preamble is passed over unseen: nothing of it is kept or given on.
    """

    def __init__(self, limits: DataSetLimits = DEFAULT_LIMITS) -> None:
        raise NotImplementedError

    def feed(self, buffer: Buffer) -> Buffer:
        """The bytes of `buffer` and those before it that belong to the data set.

        Empty while the meta information is incomplete. Once `meta` is there, `buffer` itself
        comes back and the reader is no longer needed.

        Raises:
            MalformedDataSet: not a PS3.10 file, or its meta information cannot be read.
            LimitExceeded: the meta information is longer than allowed.
        """
        raise NotImplementedError

    @property
    def complete(self) -> bool:
        """Whether `meta` may be asked for."""
        raise NotImplementedError

    @property
    def meta(self) -> FileMeta:
        """The meta information.

        Raises:
            MalformedDataSet: the file ended before it was complete.
        """
        raise NotImplementedError

    @property
    def data_set_offset(self) -> int:
        """First byte of the data set in the file."""
        raise NotImplementedError


def encode_file_meta(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    source_ae_title: str = "",
) -> bytes:
    """128 zero bytes, `DICM` and group 0002: what goes before a data set to make it a file."""
    raise NotImplementedError
