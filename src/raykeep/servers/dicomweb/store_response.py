"""What STOW-RS answers: which instances were stored, and why others were not (PS3.18 10.5.3)."""

from dataclasses import dataclass

import msgspec

from raykeep.domain.errors import ArchiveError
from raykeep.edge.replies import Reply
from raykeep.servers.dicomweb.statuses import QUARANTINED, failure_reason
from raykeep.services.ingest import Stored, Verdict

_Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Failed:
    """An instance that was not stored.

    Attributes:
        error: Why.
        sop_class_uid: As its file meta information says; empty when that was never read.
        sop_instance_uid: The same.
    """

    error: ArchiveError
    sop_class_uid: str = ""
    sop_instance_uid: str = ""


def store_reply(outcomes: list[Stored | Failed], base_url: str, media_type: str) -> Reply:
    """The Store Instances Response Module (PS3.18 annex I) with its status.

    200 when all were stored; 202 when some were not, or one is quarantined; 409 when none was.
    """
    stored = [one for one in outcomes if isinstance(one, Stored)]
    failed = [one for one in outcomes if isinstance(one, Failed)]
    studies = {one.study_instance_uid for one in stored if one.verdict is not Verdict.QUARANTINED}
    body: _Json = {
        "00081190": _url(f"{base_url}/studies/{studies.pop()}" if len(studies) == 1 else "")
    }
    if named := [one for one in failed if one.sop_instance_uid]:
        body["00081198"] = _sequence([_failure(one) for one in named])
    if stored:
        body["00081199"] = _sequence([_success(one, base_url) for one in stored])
    if others := [one for one in failed if not one.sop_instance_uid]:
        # (0008,119A) Other Failures Sequence: what could not be told which instance it was.
        body["0008119A"] = _sequence([_reason(one) for one in others])
    warned = any(one.verdict is Verdict.QUARANTINED for one in stored)
    status = 409 if not stored else 202 if failed or warned else 200
    headers = [(b"content-type", media_type.encode("ascii"))]
    return Reply(status, headers, msgspec.json.encode(body))


def _success(stored: Stored, base_url: str) -> _Json:
    item = _sop(stored.sop_class_uid, stored.sop_instance_uid)
    if stored.verdict is Verdict.QUARANTINED:
        # Nothing can be retrieved before it is released, so that there is no address to give.
        item["00081190"] = _url("")
        item["00081196"] = {"vr": "US", "Value": [QUARANTINED]}
    else:
        item["00081190"] = _url(
            f"{base_url}/studies/{stored.study_instance_uid}/series/{stored.series_instance_uid}"
            f"/instances/{stored.sop_instance_uid}"
        )
    return item


def _failure(failed: Failed) -> _Json:
    return {**_sop(failed.sop_class_uid, failed.sop_instance_uid), **_reason(failed)}


def _reason(failed: Failed) -> _Json:
    return {"00081197": {"vr": "US", "Value": [failure_reason(type(failed.error))]}}


def _sop(sop_class_uid: str, sop_instance_uid: str) -> _Json:
    # Plain texts: the encoder takes no subclass of `str`, such as a UID is.
    return {
        "00081150": {"vr": "UI", **({"Value": [str(sop_class_uid)]} if sop_class_uid else {})},
        "00081155": {"vr": "UI", "Value": [str(sop_instance_uid)]},
    }


def _sequence(items: list[_Json]) -> _Json:
    return {"vr": "SQ", "Value": items}


def _url(url: str) -> _Json:
    return {"vr": "UR", **({"Value": [url]} if url else {})}
