"""Deflated data sets (RFC 1951; PS3.5 section A.5), inflated within bounds."""

import zlib
from collections.abc import Iterator
from typing import Final

from raykeep.dicom.limits import DataSetLimits
from raykeep.domain.errors import LimitExceeded, MalformedDataSet

_BLOCK: Final = 65_536  # bytes inflated at a time
# Bytes after the stream: a NUL that makes the length even, or the checksum and length that some
# writers leave there from gzip.
_TRAILING: Final = 8


class Inflater:
    """Inflate a stream piece by piece; what comes out is never more than a block at a time."""

    def __init__(self, limits: DataSetLimits) -> None:
        self._limits = limits
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._taken = 0
        self._given = 0
        self._trailing = 0

    def blocks(self, piece: memoryview) -> Iterator[bytes]:
        """What `piece` inflates to.

        Raises:
            MalformedDataSet: this is no deflate stream, or it goes on after its end.
            LimitExceeded: it inflates to more than is allowed.
        """
        self._taken += len(piece)
        data: bytes | memoryview = piece
        more = not self._stream.eof
        if not more:
            self._check_trailing(len(piece))
        while more:
            try:
                block = self._stream.decompress(data, _BLOCK)
            except zlib.error as error:
                msg = "the deflated data set cannot be inflated. Correct it at its source"
                raise MalformedDataSet(msg) from error
            data = self._stream.unconsumed_tail
            self._given += len(block)
            self._check_size()
            # A full block may leave output behind although all input is taken.
            more = not self._stream.eof and (bool(data) or len(block) == _BLOCK)
            if self._stream.eof:
                self._check_trailing(len(self._stream.unused_data))
            yield block

    def finish(self) -> None:
        """Check that the stream came to its end.

        Raises:
            MalformedDataSet: it did not.
        """
        if not self._stream.eof:
            msg = "the deflated data set ends early. Send it again"
            raise MalformedDataSet(msg)

    def _check_trailing(self, count: int) -> None:
        self._trailing += count
        if self._trailing > _TRAILING:
            msg = "bytes follow the deflated data set. Correct it at its source"
            raise MalformedDataSet(msg)

    def _check_size(self) -> None:
        limits = self._limits
        if self._given > limits.inflated_bytes:
            raise LimitExceeded("inflated data set", self._given, limits.inflated_bytes, "bytes")
        if self._given > limits.inflated_free_bytes:
            ratio = self._given // max(self._taken, 1)
            if ratio > limits.inflated_ratio:
                raise LimitExceeded("inflated to deflated bytes", ratio, limits.inflated_ratio)
