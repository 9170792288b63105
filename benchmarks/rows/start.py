"""P17: from the start of `serve` until every listener answers."""

import time
from typing import Final

from benchmarks.loaded import loaded_orthanc, loaded_raykeep
from benchmarks.plan import Plan
from benchmarks.table import Line, Reading

ROWS: Final = ("P17",)


def measure(plan: Plan) -> list[Line]:
    """Measure the row if it is wanted."""
    if not plan.wants(*ROWS):
        return []
    # The rows before may have loaded the large archive; for this row alone a small one will do.
    studies = plan.studies if plan.wants("P6", "P7", "P10") else 0

    def ours(_: int) -> Reading:
        with loaded_raykeep(plan, studies) as running:
            return {"seconds": running.start_seconds}

    def peer(_: int) -> Reading:
        began = time.perf_counter()
        with loaded_orthanc(plan, studies):
            return {"seconds": time.perf_counter() - began}

    ours(0)  # makes and loads the archive, if no row before has
    if plan.peers:
        peer(0)
    readings = plan.alternate("P17", plan.sides(ours, orthanc=peer))
    return plan.lines(
        readings,
        "seconds",
        row="P17",
        what=f"start until ready, {studies:,} studies stored" if studies else "start until ready",
        unit="s",
        target="P17",
        lower_is_better=True,
    )
