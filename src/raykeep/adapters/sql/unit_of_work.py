"""The port `UnitOfWork`: changes and their record, committed by the one committer."""

from typing import Any, assert_never

import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.committer import Writer
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.values import LONGEST_TEXT, clean, json_text, to_microseconds
from raykeep.adapters.sql.write_instance import InstanceWriter
from raykeep.adapters.sql.write_registry import RegistryWriter
from raykeep.domain.audit_event import AuditRecord
from raykeep.domain.changes import (
    AddDevice,
    AddFacility,
    AddInstance,
    AddJob,
    AddToken,
    Change,
    ReplaceDevice,
    RevokeDevice,
    RevokeToken,
    TouchDevice,
    Unit,
)


class SqlUnitOfWork:
    """Keeps the port `UnitOfWork`; one for a `Database`, safe for many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._instances = InstanceWriter(database.dialect)
        self._registry = RegistryWriter(database.dialect)
        self._add_record = database.statement(
            sa.insert(tables.audit_record),
            [c.name for c in tables.audit_record.columns if c.name != "id"],
        )

    def commit(self, unit: Unit) -> None:
        self._database.committer.run(lambda writer: self._write(writer, unit))

    def close(self) -> None:
        """Commit what waits and take no more. More calls do no harm."""
        self._database.committer.close()

    def _write(self, writer: Writer, unit: Unit) -> None:
        for change in unit.changes:
            self._apply(writer, change)
        for record in unit.records:
            writer.run(self._add_record, record_row(record))

    def _apply(self, writer: Writer, change: Change) -> None:
        match change:
            case AddInstance():
                self._instances.add(writer, change.instance)
            case AddFacility():
                self._registry.add_facility(writer, change)
            case AddDevice():
                self._registry.add_device(writer, change)
            case ReplaceDevice():
                self._registry.replace_device(writer, change)
            case RevokeDevice():
                self._registry.revoke_device(writer, change)
            case TouchDevice():
                self._registry.touch_device(writer, change)
            case AddToken():
                self._registry.add_token(writer, change)
            case RevokeToken():
                self._registry.revoke_token(writer, change)
            case AddJob():
                self._registry.add_job(writer, change.job)
            case _:
                assert_never(change)


def record_row(record: AuditRecord) -> dict[str, Any]:
    """Columns of a record."""
    details = {
        name: clean(value, LONGEST_TEXT) if isinstance(value, str) else value
        for name, value in record.details.items()
    }
    return {
        "record_id": record.record_id,
        "at": to_microseconds(record.at),
        "event": int(record.event),
        "action": record.action.value,
        "outcome": record.outcome.value,
        "actor_kind": record.actor_kind.value,
        "actor": clean(record.actor),
        "door": record.door.value,
        "address": clean(record.address),
        "facility": record.facility,
        "study_instance_uid": clean(record.study_instance_uid),
        "patient": record.patient,
        "count": record.count,
        "reason": clean(record.reason, LONGEST_TEXT),
        "details": json_text(details),
    }
