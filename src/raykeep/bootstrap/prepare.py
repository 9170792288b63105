"""What the supervisor does with the root key: it opens the others and lends them by role."""

import socket
import threading
from logging import getLogger

from raykeep.adapters.keys.agent import AgentServer
from raykeep.adapters.keys.names import DATABASE, STUDY_KEYS, ProcessRole
from raykeep.adapters.sql.engine import upgrade_database
from raykeep.adapters.sql.study_keys import open_study_keys
from raykeep.bootstrap.keys import Ask, OpenKeys, open_keys
from raykeep.bootstrap.names import server_names
from raykeep.bootstrap.public_certificates import publish
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout, Manifest
from raykeep.config.settings import Settings
from raykeep.domain.errors import ArchiveError
from raykeep.supervisor import ServeKeys

RENEWAL_INTERVAL = 24 * 3600.0  # seconds between looks at the server's certificates

log = getLogger(__name__)


def prepare_keys(layout: Layout, manifest: Manifest, settings: Settings, ask: Ask) -> ServeKeys:
    """Open the keys, renew certificates, bring the database forward; then lend secrets.

    Raises:
        KeyUnavailable: a key is missing.
        StorageUnavailable: the database or the store of study keys cannot be opened.
    """
    keys = open_keys(layout, manifest, SystemClock(), file=settings.keys.file, ask=ask)
    keys.authority.prepare(**server_names(settings))
    publish(layout, keys)
    upgrade_database(
        settings.database, folder=layout.database.parent, key=keys.keyring.get(DATABASE)
    )
    # Said here, once: each process would say it again with every start.
    open_study_keys(
        settings.database, folder=layout.study_keys.parent, key=keys.keyring.get(STUDY_KEYS)
    ).close()
    renewal = threading.Thread(
        target=_renew, args=(keys, settings, layout), name="certificates", daemon=True
    )
    renewal.start()

    def serve(process: str, peer: socket.socket) -> None:
        role = ProcessRole(process.partition("-")[0])
        AgentServer(peer, keys.local, keys.authority, role, log.warning).serve()

    return serve


def _renew(keys: OpenKeys, settings: Settings, layout: Layout) -> None:
    """Renew the server's certificates in time; the listeners take up what is new."""
    wait = threading.Event().wait
    while not wait(RENEWAL_INTERVAL):
        try:
            if renewed := keys.authority.prepare(**server_names(settings)):
                publish(layout, keys)
                log.info("renewed: %s", ", ".join(renewed))
        except ArchiveError as error:
            log.error("the server's certificates could not be renewed: %s", error)  # noqa: TRY400
