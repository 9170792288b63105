"""QIDO-RS: searching (PS3.18 section 10.6)."""

from dataclasses import replace
from functools import lru_cache, partial

from raykeep.dicom.json import MatchJson
from raykeep.dicom.qido_request import query_from_parameters
from raykeep.domain.access import Action
from raykeep.domain.attributes import Level
from raykeep.domain.errors import InvalidInput, InvalidQuery, LimitExceeded
from raykeep.domain.query import Count, Query
from raykeep.edge.replies import Reply
from raykeep.edge.security_headers import Header
from raykeep.servers.dicomweb.bodies import entity_tag, is_known
from raykeep.servers.dicomweb.calls import Call
from raykeep.servers.dicomweb.media_types import json_type
from raykeep.services.refusals import record_unreadable
from raykeep.services.search import search_page

MAX_OFFSET = 1_000_000  # matches that may be passed over; more are found by narrower keys


def search(level: Level, call: Call) -> Reply:
    """Answer a search for studies, series or instances, of all or of a study or series.

    No match is 200 with an empty array: 204 is what the standard has said since 2018, what
    clients stumble over, and what is about to be taken back (CP-2473).
    """
    request = call.request
    parameters = request.parameters
    accept = next((value for name, value in parameters if name == "accept"), None)
    media_type = json_type(request.header(b"accept"), accept)
    values = (*call.values, None, None)
    limited = any(name == "limit" for name, _ in parameters)
    try:
        asked = query_from_parameters(
            level,
            parameters,
            study_instance_uid=values[0],
            series_instance_uid=values[1],
            limits=call.services.ingest.limits,
        )
        query = _bounded(asked.query, _most(call, limited=limited))
    except (InvalidInput, LimitExceeded) as error:
        record_unreadable(call.services.enforcer, call.actor, Action.STUDY_SEARCH, error)
        raise
    matches, total = search_page(call.services.enforcer, call.actor, query)
    to_json = _encoder(level, query.returns, request.base_url)
    body = b"[" + b",".join([to_json.encode(match) for match in matches]) + b"]"
    tag = entity_tag(body)
    headers = [
        (b"content-type", media_type.encode("ascii")),
        (b"etag", f'"{tag}"'.encode("ascii")),
        *_counted(request.base_url, query, len(matches), total),
    ]
    if is_known(request, tag):
        return Reply(304, headers)
    return Reply(200, headers, body)


studies = partial(search, Level.STUDY)
series = partial(search, Level.SERIES)
instances = partial(search, Level.INSTANCE)


@lru_cache(maxsize=128)
def _encoder(level: Level, returns: frozenset[int], base_url: str) -> MatchJson:
    """Clients ask for the same attributes again and again."""
    return MatchJson(level, returns, base_url=base_url)


def _most(call: Call, *, limited: bool) -> int:
    """How many matches the answer may hold."""
    settings = call.services.settings
    # Who lists a series wants all of it, and may not look for a warning.
    return settings.max_limit if limited or call.values else settings.default_limit


def _bounded(query: Query, most: int) -> Query:
    """The same query with a limit that the archive is willing to serve.

    Raises:
        InvalidQuery: more matches are to be passed over than `MAX_OFFSET`.
    """
    if query.offset > MAX_OFFSET:
        msg = f"offset is above {MAX_OFFSET}. Search by narrower keys, a date range say"
        raise InvalidQuery(msg)
    return replace(query, limit=most if query.limit is None else min(query.limit, most))


def _counted(base_url: str, query: Query, given: int, total: Count) -> list[Header]:
    """How many match in all, and a warning when there are more (PS3.18 section 8.3.4.4)."""
    headers = [
        (b"x-total-count", (f"{total.value}" if total.exact else f"{total.value}+").encode())
    ]
    left = total.value - query.offset - given
    if given and left > 0:
        more = f"{left}" if total.exact else f"more than {left}"
        warning = f'299 {base_url} "There are {more} additional results that can be requested"'
        headers.append((b"warning", warning.encode("latin-1", "replace")))
    return headers
