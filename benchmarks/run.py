"""Measure this archive beside its peers: `make bench`, or `python benchmarks/run.py --help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # The benchmarks share the tests' way to run an archive, which is found from the root.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from benchmarks.command import main

    raise SystemExit(main())
