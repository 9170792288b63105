"""What the archive needs kept, as protocols with promises; adapters keep them.

Each port has one contract suite in `tests/contracts/` that every adapter passes.
"""
