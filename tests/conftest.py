"""What every test may rely on: real sockets by folder, and how hard properties are tried."""

import os
from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent

# Elsewhere a socket is a mistake: those tests are about what happens inside the house.
FOLDERS_WITH_SOCKETS = ("interop", "web", "protocol/live", "security", "contracts", "performance")
LOOPBACK = ["127.0.0.1", "::1"]

hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, print_blob=True)
hypothesis.settings.register_profile("long", max_examples=20_000, deadline=None)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open loopback, and nothing else, to the folders that talk over real sockets."""
    for item in items:
        folder = item.path.relative_to(TESTS).as_posix()
        if folder.startswith(tuple(f"{name}/" for name in FOLDERS_WITH_SOCKETS)):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
