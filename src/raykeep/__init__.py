"""Raykeep: a PACS that keeps patient images safe."""

__version__ = "0.1.0.dev0"
