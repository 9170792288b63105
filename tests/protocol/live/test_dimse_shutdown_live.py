"""The end of a server: in order where that is possible, and in time in any case."""

import threading
import time

from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.exchange import fragment
from raykeep.wire.upperlayer.events import Aborted
from tests.builders import ct_instance
from tests.fakes.dimse_server import RunningServer
from tests.fakes.scu import CT


def test_an_idle_association_is_aborted_and_the_server_ends_at_once(server: RunningServer):
    scu = server.call("CT01")
    begun = time.monotonic()

    assert server.server.shutdown(10)

    assert time.monotonic() - begun < 3
    assert isinstance(scu.pump.next_event(), Aborted)
    scu.close()


def test_an_instance_that_is_on_its_way_is_taken_in_before_the_end(server: RunningServer):
    scu = server.call("CT01")
    built = ct_instance(rows=512, columns=512)
    pdus = list(
        fragment(scu.context_of(CT), encode_command(scu.store_rq(built)), [built.data_set], 65_536)
    )
    for pdu in pdus[:-1]:
        scu.stream.send(pdu, 5)
    time.sleep(0.2)

    ending = threading.Thread(target=server.server.shutdown)
    ending.start()
    time.sleep(0.5)
    scu.stream.send(pdus[-1], 5)

    assert scu.response().status == 0
    ending.join()
    assert server.archive.stores.index.totals()["instances"] == 1
    scu.close()


def test_an_instance_that_never_ends_does_not_keep_the_server(server: RunningServer):
    scu = server.call("CT01")
    built = ct_instance(rows=512, columns=512)
    pdus = list(
        fragment(scu.context_of(CT), encode_command(scu.store_rq(built)), [built.data_set], 65_536)
    )
    scu.stream.send(pdus[0], 5)
    time.sleep(0.2)
    begun = time.monotonic()

    assert server.server.shutdown(12)

    assert time.monotonic() - begun < 10
    scu.close()


def test_nobody_comes_in_any_more(server: RunningServer):
    server.server.shutdown(10)

    try:
        scu = server.call("CT01")
    except OSError:
        return
    assert not scu.is_accepted
