"""Counters: numbers alone."""

import threading

from raykeep.servers.dimse.metrics import Count, DimseMetrics


def test_every_counter_is_in_the_snapshot_from_the_start():
    snapshot = DimseMetrics().snapshot()

    assert set(snapshot) == {count.value for count in Count} | {"associations_open"}
    assert not any(snapshot.values())


def test_what_is_open_is_what_began_and_did_not_end():
    metrics = DimseMetrics()
    metrics.add(Count.ASSOCIATIONS, 3)
    metrics.add(Count.ENDED)

    assert metrics.snapshot()["associations_open"] == 2


def test_threads_do_not_lose_counts():
    metrics = DimseMetrics()

    def count() -> None:
        for _ in range(2000):
            metrics.add(Count.STORED)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert metrics.snapshot()["instances_stored_total"] == 8000
