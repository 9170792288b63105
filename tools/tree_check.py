"""Look at files before they are committed: size, private keys, and whether TOML and YAML parse."""

import sys
import tomllib
from pathlib import Path

import yaml

LARGEST = 512 * 1024  # bytes
# In two parts, so that this file does not find itself.
PRIVATE_KEY = b"PRIVATE " + b"KEY-----"


def faults(path: Path) -> list[str]:
    """Say what is wrong with one file."""
    content = path.read_bytes()
    found = []
    if len(content) > LARGEST and path.suffix != ".txt":
        found.append(f"{len(content):,} bytes, more than {LARGEST:,}: does it belong here?")
    if PRIVATE_KEY in content:
        found.append("holds a private key; make keys in the test that needs them")
    try:
        if path.suffix == ".toml":
            tomllib.loads(content.decode())
        elif path.suffix in {".yaml", ".yml"}:
            yaml.safe_load(content)
    except (ValueError, yaml.YAMLError) as error:
        found.append(f"does not parse: {error}")
    return found


def main(names: list[str]) -> int:
    """Print every fault of the named files; 1 when there is one."""
    told = [f"{name}: {fault}" for name in names for fault in faults(Path(name))]
    print("\n".join(told), end="\n" if told else "")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
