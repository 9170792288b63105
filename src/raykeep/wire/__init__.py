"""What goes over the wire, without touching it: PS3.8, PS3.7, multipart/related, HTTP headers.

Every part here is a value: bytes go in, events come out; calls go in, bytes come out. No
socket, no thread, no clock. Imported by path; this page is the map.

**One association** (`upperlayer.association.Association`; SCP and SCU alike)::

    association = Association.acceptor(limits)                  # Sta2; limits: upperlayer.limits
    association = Association.requestor(AssociateRQ(...), limits)   # Sta4, then .connected()

    while not association.is_closed:
        wait = association.seconds_left(now)         # None: nothing is awaited
        n = socket.recv_into(buffer, timeout=wait)   # timed out -> association.timer_expired()
        association.receive_data(view[:n])           # n == 0    -> association.connection_closed()
        while (event := association.next_event()) is not None:
            ...                                      # may call accept, send_data, release, abort
            socket.sendmsg(association.data_to_send())

`next_event` reads lazily, from one cursor: a handler may itself pull further events and feed
more bytes (as an iterator over a body does) while an outer loop waits. All earlier bytes must be
read (`next_event()` said None) before `receive_data` is called again; views in events die there.

Events (`upperlayer.events`): `AssociationRequested(request)` -> `accept(negotiate(request,
supported))` or `reject(result, source, reason)`; `AssociationAccepted(answer, contexts)`,
`AssociationRejected(...)`; `DataFragment(context_id, is_command, is_last, data)`;
`ReleaseRequested()` -> `release()`; `Released()`; and the bad ends `RequestRefused`, `Aborted`,
`ProtocolViolation`, `TimedOut`, `ConnectionLost`. What the layer has to answer by itself
(A-ABORT, A-ASSOCIATE-RJ) waits in `data_to_send()`. After an A-ABORT, a rejection or a release
answered, the state is Sta13: write, go on reading until `is_closed` or the time is out.
`contexts` maps context IDs to `AcceptedContext(context_id, abstract_syntax, transfer_syntax,
requestor_as_scu, requestor_as_scp)`; `request` is the A-ASSOCIATE-RQ.

**Negotiation** (`upperlayer.negotiation`): `negotiate(request, supported) -> Negotiated`, where
`supported` maps an abstract syntax to `Supported(transfer_syntaxes=tuple or predicate,
requestor_as_scu=, requestor_as_scp=, prefer_acceptor_order=)`, or is a function that does.
`upperlayer.pdu` has the PDU types, `upperlayer.items` what user information says; `.encoding`
and `.decoding` carry them to bytes and back, `upperlayer.states` is table 9-10.

**Messages** (`dimse`): `exchange.MessageReader().feed(fragment)` gives `CommandReceived(
context_id, command)`, `InvalidCommand(context_id, has_data_set, status, error, answer)`,
`DataSetFragment(context_id, data, is_last)` or None; it raises `ProtocolError` or
`LimitExceeded`: then `association.abort()`. Commands are frozen types (`commands.CStoreRQ`,
`CFindRSP`, ...) with DICOM keywords as field names; `codec.encode(command)`,
`codec.decode(raw)`; `statuses` has the codes and `category(status)`. To send::

    for buffers in exchange.fragment(context_id, encode(command), chunks_or_None,
                                     association.max_pdu_length_to_send):
        association.send_data(buffers)               # ProtocolError: no longer established
        socket.sendmsg(association.data_to_send())

**HTTP**: `multipart.parser.MultipartParser(boundary, MultipartLimits(...))` with `feed(data)` ->
list of `PartBegin(headers)`, `PartData(data)`, `PartEnd()`, `End()`, and `finish()` at the end of
the stream; `multipart.writer` has `content_type`, `part_head` and `closing`.
`http.media_types.parse_media_type(text) -> MediaType(type, subtype, parameters)`;
`http.accept.select(header, query, offers) -> Offer`, or `parse_accept` and `choose`;
`http.range.parse_range(header, length)` -> None (200), () (416) or `ByteRange`s (206).

Errors are `ProtocolError`, `LimitExceeded` and the rest of the `InvalidInput` family of
`raykeep.domain.errors`, and nothing else, whatever the bytes.
"""
