"""The archive's private certificate authority."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from raykeep.domain.ae_title import AETitle


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate for a device.

    Attributes:
        certificate_pem: The certificate.
        private_key_pem: Its key, None when the device brought a request of its own.
        sha256: Fingerprint of the DER, hexadecimal.
        not_after: End of validity.
    """

    certificate_pem: str
    private_key_pem: str | None
    sha256: str
    not_after: datetime


class CertificateAuthority(Protocol):
    """Issue device certificates, SAN `URI:urn:raykeep:aet:AET`."""

    def issue(
        self, ae_title: AETitle, *, days: int, csr_pem: str | None = None
    ) -> IssuedCertificate:
        """Issue a certificate for client and server authentication.

        Raises:
            InvalidInput: the request is not one, or its signature or key is too weak.
        """
        ...

    def bundle_pem(self) -> str:
        """Certificates that others must trust, PEM."""
        ...
