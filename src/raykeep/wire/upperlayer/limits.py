"""What a peer may ask of the upper layer, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpperLayerLimits:
    """Bounds of one association; each is judged before its price is paid.

    The lengths of PDUs count what follows the six-byte header, as PS3.8
    section D.1 does.
    """

    # --- PDUs ---
    max_pdu_length: int = 131_072  # bytes of a P-DATA-TF PDU that we announce
    # Peers that ignore the announced length are borne up to here: PDUs are
    # streamed, so a long one costs no memory. Longer is refused by its header.
    max_pdu_length_borne: int = 1_048_576  # bytes
    # Of an A-ASSOCIATE-RQ or -AC, bytes; 128 contexts with 32 transfer syntaxes each fit.
    max_association_pdu_length: int = 131_072
    max_pdvs_per_pdu: int = 1_024
    max_pdu_length_sent: int = 131_072  # bytes, where the peer allows as much or more
    # A peer that takes only a few bytes a PDU would make every answer dear.
    min_peer_pdu_length: int = 512  # bytes

    # --- association requests and answers ---
    max_presentation_contexts: int = 128  # odd numbers of 1..255, PS3.8 section 9.3.2.2
    max_transfer_syntaxes_per_context: int = 64
    max_transfer_syntaxes: int = 4_096  # over all contexts
    max_user_information_items: int = 512
    max_user_information_length: int = 32_768  # bytes

    # --- messages ---
    max_command_length: int = 16_384  # bytes of a command set, PS3.7

    # --- time, in seconds ---
    artim_timeout: float = 30.0  # until the A-ASSOCIATE-RQ or its answer is there, PS3.8 9.1.5
    closing_timeout: float = 5.0  # ARTIM in Sta13: until the peer closes the connection
    idle_timeout: float = 60.0  # silence on an open association
    pdu_timeout: float = 30.0  # from the first byte of a PDU to its last
