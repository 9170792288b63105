"""Reading what wrk prints."""

import pytest

from benchmarks.failures import BenchmarkFailed
from benchmarks.wrk import Load, parse

REPORT = """\
Running 5s test @ https://127.0.0.1:8443/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     6.94ms    1.11ms  15.05ms   77.40%
    Req/Sec     1.16k    62.05     1.27k    68.00%
  Latency Distribution
     50%    {median}
     75%    7.50ms
     90%    8.30ms
     99%   10.10ms
  5785 requests in 5.00s, 7.86MB read
{errors}Requests/sec:   1156.55
Transfer/sec:      1.57MB
"""


@pytest.mark.parametrize(
    ("median", "milliseconds"),
    [("812.00us", 0.812), ("6.80ms", 6.8), ("1.25s", 1250.0), ("1.10m", 66_000.0)],
)
def test_rate_and_median_are_read_whatever_the_unit(median, milliseconds):
    load = parse(REPORT.format(median=median, errors=""))

    assert load == Load(1156.55, pytest.approx(milliseconds))


@pytest.mark.parametrize(
    "errors",
    [
        "  Non-2xx or 3xx responses: 5785\n",
        "  Socket errors: connect 0, read 12, write 0, timeout 3\n",
    ],
)
def test_a_run_with_errors_is_no_measurement(errors):
    with pytest.raises(BenchmarkFailed, match=r"responses|errors"):
        parse(REPORT.format(median="6.80ms", errors=errors))


def test_a_report_without_numbers_is_no_measurement():
    with pytest.raises(BenchmarkFailed, match="nothing that can be read"):
        parse("unable to connect")
