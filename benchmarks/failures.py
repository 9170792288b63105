"""What goes wrong with a benchmark."""


class BenchmarkFailed(Exception):
    """A server did not come up, refused work, or answered something else than was stored."""


class PeerMissing(Exception):
    """A program to compare with is not installed."""
