"""Orthanc's own HTTPS, where Debian's cannot answer.

Debian 12's CivetWeb looks `SSL_get_peer_certificate` up by name. OpenSSL 3 no longer has it, and
the first HTTPS request calls address 0: Orthanc crashes. A copy of the library that asks for
another function of the same form, which gives NULL as the lost one would to a server that asks
clients for no certificate, works and costs the same.
"""

import ctypes
from pathlib import Path
from typing import Final

from benchmarks.failures import PeerMissing

_PLACES: Final = ("/usr/lib/*/libcivetweb.so.1", "/usr/lib/libcivetweb.so.1")
_LOST: Final = b"\0SSL_get_peer_certificate\0"
_INSTEAD: Final = b"\0SSL_get0_verified_chain\0\0"


def library_folder(folder: Path) -> Path | None:
    """Where Orthanc must look for libraries first; None when its own will do.

    Args:
        folder: Where the copy may be made.

    Raises:
        PeerMissing: CivetWeb would not find OpenSSL (Debian package libssl-dev).
    """
    if _has_lost_function():
        return None
    for path in (one for place in _PLACES for one in Path("/").glob(place.lstrip("/"))):
        library = path.read_bytes()
        if library.count(_LOST) == 1:
            place = folder / "lib"
            place.mkdir()
            (place / path.name).write_bytes(library.replace(_LOST, _INSTEAD))
            return place
    return None


def _has_lost_function() -> bool:
    try:
        # The name without a version, which is what CivetWeb opens.
        return hasattr(ctypes.CDLL("libssl.so"), _LOST.strip(b"\0").decode())
    except OSError as error:
        name = "libssl.so"
        raise PeerMissing(name) from error
