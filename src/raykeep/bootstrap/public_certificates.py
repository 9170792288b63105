"""The archive's own certificates, without their keys, where everybody may read them."""

from raykeep.adapters.keys.names import CA_ISSUING
from raykeep.bootstrap.keys import OpenKeys
from raykeep.config.layout import Layout
from raykeep.crypto.issuing import CertifiedKey, ServerKeyKind
from raykeep.supervisor import write_whole


def publish(layout: Layout, keys: OpenKeys) -> None:
    """Write the bundle that peers must trust, and what the listeners show."""
    issuing = CertifiedKey.parse(keys.keyring.get(CA_ISSUING).decode())
    texts = {
        layout.ca_bundle.name: keys.authority.bundle_pem(),
        "issuing.crt": issuing.certificate_pem,
        **{
            f"server-{kind.value}.crt": keys.authority.server_certificate(kind).chain_pem
            for kind in ServerKeyKind
        },
    }
    folder = layout.ca_bundle.parent
    for name, text in texts.items():
        write_whole(folder / name, text)


def published(layout: Layout) -> list[tuple[str, str]]:
    """The published certificates by file name, PEM."""
    files = sorted(layout.ca_bundle.parent.glob("*.crt"))
    return [(file.stem, file.read_text()) for file in files]
