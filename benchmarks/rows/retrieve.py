"""P10: instances and frames by WADO-RS, from a small archive and from a large one."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from benchmarks import corpus, wrk
from benchmarks.corpus import FRAME_BYTES, MULTI_FRAME_FRAMES
from benchmarks.failures import BenchmarkFailed
from benchmarks.loaded import IMAGES_BATCH, loaded_orthanc, loaded_raykeep
from benchmarks.plan import Plan, p50_ms
from benchmarks.table import Line, Reading
from benchmarks.web_client import (
    MULTIPART_DICOM,
    MULTIPART_FRAMES,
    WebConnection,
    WebService,
)

ROWS: Final = ("P10",)


def measure(plan: Plan) -> list[Line]:
    """Measure the row if it is wanted."""
    if not plan.wants(*ROWS):
        return []
    return [line for studies in (0, plan.studies) for line in _archive(plan, studies)]


def _archive(plan: Plan, studies: int) -> list[Line]:
    """Retrieve from an archive that holds so many studies beside the images."""
    size = "large" if studies else "small"
    holds = f"{studies:,} studies stored" if studies else f"{plan.sizes.ct} CT stored"
    instances = [one.path for one in corpus.ct(IMAGES_BATCH, 0, plan.sizes.ct)]
    frames = [f"{path}/frames/1" for path in instances]
    large = next(corpus.multi_frame(IMAGES_BATCH)).path
    # 7 and the number of frames have no divisor in common: all come, none beside the last.
    far_apart = [
        f"{large}/frames/{1 + 7 * at % MULTI_FRAME_FRAMES}" for at in range(MULTI_FRAME_FRAMES)
    ]
    kinds = (
        ("instance of 0.5 MB", "", f"P10 {size}", instances, MULTIPART_DICOM),
        ("frame of 0.5 MB", "", f"P10 {size}", frames, MULTIPART_FRAMES),
        (
            "frame of a 200-frame object",
            "frame of a 200-frame object",
            "P10 200 frames",
            far_apart,
            MULTIPART_FRAMES,
        ),
    )
    lines: list[Line] = []
    with ExitStack() as stack:
        ours = stack.enter_context(loaded_raykeep(plan, studies)).web
        peer = stack.enter_context(loaded_orthanc(plan, studies)).web if plan.peers else None
        for name, recorded, target, paths, accept in kinds:
            others: dict[str, Callable[[int], Reading]] = {}
            if peer is not None:
                others["orthanc"] = _retrieving(plan, peer, paths, accept)
            readings = plan.alternate(
                f"P10 {name}, {holds}",
                plan.sides(_retrieving(plan, ours, paths, accept), **others),
            )
            what = f"WADO-RS {name}, {holds}, HTTPS"
            lines += plan.lines(
                readings,
                "p50",
                row="P10",
                what=f"{what}, p50",
                unit="ms",
                target=target,
                recorded=recorded,
                lower_is_better=True,
            )
            lines += plan.lines(
                readings,
                "rate",
                row="P10",
                what=f"{what}, 8 connections",
                unit="req/s",
                target=target,
            )
    return lines


def _retrieving(
    plan: Plan, service: WebService, paths: Sequence[str], accept: str
) -> Callable[[int], Reading]:
    def run(number: int) -> Reading:
        # Opened for each run: servers close what is silent while the other side is measured.
        connection = WebConnection(service)
        first = number * plan.sizes.retrievals

        def call(path: str) -> None:
            body = connection.get(path, accept)
            if len(body) < FRAME_BYTES:
                msg = f"{path} was answered with {len(body)} bytes"
                raise BenchmarkFailed(msg)

        p50 = p50_ms(
            partial(call, paths[(first + at) % len(paths)]) for at in range(plan.sizes.retrievals)
        )
        connection.close()
        load = wrk.measure(service, paths, accept, plan.sizes.wrk_seconds, plan.folder)
        return {"p50": p50, "rate": load.rate}

    return run
