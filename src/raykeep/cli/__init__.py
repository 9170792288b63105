"""The command line: parses, runs one command of the archive's table, prints.

Modules of libraries and of the archive that take time to load are imported where they are used.
"""
