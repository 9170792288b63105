"""Names of the secrets in the keyring, and which process may have which."""

from enum import StrEnum

DATABASE = "database"
STUDY_KEYS = "study-keys"
PSEUDONYM = "pseudonym"
AUDIT_SIGNING = "audit-signing"
AUDIT_PUBLIC = "audit-public"  # no secret: whoever verifies the trail needs it
CA_ROOT = "ca/root"
CA_ISSUING = "ca/issuing"
CA_ISSUING_BEFORE = "ca/issuing-before"  # certificates alone, of issuers that have not ended yet
TLS_RSA = "tls/rsa"
TLS_P256 = "tls/p256"


def facility_key_name(facility: str, version: int) -> str:
    """Name of one version of a facility's key."""
    return f"facility/{facility}/{version}"


class ProcessRole(StrEnum):
    """The archive's own processes."""

    DIMSE = "dimse"
    WEB = "web"
    WORKER = "worker"
    SEALER = "sealer"


_FRONT = frozenset({DATABASE, STUDY_KEYS, PSEUDONYM, AUDIT_PUBLIC, "facility/*", "tls/*"})

MAY_HAVE: dict[ProcessRole, frozenset[str]] = {
    ProcessRole.DIMSE: _FRONT,
    ProcessRole.WEB: _FRONT,
    ProcessRole.WORKER: _FRONT - {"tls/*"},
    ProcessRole.SEALER: frozenset({DATABASE, AUDIT_SIGNING, AUDIT_PUBLIC}),
}
"""Secrets by role; `/*` at the end stands for every name below."""

MAY_ADMINISTER = frozenset({ProcessRole.WORKER})
"""Who may have facility keys made and certificates issued."""


def is_allowed(name: str, allowed: frozenset[str]) -> bool:
    """Whether `name`, or the name above it with `/*`, is among `allowed`."""
    above, slash, _ = name.partition("/")
    return name in allowed or (bool(slash) and f"{above}/*" in allowed)
