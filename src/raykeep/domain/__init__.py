"""The words of the archive: frozen types that cannot be wrong. No I/O, no clock."""
