"""Archives that hold much: loaded through the front door, once, and kept for later runs."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks import fast_scu
from benchmarks.association import Acceptor
from benchmarks.orthanc import RunningOrthanc, orthanc
from benchmarks.plan import Plan, tell
from benchmarks.raykeep_archive import RunningRaykeep, raykeep

STUDIES_BATCH: Final = 0  # of the tiny objects, each a study
IMAGES_BATCH: Final = 1  # of the CT series and of the multi-frame object

_CORPUS: Final = 1  # goes up when `corpus` makes other objects
_MARK: Final = "loaded.json"
_SOURCE: Final = Path(__file__).resolve().parent.parent / "src" / "raykeep"


@contextmanager
def loaded_raykeep(plan: Plan, studies: int) -> Iterator[RunningRaykeep]:
    """This archive with so many studies, the CT series and the multi-frame object."""
    # Any change of the code may change what is kept: then it is loaded anew.
    folder = _fresh(plan, f"raykeep-{studies}-{plan.sizes.ct}", f"{_CORPUS} {_source_digest()}")
    with raykeep(folder) as running:
        _load(plan, folder, running.plain, studies)
        yield running


@contextmanager
def loaded_orthanc(plan: Plan, studies: int, *, https: bool = True) -> Iterator[RunningOrthanc]:
    """Orthanc with the same; its DICOM is plain."""
    folder = _fresh(plan, f"orthanc-{studies}-{plan.sizes.ct}", f"{_CORPUS} {plan.peer_version}")
    with orthanc(folder, plan.secured, https=https) as running:
        _load(plan, folder, running.dicom, studies)
        yield running


def load_rate(plan: Plan, side: str, studies: int) -> float:
    """Objects a second while the studies were loaded; `side` is `raykeep` or `orthanc`."""
    mark = plan.cache / f"{side}-{studies}-{plan.sizes.ct}" / _MARK
    return float(json.loads(mark.read_text())["rate"])


def _fresh(plan: Plan, name: str, made_of: str) -> Path:
    """The folder of a loaded archive; emptied unless it is whole and made of the same."""
    folder = plan.cache / name
    mark = folder / _MARK
    if folder.exists():
        known = json.loads(mark.read_text()) if mark.exists() else {}
        if known.get("made_of") == made_of:
            return folder
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    (folder / "made_of").write_text(made_of)
    return folder


def _load(plan: Plan, folder: Path, acceptor: Acceptor, studies: int) -> None:
    mark = folder / _MARK
    if mark.exists():
        return
    rate = 0.0
    if studies:
        tell(f"loading {studies:,} studies into {folder}; kept for later runs")
        rate = fast_scu.store(acceptor, "tiny", batch=STUDIES_BATCH, count=studies).rate
    fast_scu.store(acceptor, "ct", batch=IMAGES_BATCH, count=plan.sizes.ct)
    fast_scu.store(acceptor, "multi_frame", batch=IMAGES_BATCH, count=1)
    made_of = (folder / "made_of").read_text()
    mark.write_text(json.dumps({"made_of": made_of, "rate": rate}))


def _source_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(_SOURCE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
