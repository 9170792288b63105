"""No request, however odd, finds a fault of the archive (RW3)."""

import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raykeep.servers.dicomweb.routes import ROUTES
from tests.builders import ct_instance
from tests.fakes.web import HOST, Web

WORDS = sorted({part for route in ROUTES for part in route.template.split("/") if "{" not in part})
URLS = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%"
SEGMENTS = st.one_of(
    st.sampled_from([*WORDS, "1.2.3", "1", "..", "", "%2e%2e", "%00", "%ff"]),
    st.text(URLS, max_size=20),
)
NAMES = st.sampled_from(
    [
        "PatientName",
        "PatientID",
        "StudyDate",
        "00100020",
        "limit",
        "offset",
        "includefield",
        "fuzzymatching",
        "accept",
        "facility",
        "StudyInstanceUID",
        "RequestAttributesSequence.x",
    ]
)
PARAMETERS = st.lists(
    st.tuples(st.one_of(NAMES, st.text(URLS, max_size=10)), st.text(URLS + "/?", max_size=30)),
    max_size=4,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"accept",
                b"content-type",
                b"if-none-match",
                b"range",
                b"content-encoding",
                b"content-length",
                b"authorization",
                b"x-other",
            ]
        ),
        st.one_of(
            st.sampled_from(
                [
                    b"*/*",
                    b"application/dicom+json",
                    b"multipart/related; type=application/dicom",
                    b'multipart/related; type="application/dicom"; boundary=b',
                    b"gzip",
                    b"bytes=0-",
                ]
            ),
            st.binary(max_size=30),
        ),
    ),
    max_size=4,
)
BODIES = st.one_of(
    st.just(b""), st.binary(max_size=200), st.just(b"--b\r\n\r\nabc\r\n--b--"), st.just(b"--b--")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "DELETE"]),
    segments=st.lists(SEGMENTS, max_size=9),
    parameters=PARAMETERS,
    headers=HEADERS,
    body=BODIES,
)
def test_a_client_is_told_what_is_wrong_and_no_more(
    web: Web, *, method: str, segments: list, parameters: list, headers: list, body: bytes
) -> None:
    status, answer = 0, bytearray()

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict) -> None:
        nonlocal status
        status = message.get("status", status)
        answer.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "method": method,
        "raw_path": b"/dicom-web/" + "/".join(segments).encode(),
        "query_string": "&".join(f"{name}={value}" for name, value in parameters).encode(),
        "headers": [
            (b"host", HOST.encode()),
            (b"authorization", b"Bearer " + web.token().encode()),
            *headers,
        ],
        "client": ("192.0.2.7", 1),
    }
    web.loop.run(web.app(scope, receive, send))

    assert 200 <= status < 500
    assert b"Traceback" not in answer


def test_the_archive_still_works_after_that(web: Web) -> None:
    assert web.store(ct_instance()).status_code == 200
