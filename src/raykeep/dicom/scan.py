"""Reading instances as they arrive: bounded, in one pass, without holding their pixels."""

from copy import copy
from functools import lru_cache
from typing import Final

from raykeep.dicom.encodings import HEADER_LENGTH, Encoding, encoding_of
from raykeep.dicom.frames import pack_fragments
from raykeep.dicom.head import Head
from raykeep.dicom.head_reading import head_of
from raykeep.dicom.inflating import Inflater
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.structure import Structure
from raykeep.dicom.transfer_syntaxes import TransferSyntax, transfer_syntax
from raykeep.domain.errors import MalformedDataSet

Buffer = bytes | bytearray | memoryview

# Most headers fit into the first window, which is copied once; longer ones into a few more.
_FIRST_WINDOW: Final = 8_192  # bytes
_WINDOW: Final = 65_536  # bytes


@lru_cache(maxsize=128)
def _reading(transfer_syntax_uid: str) -> tuple[TransferSyntax, Encoding]:
    syntax = transfer_syntax(transfer_syntax_uid)
    return syntax, encoding_of(explicit=syntax.explicit, little_endian=syntax.little_endian)


class InstanceScanner:
    """Follow one data set from its first byte to its last.

    The pieces may be cut anywhere. The scanner keeps the header alone; the memory
    of a piece is the caller's again as soon as `feed` returns.
    """

    def __init__(self, transfer_syntax_uid: str, limits: DataSetLimits = DEFAULT_LIMITS) -> None:
        syntax, self._encoding = _reading(transfer_syntax_uid)
        self._transfer_syntax_uid = transfer_syntax_uid
        self._limits = limits
        self._structure = Structure(self._encoding, limits, encapsulated=syntax.encapsulated)
        self._inflater = Inflater(limits) if syntax.deflated else None
        self._rest = bytearray()  # an element that is not complete yet
        self._skip = 0  # bytes to pass over
        self._at = 0  # byte of the data set where `_rest` begins
        self._window = _FIRST_WINDOW
        self._length = 0
        self._finished = False
        self._head: Head | None = None

    def feed(self, buffer: Buffer) -> bool:
        """Read on; whether the head is complete, now or since before.

        An instance without Pixel Data has its head complete only after `finish`.

        Raises:
            MalformedDataSet: these bytes are not a data set in the transfer syntax.
            LimitExceeded: the data set asks for more than the limits allow.
        """
        size = len(buffer)
        self._length += size
        if self._skip >= size and self._inflater is None:
            self._skip -= size
            self._at += size
        elif self._inflater is None:
            self._follow(memoryview(buffer))
        else:
            for block in self._inflater.blocks(memoryview(buffer)):
                self._follow(memoryview(block))
        return self._structure.pixel_data is not None

    def finish(self) -> None:
        """The last byte was fed: check that the data set ends where an element does.

        Raises:
            MalformedDataSet: it ends early, or bytes are left over.
        """
        if self._inflater is not None:
            self._inflater.finish()
        if self._skip or self._rest or not self._structure.closed:
            msg = (
                f"the data set ends inside an element, after {self._length} bytes. "
                "Send it again; when that fails, correct it at its source"
            )
            raise MalformedDataSet(msg)
        self._finished = True

    @property
    def head_complete(self) -> bool:
        """Whether `head` may be asked for."""
        return self._finished or self._structure.pixel_data is not None

    @property
    def head(self) -> Head:
        """What stands before Pixel Data.

        Raises:
            InstanceRefused: an identifier is missing or not a UID.
            MalformedDataSet: a value is longer than any of its kind may be, or the head is not
                complete.
        """
        if self._head is None:
            if not self.head_complete:
                msg = "the data set ends before its header does. Send it again"
                raise MalformedDataSet(msg)
            self._head = head_of(
                self._structure, self._transfer_syntax_uid, self._encoding.mark, self._limits
            )
        return self._head

    def early_head(self) -> Head | None:
        """The head as far as it came; None before it tells instance, study and patient.

        For instances that hold much before their Pixel Data, or have none: what identifies them
        is the same in the complete head, the rest may lack.

        Raises:
            InstanceRefused: an identifier is missing or not a UID.
            MalformedDataSet: a value is longer than any of its kind may be.
        """
        if not self._structure.identified:
            return None
        seen = copy(self._structure)
        # Reading takes values out; the complete head wants them, too.
        seen.found, seen.findings = dict(seen.found), dict(seen.findings)
        return head_of(seen, self._transfer_syntax_uid, self._encoding.mark, self._limits)

    @property
    def length(self) -> int:
        """Bytes fed so far."""
        return self._length

    @property
    def fragments(self) -> bytes:
        """Packed places of the fragments (`dicom.frames`), complete after `finish`.

        Empty for native Pixel Data and without any.
        """
        pixel_data = self._structure.pixel_data
        if pixel_data is None or pixel_data.length is not None:
            return b""
        return pack_fragments(
            pixel_data.offset, self._structure.offset_table, self._structure.fragment_lengths
        )

    def _follow(self, piece: memoryview) -> None:
        """Lead the structure through `piece`, window by window."""
        structure, rest = self._structure, self._rest
        position, size = 0, len(piece)
        while True:
            if self._skip:
                step = min(self._skip, size - position)
                position += step
                self._skip -= step
                self._at += step
            if position == size:
                return
            stop = min(size, position + max(structure.need - len(rest), self._window))
            if rest or stop - position < structure.need:
                rest += piece[position:stop]
                if len(rest) < structure.need:
                    return
                window = bytes(rest)
                rest.clear()
            else:
                window = bytes(piece[position:stop])
            position = stop
            self._window = _WINDOW
            structure.need = HEADER_LENGTH
            taken = structure.walk(window, self._at)
            self._at += min(taken, len(window))
            if taken < len(window):
                rest += memoryview(window)[taken:]
            else:
                self._skip = taken - len(window)
