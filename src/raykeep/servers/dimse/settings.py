"""Sections `[dimse]` and `[dimse_plain]` of the settings."""

from typing import Annotated

import msgspec

from raykeep.domain.ae_title import AETitle
from raykeep.wire.upperlayer.limits import UpperLayerLimits

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Count = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class DimseSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Section `[dimse]`: the DICOM listener. Nothing in it turns TLS off.

    Attributes:
        ae_title: Our own AE title; who calls another one is refused.
        host: Address to listen on.
        port: Registered for DICOM over TLS ("dicom-tls"); 0 takes a free one.
        max_associations: In all.
        max_associations_per_device: Of one device.
        max_pdu_length: Bytes of a P-DATA-TF PDU that we announce, PS3.8 annex D.1.
        handshake_timeout: Seconds for the TLS handshake, all told.
        artim_timeout: Seconds for the A-ASSOCIATE-RQ after it, PS3.8 section 9.1.5.
        pdu_timeout: Seconds from the first byte of a PDU to its last.
        idle_timeout: Seconds of silence on an open association.
    """

    ae_title: AETitle = AETitle("RAYKEEP")
    host: str = "127.0.0.1"
    port: Port = 2762
    max_associations: Count = 64
    max_associations_per_device: Count = 16
    max_pdu_length: Annotated[int, msgspec.Meta(ge=4096, le=1_048_576)] = 131_072
    handshake_timeout: Seconds = 10.0
    artim_timeout: Seconds = 10.0
    pdu_timeout: Seconds = 30.0
    idle_timeout: Seconds = 60.0

    def upper_layer_limits(self) -> UpperLayerLimits:
        """What the upper layer holds a peer to."""
        return UpperLayerLimits(
            max_pdu_length=self.max_pdu_length,
            artim_timeout=self.artim_timeout,
            pdu_timeout=self.pdu_timeout,
            idle_timeout=self.idle_timeout,
        )


class DimsePlainSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Section `[dimse_plain]`: a second listener, for devices that know no TLS.

    It admits devices with a valid exemption alone: an owner, a reason and an end date each.

    Attributes:
        enabled: Off unless it is switched on.
        host: Address to listen on.
        port: 0 takes a free one.
    """

    enabled: bool = False
    host: str = "127.0.0.1"
    port: Port = 11_112
