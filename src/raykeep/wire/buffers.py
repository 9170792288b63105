"""What counts as bytes here."""

from typing import TypeAlias

# `collections.abc.Buffer` says this better, from Python 3.12 on.
BytesLike: TypeAlias = bytes | bytearray | memoryview
