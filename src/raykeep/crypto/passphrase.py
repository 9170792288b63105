"""A root key from a passphrase: Argon2id (RFC 9106)."""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from raykeep.crypto.secrets_at_rest import derive_key
from raykeep.domain.errors import InvalidInput, KeyUnavailable

KEY_LENGTH = 32  # bytes
SALT_LENGTH = 16  # bytes
MIN_LENGTH = 12  # characters, where a passphrase is chosen
MAX_LENGTH = 1024  # characters
MEMORY_KIB = 262_144  # 256 MiB
ITERATIONS = 3
LANES = 4

# Parameters come from a file: bounded, so that reading one costs no more than an unlock should.
_MEMORY_BOUNDS = (65_536, 4_194_304)  # KiB
_ITERATION_BOUNDS = (1, 16)
_LANE_BOUNDS = (1, 4)
_VERIFIER_LENGTH = 16  # bytes


@dataclass(frozen=True, slots=True)
class PassphraseParameters:
    """What must be kept beside the archive to turn its passphrase into its root key.

    Attributes:
        salt: 16 random bytes.
        verifier: 16 bytes derived from the root key, to tell a wrong passphrase at once.
        memory_kib: Memory, KiB.
        iterations: Passes over it.
        lanes: Degree of parallelism, 1 to 4.
    """

    salt: bytes
    verifier: bytes
    memory_kib: int = MEMORY_KIB
    iterations: int = ITERATIONS
    lanes: int = LANES

    def __post_init__(self) -> None:
        within = all(
            low <= value <= high
            for value, (low, high) in (
                (self.memory_kib, _MEMORY_BOUNDS),
                (self.iterations, _ITERATION_BOUNDS),
                (self.lanes, _LANE_BOUNDS),
            )
        )
        if not within or len(self.salt) != SALT_LENGTH or len(self.verifier) != _VERIFIER_LENGTH:
            msg = (
                "the parameters of the passphrase are damaged: Argon2id with "
                f"{self.memory_kib} KiB, {self.iterations} passes, {self.lanes} lanes. "
                "Restore the archive's manifest"
            )
            raise InvalidInput(msg)


def choose_passphrase(
    passphrase: str,
    *,
    memory_kib: int = MEMORY_KIB,
    iterations: int = ITERATIONS,
    lanes: int = LANES,
) -> tuple[PassphraseParameters, bytes]:
    """Take a new passphrase.

    Returns:
        The parameters to keep, and the root key, 32 bytes.

    Raises:
        InvalidInput: it is shorter than 12 characters.
    """
    if not MIN_LENGTH <= len(passphrase) <= MAX_LENGTH:
        msg = (
            f"the passphrase has {len(passphrase)} characters, not {MIN_LENGTH} to {MAX_LENGTH}. "
            "Choose another; five random words are good"
        )
        raise InvalidInput(msg)
    blank = PassphraseParameters(
        secrets.token_bytes(SALT_LENGTH), bytes(_VERIFIER_LENGTH), memory_kib, iterations, lanes
    )
    root_key = _stretched(passphrase, blank)
    kept = PassphraseParameters(blank.salt, _verifier(root_key), memory_kib, iterations, lanes)
    return kept, root_key


def root_key_from(passphrase: str, parameters: PassphraseParameters) -> bytes:
    """The root key, 32 bytes.

    Raises:
        KeyUnavailable: the passphrase is another one.
    """
    if len(passphrase) <= MAX_LENGTH:
        root_key = _stretched(passphrase, parameters)
        if hmac.compare_digest(_verifier(root_key), parameters.verifier):
            return root_key
    msg = "the passphrase does not open this archive. Type it again"
    raise KeyUnavailable(msg)


def _stretched(passphrase: str, parameters: PassphraseParameters) -> bytes:
    argon2 = Argon2id(
        salt=parameters.salt,
        length=KEY_LENGTH,
        iterations=parameters.iterations,
        lanes=parameters.lanes,
        memory_cost=parameters.memory_kib,
    )
    # Keyboards write é in one code point or in two: NFKC makes them one (NIST SP 800-63B).
    text = unicodedata.normalize("NFKC", passphrase)
    return argon2.derive(text.encode("utf-8", "surrogatepass"))


def _verifier(root_key: bytes) -> bytes:
    return derive_key(root_key, "raykeep passphrase verifier")[:_VERIFIER_LENGTH]
