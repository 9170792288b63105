"""Seal an object as its bytes come, and open any part of it; `seal_layout` holds the format."""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from raykeep.crypto.seal_layout import (
    CHUNK,
    END,
    FOOTER,
    FOOTER_LENGTH,
    MAX_CHUNKS,
    NONCE_PREFIX_LENGTH,
    SEALED_CHUNK,
    TAG,
    TRAILER,
    TRAILER_LENGTH,
    ContentType,
    Flag,
    SealHeader,
    chunk_count,
    chunk_numbers,
    footer_offset,
    nonce,
    stored_chunks,
)
from raykeep.crypto.wrap import KEY_LENGTH, unwrap_key, wrap_key
from raykeep.domain.blobs import BlobKey, BodyFacts
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import IntegrityError, LimitExceeded

Buffer = bytes | bytearray | memoryview
Read = Callable[[ByteRange], bytes]
"""Gives the stored bytes of a range, all of them, or raises `IntegrityError`."""

MAX_MANIFEST = 32 * 1024 * 1024  # bytes
SEAL_RANDOM = NONCE_PREFIX_LENGTH + KEY_LENGTH
"""Random bytes that one object takes."""


class Sealer:
    """Seals one object, once."""

    def __init__(
        self,
        key: BlobKey,
        *,
        study_key_id: str,
        study_key: bytes,
        random: bytes,
        content_type: ContentType = ContentType.DATA_SET,
    ) -> None:
        """Prepare the header.

        Args:
            key: Where the object will lie.
            study_key_id: 32 hexadecimal digits.
            study_key: 32 bytes.
            random: `SEAL_RANDOM` bytes, never used before: object key and nonce prefix.
            content_type: What is sealed.
        """
        if len(random) != SEAL_RANDOM:
            msg = f"an object takes {SEAL_RANDOM} random bytes, not {len(random)}"
            raise ValueError(msg)
        self._prefix, object_key = random[:NONCE_PREFIX_LENGTH], random[NONCE_PREFIX_LENGTH:]
        wrapped = wrap_key(study_key, object_key)
        self._header = SealHeader(key, study_key_id, content_type, self._prefix, wrapped).pack()
        self._associated = sha256(self._header).digest()
        self._cipher = AESGCM(object_key)
        self._count = 0
        self._used = False
        self._out = memoryview(bytearray(SEALED_CHUNK))
        self.facts: BodyFacts | None = None  # known when `seal` has ended
        self.stored_length = 0  # likewise

    def seal(
        self, pieces: Iterable[Buffer], manifest: Callable[[BodyFacts], bytes]
    ) -> Iterator[Buffer]:
        """Give the object's bytes as the plaintext comes; no more than a chunk is held back.

        Args:
            pieces: The plaintext in pieces of any size; a piece is not touched after the next
                is asked for.
            manifest: Asked when the last piece has come; its answer is sealed behind the body.

        Returns:
            Buffers to be written one after the other. Their memory is used again for the next.

        Raises:
            LimitExceeded: the body or the manifest is too long.
        """
        if self._used:
            # A second body under the same key and nonces would give both away.
            msg = "a sealer seals once; make another"
            raise ValueError(msg)
        self._used = True
        return self._parts(pieces, manifest)

    def _parts(
        self, pieces: Iterable[Buffer], manifest: Callable[[BodyFacts], bytes]
    ) -> Iterator[Buffer]:
        yield self._header
        digest, length = sha256(), 0
        held, filled = memoryview(bytearray(CHUNK)), 0
        for piece in pieces:
            with memoryview(piece) as raw, raw.cast("B") as data:
                digest.update(data)
                length += len(data)
                start = 0
                while start < len(data):
                    left = len(data) - start
                    if filled == CHUNK:  # more follows: what is held is not the last chunk
                        yield self._chunk(held, Flag.DATA)
                        filled = 0
                    elif not filled and left > CHUNK:
                        yield self._chunk(data[start : start + CHUNK], Flag.DATA)
                        start += CHUNK
                    else:
                        take = min(CHUNK - filled, left)
                        held[filled : filled + take] = data[start : start + take]
                        filled += take
                        start += take
        yield self._chunk(held[:filled], Flag.LAST)

        facts = BodyFacts(length, digest.digest())
        yield self._record(FOOTER.pack(length, self._count, facts.digest), Flag.FOOTER)
        told = manifest(facts)
        if len(told) > MAX_MANIFEST:
            raise LimitExceeded("manifest", len(told), MAX_MANIFEST, "bytes")
        yield self._record(told, Flag.MANIFEST)
        footer = footer_offset(length)
        yield TRAILER.pack(footer, footer + FOOTER_LENGTH, END)
        self.stored_length = footer + FOOTER_LENGTH + len(told) + TAG + TRAILER_LENGTH
        self.facts = facts

    def _chunk(self, plain: memoryview, flag: Flag) -> memoryview:
        if self._count >= MAX_CHUNKS:
            raise LimitExceeded("chunks of an object", self._count + 1, MAX_CHUNKS)
        out = self._out[: len(plain) + TAG]
        unique = nonce(self._prefix, self._count, flag)
        self._cipher.encrypt_into(unique, plain, self._associated, out)
        self._count += 1
        return out

    def _record(self, plain: bytes, flag: Flag) -> bytes:
        return self._cipher.encrypt(nonce(self._prefix, 0, flag), plain, self._associated)


class Opener:
    """Opens one object, whole or in parts."""

    def __init__(self, header: SealHeader, study_key: bytes, read: Read) -> None:
        """Unwrap the object key.

        Args:
            header: As read from the object.
            study_key: The key that the header names, 32 bytes.
            read: Gives stored bytes of the object.

        Raises:
            IntegrityError: the study key does not open the object key.
        """
        self.header = header
        self._read = read
        try:
            object_key = unwrap_key(study_key, header.wrapped_key)
        except IntegrityError as error:
            raise self._damaged("its study key does not open its header") from error
        self._cipher = AESGCM(object_key)
        self._associated = sha256(header.pack()).digest()

    def whole(
        self, facts: BodyFacts, stored_length: int, *, rehash: bool = True
    ) -> Iterator[bytes]:
        """Give the whole plaintext in pieces of at most a chunk.

        Footer, manifest, trailer and lengths are checked before this returns; each chunk before
        it is given out; the digest of all before the last one is.

        Args:
            facts: What the object must hold.
            stored_length: Bytes that it must have, header and trailer included.
            rehash: Hash what is opened, too. Without it the digest is compared with the sealed
                footer alone: chunk tags and footer prove the same as long as the key is secret.

        Raises:
            IntegrityError: anything was changed, swapped, cut or added.
        """
        footer = footer_offset(facts.length)
        if self._tail(ByteRange(footer, max(footer, stored_length)))[0] != facts:
            raise self._damaged("it holds another length or digest than the index says")
        return self._pieces(facts, rehash=rehash)

    def part(self, span: ByteRange, length: int) -> Iterator[bytes | memoryview]:
        """Give the plaintext of `span` in pieces of at most a chunk, reading no other chunks.

        Args:
            span: Of the plaintext.
            length: Of the whole plaintext: the chunk that is the last must say so.

        Raises:
            IntegrityError: `span` ends behind the body, or a chunk was changed, swapped or cut.
        """
        if span.stop > length:
            raise self._damaged(f"it ends before byte {span.stop}")
        return self._slices(span, length)

    def manifest(self, stored_length: int) -> tuple[BodyFacts, bytes]:
        """Read footer and manifest of an object of which nothing else is known.

        Raises:
            IntegrityError: it is not whole, or was changed. The chunks are not looked at.
        """
        if stored_length < TRAILER_LENGTH:
            raise self._damaged("it is shorter than a trailer")
        end = ByteRange(stored_length - TRAILER_LENGTH, stored_length)
        footer, _, _ = TRAILER.unpack(self._fetch(end))
        return self._tail(ByteRange(min(footer, stored_length), stored_length))

    def _tail(self, span: ByteRange) -> tuple[BodyFacts, bytes]:
        sealed_manifest = span.length - FOOTER_LENGTH - TRAILER_LENGTH
        if not TAG <= sealed_manifest <= MAX_MANIFEST + TAG:
            raise self._damaged("its length is not the one that the index or its end gives")
        raw = self._fetch(span)
        if raw[-TRAILER_LENGTH:] != TRAILER.pack(span.start, span.start + FOOTER_LENGTH, END):
            raise self._damaged("it does not end with its trailer")
        footer = self._open("footer", 0, Flag.FOOTER, raw[:FOOTER_LENGTH])
        manifest = self._open("manifest", 0, Flag.MANIFEST, raw[FOOTER_LENGTH:-TRAILER_LENGTH])
        length, count, digest = FOOTER.unpack(footer)
        if count != chunk_count(length) or footer_offset(length) != span.start:
            raise self._damaged("its footer stands in the wrong place")
        return BodyFacts(length, digest), manifest

    def _pieces(self, facts: BodyFacts, *, rehash: bool) -> Iterator[bytes]:
        digest = sha256()
        last = chunk_count(facts.length) - 1
        for number, piece in enumerate(self._chunks(0, last + 1, facts.length)):
            if rehash:
                digest.update(piece)
                if number == last and digest.digest() != facts.digest:
                    raise self._damaged("its plaintext has another digest than its footer")
            if piece:
                yield piece

    def _slices(self, span: ByteRange, length: int) -> Iterator[bytes | memoryview]:
        first, stop = chunk_numbers(span)
        start = first * CHUNK
        for piece in self._chunks(first, stop, length):
            if start < span.start or start + len(piece) > span.stop:
                yield memoryview(piece)[max(0, span.start - start) : span.stop - start]
            else:
                yield piece
            start += CHUNK

    def _chunks(self, first: int, stop: int, length: int) -> Iterator[bytes]:
        last = chunk_count(length) - 1
        for number in range(first, stop):
            # One at a time: a buffer below malloc's mmap threshold (128 KiB) costs no page faults.
            sealed = self._fetch(stored_chunks(number, number + 1, length))
            flag = Flag.LAST if number == last else Flag.DATA
            yield self._open(f"chunk {number}", number, flag, sealed)

    def _fetch(self, span: ByteRange) -> bytes:
        raw = self._read(span)
        if len(raw) != span.length:
            raise self._damaged(f"it ends before byte {span.stop}")
        return raw

    def _open(self, part: str, counter: int, flag: Flag, sealed: bytes) -> bytes:
        unique = nonce(self.header.nonce_prefix, counter, flag)
        try:
            return self._cipher.decrypt(unique, sealed, self._associated)
        except InvalidTag as error:
            raise self._damaged(f"its {part} was changed") from error

    def _damaged(self, what: str) -> IntegrityError:
        return IntegrityError(
            f"blob {self.header.key} does not open: {what}. Restore it from a backup"
        )
