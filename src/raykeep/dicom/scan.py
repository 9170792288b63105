"""Reading instances as they arrive: bounded, in one pass, without holding their pixels."""

from raykeep.dicom.head import Head
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits

Buffer = bytes | bytearray | memoryview


class InstanceScanner:
    """Follow one data set from its first byte to its last.

    The pieces may be cut anywhere. The scanner keeps the header alone; the memory
    of a piece is the caller's again as soon as `feed` returns.
    """

    def __init__(self, transfer_syntax_uid: str, limits: DataSetLimits = DEFAULT_LIMITS) -> None:
        raise NotImplementedError

    def feed(self, buffer: Buffer) -> bool:
        """Read on; whether the head is complete, now or since before.

        An instance without Pixel Data has its head complete only after `finish`.

        Raises:
            MalformedDataSet: these bytes are not a data set in the transfer syntax.
            LimitExceeded: the data set asks for more than the limits allow.
        """
        raise NotImplementedError

    def finish(self) -> None:
        """The last byte was fed: check that the data set ends where an element does.

        Raises:
            MalformedDataSet: it ends early, or bytes are left over.
        """
        raise NotImplementedError

    @property
    def head_complete(self) -> bool:
        """Whether `head` may be asked for."""
        raise NotImplementedError

    @property
    def head(self) -> Head:
        """What stands before Pixel Data.

        Raises:
            InstanceRefused: an identifier is missing or not a UID.
        """
        raise NotImplementedError

    @property
    def length(self) -> int:
        """Bytes fed so far."""
        raise NotImplementedError

    @property
    def fragments(self) -> bytes:
        """Packed places of the fragments (`dicom.frames`), complete after `finish`.

        Empty for native Pixel Data and without any.
        """
        raise NotImplementedError
