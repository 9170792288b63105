"""What the archive calls itself in associations and files (PS3.7 D.3.3.2; PS3.10 section 7.1)."""

from typing import Final

from raykeep.domain.uids import UID

# Named by a UUID of its own (PS3.5 section B.2); one implementation, one UID.
IMPLEMENTATION_CLASS_UID: Final = UID("2.25.158624062122958430164603435592137333281")
IMPLEMENTATION_VERSION_NAME: Final = "RAYKEEP"
