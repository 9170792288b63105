"""Keys, their administration and the authority as one value, opened in this process."""

from raykeep.bootstrap.keys import OpenKeys
from raykeep.domain.ae_title import AETitle
from raykeep.domain.facility import FacilityName
from raykeep.ports.authority import IssuedCertificate
from raykeep.ports.key_administration import FacilityKeyInfo
from raykeep.ports.keys import WrappedKey


class CombinedKeys:
    """What `AgentKeys` is for processes under a supervisor."""

    def __init__(self, keys: OpenKeys) -> None:
        """Use keys that are open."""
        self._local = keys.local
        self._authority = keys.authority

    def wrap(self, facility: FacilityName, key: bytes) -> WrappedKey:
        """See `KeyWrapper.wrap`."""
        return self._local.wrap(facility, key)

    def unwrap(self, facility: FacilityName, wrapped: WrappedKey) -> bytes:
        """See `KeyWrapper.unwrap`."""
        return self._local.unwrap(facility, wrapped)

    def pseudonym(self, facility: FacilityName, text: str) -> str:
        """See `KeyWrapper.pseudonym`."""
        return self._local.pseudonym(facility, text)

    def describe(self) -> list[FacilityKeyInfo]:
        """See `KeyWrapper.describe`."""
        return self._local.describe()

    def create_facility_key(self, facility: FacilityName) -> FacilityKeyInfo:
        """See `KeyAdministration.create_facility_key`."""
        return self._local.create_facility_key(facility)

    def provider(self) -> str:
        """See `KeyAdministration.provider`."""
        return self._local.provider()

    def issue(
        self, ae_title: AETitle, *, days: int, csr_pem: str | None = None
    ) -> IssuedCertificate:
        """See `CertificateAuthority.issue`."""
        return self._authority.issue(ae_title, days=days, csr_pem=csr_pem)

    def bundle_pem(self) -> str:
        """See `CertificateAuthority.bundle_pem`."""
        return self._authority.bundle_pem()

    def client_ca_pem(self) -> str:
        """See `LocalAuthority.client_ca_pem`."""
        return self._authority.client_ca_pem()

    def secret(self, name: str) -> bytes:
        """A secret by name."""
        return self._local.secret(name)
