"""How many connections there may be: in all, and from one address."""

from collections import Counter
from ipaddress import IPv6Address, ip_address

from raykeep.domain.access import source_of as network_of


def source_of(peer: object) -> str:
    """What a peer counts as; see `domain.access.source_of`."""
    text = str(peer[0]) if isinstance(peer, tuple) and peer else ""
    if ":" not in text:
        return text
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return network_of(address)


class Seats:
    """Counts connections."""

    def __init__(self, total: int, per_source: int) -> None:
        self._total = total
        self._per_source = per_source
        self._taken: Counter[str] = Counter()
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether there is no seat left for anybody."""
        return self.count >= self._total

    @property
    def sources(self) -> int:
        """From how many sources there are connections."""
        return len(self._taken)

    def take(self, source: str) -> bool:
        """Take a seat; False when there is none left, or none left for `source`."""
        if self.full or self._taken[source] >= self._per_source:
            if not self._taken[source]:
                del self._taken[source]
            return False
        self._taken[source] += 1
        self.count += 1
        return True

    def release(self, source: str) -> None:
        """Give a seat back."""
        self.count -= 1
        self._taken[source] -= 1
        if not self._taken[source]:
            del self._taken[source]
