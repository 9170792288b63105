"""P6 and P7: searching in an archive that holds many studies."""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from benchmarks import corpus, wrk
from benchmarks.association import STUDY_ROOT_FIND, Acceptor, Association
from benchmarks.corpus import Instance
from benchmarks.encoding import Template
from benchmarks.failures import BenchmarkFailed
from benchmarks.loaded import STUDIES_BATCH, load_rate, loaded_orthanc, loaded_raykeep
from benchmarks.plan import ORTHANC, RAYKEEP, Plan, p50_ms
from benchmarks.table import Line, Reading, Readings
from benchmarks.web_client import DICOM_JSON, WebConnection, WebService

ROWS: Final = ("P6", "P7")

_LISTED: Final = 100  # matches of a search without keys
_SEED: Final = 7

Query = Callable[[int], Reading]

# The keys of P6, and what an instance has in them.
_KEYS: Final[dict[str, Callable[[Instance], str]]] = {
    "PatientID": lambda one: one.patient_id,
    "StudyInstanceUID": lambda one: one.study_instance_uid,
    "AccessionNumber": lambda one: one.accession_number,
}
_VALUE_OF: Final = {"PatientID": "patient", "StudyInstanceUID": "study", "AccessionNumber": "acc"}

_IDENTIFIER: Final = Template(
    [
        (0x00080020, "DA", ""),
        (0x00080030, "TM", ""),
        (0x00080050, "SH", "{acc}"),
        (0x00080052, "CS", "STUDY"),
        (0x00081030, "LO", ""),
        (0x00100010, "PN", ""),
        (0x00100020, "LO", "{patient}"),
        (0x0020000D, "UI", "{study}"),
    ]
)


def measure(plan: Plan) -> list[Line]:
    """Measure those of the rows that are wanted."""
    if not plan.wants(*ROWS):
        return []
    lines: list[Line] = []
    studies = plan.studies
    with ExitStack() as stack:
        ours = stack.enter_context(loaded_raykeep(plan, studies))
        peer = stack.enter_context(loaded_orthanc(plan, studies)) if plan.peers else None
        if plan.wants("P6"):
            lines += _load_lines(plan)
            lines += _c_find(plan, ours.plain, None if peer is None else peer.dicom)
            lines += _qido(plan, ours.web, None if peer is None else peer.web)
        if plan.wants("P7"):
            lines += _lists(plan, ours.web, None if peer is None else peer.web)
        if plan.wants("P6") and peer is not None:
            stack.pop_all().close()  # Orthanc is started again, with HTTP
            lines += _against_http(plan)
    return lines


def _load_lines(plan: Plan) -> list[Line]:
    """How fast the archives were loaded, whenever that was."""
    readings = Readings()
    readings.add(RAYKEEP, {"rate": load_rate(plan, "raykeep", plan.studies)})
    if plan.peers:
        readings.add(ORTHANC, {"rate": load_rate(plan, "orthanc", plan.studies)})
    what = f"loading {plan.studies:,} studies, 4 associations, plain"
    return plan.lines(readings, "rate", row="P6", what=what, unit="obj/s")


def _c_find(plan: Plan, ours: Acceptor, peer: Acceptor | None) -> list[Line]:
    lines = []
    for key, value_of in _KEYS.items():
        identifiers = [
            _IDENTIFIER.fill(dict.fromkeys(_VALUE_OF.values(), "") | {_VALUE_OF[key]: value})
            for value in map(value_of, _some(plan, plan.sizes.queries))
        ]

        def by_c_find(acceptor: Acceptor, key: str = key, keys: list[bytes] = identifiers) -> Query:
            def run(_: int) -> Reading:
                # Opened for each run: servers close what is silent.
                association = Association(acceptor, [STUDY_ROOT_FIND])

                def call(identifier: bytes) -> None:
                    _expect(key, association.find(identifier))

                p50 = p50_ms(partial(call, identifier) for identifier in keys)
                association.release()
                return {"p50": p50}

            return run

        others = {} if peer is None else {"orthanc": by_c_find(peer)}
        readings = plan.alternate(f"P6 C-FIND {key}", plan.sides(by_c_find(ours), **others))
        lines += plan.lines(
            readings,
            "p50",
            row="P6",
            what=f"C-FIND {key}, p50, plain",
            unit="ms",
            target="P6 C-FIND",
            recorded=f"C-FIND {key}",
            lower_is_better=True,
        )
    return lines


def _qido(plan: Plan, ours: WebService, peer: WebService | None) -> list[Line]:
    lines = []
    for key, value_of in _KEYS.items():
        paths = [f"/studies?{key}={value_of(one)}" for one in _some(plan, plan.sizes.queries)]
        readings = _one_by_one(plan, key, paths, ours, peer)
        lines += plan.lines(
            readings,
            "p50",
            row="P6",
            what=f"QIDO {key}, p50, HTTPS",
            unit="ms",
            target="P6 QIDO",
            recorded=f"QIDO {key}",
            lower_is_better=True,
        )
    paths = [f"/studies?PatientID={one.patient_id}" for one in _some(plan, 1_000)]
    readings = _at_once(plan, "P6 QIDO, wrk", paths, ours, peer)
    return [
        *lines,
        *plan.lines(
            readings,
            "rate",
            row="P6",
            what="QIDO PatientID, 8 connections, HTTPS",
            unit="req/s",
            target="P6 req/s",
            recorded="QIDO PatientID, 8 connections",
        ),
    ]


def _lists(plan: Plan, ours: WebService, peer: WebService | None) -> list[Line]:
    paths = [f"/studies?limit={_LISTED}"]
    one = _one_by_one(plan, "limit", paths * plan.sizes.lists, ours, peer)
    many = _at_once(plan, "P7 QIDO, wrk", paths, ours, peer)
    return [
        *plan.lines(
            one,
            "p50",
            row="P7",
            what=f"QIDO limit={_LISTED}, p50, HTTPS",
            unit="ms",
            target="P7",
            recorded="QIDO limit=100",
            lower_is_better=True,
        ),
        *plan.lines(
            many,
            "rate",
            row="P7",
            what=f"QIDO limit={_LISTED}, 8 connections, HTTPS",
            unit="req/s",
            target="P7",
            recorded="QIDO limit=100, 8 connections",
        ),
    ]


def _against_http(plan: Plan) -> list[Line]:
    """What our TLS costs beside a peer without: for information."""
    paths = [f"/studies?PatientID={one.patient_id}" for one in _some(plan, 1_000)]
    with (
        loaded_raykeep(plan, plan.studies) as ours,
        loaded_orthanc(plan, plan.studies, https=False) as peer,
    ):
        readings = _at_once(plan, "P6 QIDO over HTTP, wrk", paths, ours.web, peer.web)
    what = "QIDO PatientID, 8 connections, our HTTPS beside its HTTP"
    return plan.lines(readings, "rate", row="P6", what=what, unit="req/s")


# --- how ---------------------------------------------------------------------------------------


def _some(plan: Plan, count: int) -> Sequence[Instance]:
    """Instances of studies drawn at random, the same in every run."""
    draw = random.Random(_SEED)  # noqa: S311 - which keys are asked for is no secret
    return [next(corpus.tiny(STUDIES_BATCH, draw.randrange(plan.studies), 1)) for _ in range(count)]


def _expect(key: str, matches: int) -> None:
    wanted = {"PatientID": 2, "limit": _LISTED}.get(key, 1)
    if matches != wanted:
        msg = f"a search by {key} had {matches} matches where {wanted} are stored"
        raise BenchmarkFailed(msg)


def _one_by_one(
    plan: Plan, key: str, paths: Sequence[str], ours: WebService, peer: WebService | None
) -> Readings:
    def by_qido(service: WebService) -> Query:
        def run(_: int) -> Reading:
            connection = WebConnection(service)

            def call(path: str) -> None:
                body = connection.get(path, DICOM_JSON)
                _expect(key, body.count(b'"0020000D"'))

            p50 = p50_ms(partial(call, path) for path in paths)
            connection.close()
            return {"p50": p50}

        return run

    others = {} if peer is None else {"orthanc": by_qido(peer)}
    return plan.alternate(f"QIDO by {key}", plan.sides(by_qido(ours), **others))


def _at_once(
    plan: Plan, what: str, paths: Sequence[str], ours: WebService, peer: WebService | None
) -> Readings:
    def by_wrk(service: WebService) -> Query:
        def run(_: int) -> Reading:
            seconds = plan.sizes.wrk_seconds
            load = wrk.measure(service, paths, DICOM_JSON, seconds, plan.folder)
            return {"rate": load.rate, "p50": load.p50_ms}

        return run

    others = {} if peer is None else {"orthanc": by_wrk(peer)}
    return plan.alternate(what, plan.sides(by_wrk(ours), **others))
