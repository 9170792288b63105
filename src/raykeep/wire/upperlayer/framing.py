"""From a stream of bytes to PDUs, whatever way TCP cut it (PS3.8 section 9.3.1)."""

import struct
from collections.abc import Collection
from typing import NamedTuple

from raykeep.domain.errors import LimitExceeded, ProtocolError
from raykeep.wire.buffers import BytesLike
from raykeep.wire.upperlayer.events import DataFragment
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.pdu import PDUType

_HEADER = struct.Struct(">BxI")  # PDU type, length of what follows
_PDV_HEADER = struct.Struct(">IBB")  # length, context ID, message control header
_HEADER_SIZE = 6  # bytes, of both
_CONTROL_SIZE = 2  # bytes of a PDV's length that are not data
_DATA_TF = int(PDUType.DATA_TF)
_ASSOCIATION_TYPES = (PDUType.ASSOCIATE_RQ, PDUType.ASSOCIATE_AC)
_ASSOCIATION_LEAST = 68  # bytes before the first item, PS3.8 9.3.2 and 9.3.3
_SHORT_TYPES = (PDUType.ASSOCIATE_RJ, PDUType.RELEASE_RQ, PDUType.RELEASE_RP, PDUType.ABORT)
_SHORT_LENGTH = 4  # bytes
_COMMAND, _LAST = 1, 2  # bits of the message control header, PS3.8 E.2


class PDUHeader(NamedTuple):
    """The header of a PDU: its length is judged, nothing of its body was waited for."""

    pdu_type: int
    length: int


class PDUBody(NamedTuple):
    """A whole PDU that was asked for with `collect`."""

    pdu_type: int
    body: bytes


class Framing:
    """Cuts a byte stream into headers, bodies and fragments of data.

    It copies headers and collected bodies alone. Of P-DATA-TF PDUs it holds
    nothing: what is in the buffer passes through.
    """

    def __init__(self, limits: UpperLayerLimits) -> None:
        self._limits = limits
        self._view = memoryview(b"")
        self._at = 0
        self._end = 0
        self._head = bytearray()  # the start of a header that the last buffer cut
        self._body = bytearray()  # of the PDU that is collected
        self._body_type = 0
        self._body_left = 0
        self._skip_left = 0
        self._pdu_left = 0  # bytes of the P-DATA-TF PDU after the current PDV
        self._pdv_left = 0  # bytes of the current PDV
        self._pdvs = 0
        self._context_id = 0
        self._control = 0
        self._deaf = False
        self._pdus_begun = 0
        # While data is expected, P-DATA-TF passes through as fragments of these contexts.
        self.data_expected = False
        self.context_ids: Collection[int] = ()

    @property
    def current_pdu(self) -> int:
        """Number of the PDU that has begun and not ended, counted from 1; 0 between PDUs."""
        if self._body_left or self._skip_left or self._pdu_left or self._pdv_left:
            return self._pdus_begun
        return self._pdus_begun + 1 if self._head else 0

    def feed(self, data: BytesLike) -> None:
        """Take the next bytes; those before must have been read to their end."""
        if self._at < self._end:
            msg = "read the events of the earlier bytes before feeding more"
            raise ValueError(msg)
        self._view = memoryview(data)
        self._at = 0
        self._end = 0 if self._deaf else len(self._view)

    def collect(self, header: PDUHeader) -> None:
        """Gather the body of the PDU whose header was just read."""
        self._body_type, self._body_left = header
        self._body.clear()

    def skip(self, length: int) -> None:
        """Pass over the body of the PDU whose header was just read."""
        self._skip_left = length

    def stop_data(self) -> None:
        """Pass over what is left of the P-DATA-TF PDU at hand: its association is over."""
        self.data_expected = False
        self._skip_left += self._pdu_left + self._pdv_left
        self._pdu_left = self._pdv_left = 0

    def stop(self) -> None:
        """Pass over everything from here on: where the next PDU begins is not known."""
        self._deaf = True
        self._view = memoryview(b"")
        self._at = self._end = 0
        self._body.clear()
        self._head.clear()
        self._body_left = self._skip_left = self._pdu_left = self._pdv_left = 0

    def next(self) -> DataFragment | PDUHeader | PDUBody | None:
        """Read as far as the next thing to tell; None when more bytes are needed.

        Raises:
            ProtocolError: lengths contradict one another, or data came for a
                presentation context that was not accepted.
            LimitExceeded: a PDU is longer than its limit.
        """
        while True:
            if self._pdv_left:
                return self._piece()
            if self._body_left:
                return self._gathered()
            if not self._skipped():
                return None
            header = self._header(_PDV_HEADER if self._pdu_left else _HEADER)
            if header is None:
                return None
            found = self._open_pdv(*header) if self._pdu_left else self._open_pdu(*header)
            if found is not None:
                return found

    def _header(self, form: struct.Struct) -> tuple[int, ...] | None:
        """Unpack the next six bytes; None, and keep them, where the buffer ends before."""
        at = self._at
        if not self._head and self._end - at >= _HEADER_SIZE:
            self._at = at + _HEADER_SIZE
            return form.unpack_from(self._view, at)
        step = min(_HEADER_SIZE - len(self._head), self._end - at)
        self._head += self._view[at : at + step]
        self._at = at + step
        if len(self._head) < _HEADER_SIZE:
            return None
        fields = form.unpack(self._head)
        self._head.clear()
        return fields

    def _judge(self, pdu_type: int, length: int) -> None:
        """Refuse a length before a byte of the body is waited for."""
        limits = self._limits
        if pdu_type == _DATA_TF:
            least, most = _HEADER_SIZE, limits.max_pdu_length_borne
        elif pdu_type in _ASSOCIATION_TYPES:
            least, most = _ASSOCIATION_LEAST, limits.max_association_pdu_length
        elif pdu_type in _SHORT_TYPES:
            least = most = _SHORT_LENGTH
        else:
            return  # an unknown type is refused as such
        if length > most:
            raise LimitExceeded(f"length of a PDU of type {pdu_type:02X}H", length, most, "bytes")
        if length < least:
            raise ProtocolError(f"a PDU of type {pdu_type:02X}H has only {length} bytes")

    def _open_pdu(self, pdu_type: int, length: int) -> PDUHeader | None:
        self._pdus_begun += 1
        self._judge(pdu_type, length)
        if pdu_type != _DATA_TF or not self.data_expected:
            return PDUHeader(pdu_type, length)
        self._pdu_left, self._pdvs = length, 0
        return None

    def _open_pdv(self, length: int, context_id: int, control: int) -> DataFragment | None:
        """Begin a PDV; one without data is told at once if it is the last, else passed over."""
        self._pdvs += 1
        if self._pdvs > self._limits.max_pdvs_per_pdu:
            allowed = self._limits.max_pdvs_per_pdu
            raise LimitExceeded("presentation data values in a PDU", self._pdvs, allowed)
        left = self._pdu_left - _HEADER_SIZE - (length - _CONTROL_SIZE)
        if length < _CONTROL_SIZE or left < 0 or 0 < left < _HEADER_SIZE:
            raise ProtocolError(f"a presentation data value of {length} bytes does not fit its PDU")
        if context_id not in self.context_ids:
            raise ProtocolError(f"data came for presentation context {context_id}, not accepted")
        self._pdu_left = left
        self._pdv_left = length - _CONTROL_SIZE
        self._context_id, self._control = context_id, control
        is_empty_last = length == _CONTROL_SIZE and control & _LAST
        return self._fragment(0, is_last=True) if is_empty_last else None

    def _piece(self) -> DataFragment | None:
        """As much of the current PDV as the buffer holds."""
        step = self._end - self._at
        if not step:
            return None
        if step >= self._pdv_left:
            step, self._pdv_left = self._pdv_left, 0
            return self._fragment(step, is_last=bool(self._control & _LAST))
        self._pdv_left -= step
        return self._fragment(step, is_last=False)

    def _fragment(self, length: int, *, is_last: bool) -> DataFragment:
        at = self._at
        self._at = at + length
        is_command = bool(self._control & _COMMAND)
        return DataFragment(self._context_id, is_command, is_last, self._view[at : at + length])

    def _gathered(self) -> PDUBody | None:
        """The body that is collected, once it is whole."""
        step = min(self._body_left, self._end - self._at)
        self._body += self._view[self._at : self._at + step]
        self._at += step
        self._body_left -= step
        if self._body_left:
            return None
        body = bytes(self._body)
        self._body.clear()
        return PDUBody(self._body_type, body)

    def _skipped(self) -> bool:
        step = min(self._skip_left, self._end - self._at)
        self._at += step
        self._skip_left -= step
        return not self._skip_left
