"""The locks of the trail, looked at before work begins."""

import sqlalchemy as sa

from raykeep.domain.errors import StorageUnavailable

_TABLES = ("audit_record", "audit_leaf", "audit_checkpoint")
_ON_SQLITE = frozenset(
    (table, f"{table}_{what}")
    for table in _TABLES
    for what in ("no_update", "no_delete", "no_second")
)
_ON_POSTGRESQL = frozenset((table, f"{table}_no_change") for table in _TABLES)

_SQLITE_TRIGGERS = sa.text("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'")
_SQLITE_RECURSION = sa.text("PRAGMA recursive_triggers")
# 'O' and 'A' fire in ordinary sessions; 'D' and 'R' do not. The bits of tgtype: 1 for each row,
# 2 before, 4 INSERT, 8 DELETE, 16 UPDATE, 32 TRUNCATE.
_POSTGRESQL_TRIGGERS = sa.text(
    "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE t.tgenabled IN ('O', 'A') AND t.tgtype = 58 AND p.proname = 'audit_refuses' "
    "AND p.prosrc LIKE '%RAISE EXCEPTION%' AND c.relnamespace = current_schema()::regnamespace"
)


def check(connection: sa.Connection) -> None:
    """See that nobody took the locks off the trail.

    Raises:
        StorageUnavailable: a trigger is missing, switched off or without its teeth.
    """
    if connection.dialect.name == "sqlite":
        there = {
            (table, name)
            for table, name, sql in connection.execute(_SQLITE_TRIGGERS)
            if "RAISE(ABORT" in sql
        }
        missing = _ON_SQLITE - there
        if connection.execute(_SQLITE_RECURSION).scalar() != 1:
            missing |= {("connection", "recursive_triggers")}
    else:
        there = {(table, name) for table, name in connection.execute(_POSTGRESQL_TRIGGERS)}
        missing = _ON_POSTGRESQL - there
    if missing:
        names = ", ".join(sorted(name for _, name in missing))
        msg = (
            f"the audit trail has lost locks ({names}): somebody changed the database by hand. "
            "Run `raykeep audit verify`, and see docs/explanation/audit-trail.md"
        )
        raise StorageUnavailable(msg)
