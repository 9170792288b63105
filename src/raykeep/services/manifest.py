"""What a blob tells of itself, sealed: enough to index it again without the database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from raykeep.domain.access import Door
from raykeep.domain.errors import IntegrityError
from raykeep.domain.instance import Provenance


class Manifest(msgspec.Struct, frozen=True, array_like=True, tag="1"):
    """Sealed behind the data set; the tag is the version of its form.

    Attributes:
        transfer_syntax_uid: Of the stored data set.
        arrived_at: Unix time in microseconds.
        door: Way in.
        sender: AE title, token id or operating-system user.
        address: Of the sender.
        finding: Why it was quarantined; empty otherwise.
    """

    transfer_syntax_uid: str
    arrived_at: int
    door: str
    sender: str
    address: str
    finding: str


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Manifest)


@dataclass(frozen=True, slots=True)
class Origins:
    """What a manifest says, in the archive's own words."""

    transfer_syntax_uid: str
    provenance: Provenance
    finding: str


def encode_manifest(transfer_syntax_uid: str, provenance: Provenance, finding: str) -> bytes:
    """The manifest of an instance; its data set tells the rest."""
    return _ENCODER.encode(
        Manifest(
            str(transfer_syntax_uid),
            (provenance.arrived_at - _EPOCH) // _MICROSECOND,
            provenance.door.value,
            provenance.sender,
            provenance.address,
            finding,
        )
    )


def decode_manifest(data: bytes) -> Origins:
    """Read a manifest.

    Raises:
        IntegrityError: it is of no form that this release knows.
    """
    try:
        found = _DECODER.decode(data)
        when = _EPOCH + found.arrived_at * _MICROSECOND
        door = Door(found.door)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        msg = "the manifest of a blob is of an unknown form; a newer release may read it"
        raise IntegrityError(msg) from error
    provenance = Provenance(when, door, found.sender, found.address)
    return Origins(found.transfer_syntax_uid, provenance, found.finding)
