"""`python -m raykeep`, and the `raykeep` program."""

import sys

from raykeep.cli.main import main, raykeep

__all__ = ["main", "raykeep"]

if __name__ == "__main__":
    sys.exit(main())
