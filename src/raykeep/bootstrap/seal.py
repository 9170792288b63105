"""The process of the sealer: the one with the signing key, and without any other."""

from raykeep.adapters.keys.names import AUDIT_SIGNING, DATABASE
from raykeep.adapters.sql.audit import SqlAuditTrail
from raykeep.adapters.sql.engine import open_database
from raykeep.bootstrap.process import Process, stop_on_sigterm
from raykeep.config.layout import trail_origin
from raykeep.crypto.signing import NoteSigner
from raykeep.ledger import Ledger
from raykeep.worker.sealer import seal_until


def run_sealer(process: Process) -> int:
    """Seal the trail until told to stop."""
    stop_on_sigterm(process.stop)
    database = open_database(
        process.settings.database,
        folder=process.layout.database.parent,
        key=process.keys.secret(DATABASE),
    )
    origin = trail_origin(process.manifest)
    signer = NoteSigner(origin, process.keys.secret(AUDIT_SIGNING))
    ledger = Ledger(SqlAuditTrail(database), signer, origin, process.clock)
    process.tell_ready()
    try:
        seal_until(process.stop, ledger)
    finally:
        database.close()
    return 0
