"""Write devices, tokens, facilities and jobs.

Each change of the first three moves the generation.
"""

import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.committer import Writer
from raykeep.adapters.sql.dialect import Dialect, Statement, compiled
from raykeep.adapters.sql.values import clean, json_text, some_microseconds, to_microseconds
from raykeep.domain.changes import (
    AddDevice,
    AddFacility,
    AddToken,
    ReplaceDevice,
    RevokeDevice,
    RevokeToken,
    TouchDevice,
)
from raykeep.domain.device import Device
from raykeep.domain.errors import AlreadyExists, ChangeRefused
from raykeep.domain.jobs import NewJob
from raykeep.domain.token import ApiToken

Row = dict[str, object]


class RegistryWriter:
    """One method a change; each runs within the committer's transaction."""

    def __init__(self, dialect: Dialect) -> None:
        self._sql = _Statements(dialect)

    def add_facility(self, writer: Writer, change: AddFacility) -> None:
        facility = change.facility
        row: Row = {
            "name": facility.name,
            "title": clean(facility.title),
            "created_at": to_microseconds(facility.created_at),
        }
        if writer.run(self._sql.add_facility, row) == 0:
            msg = f"facility {facility.name} is there already. Choose another name"
            raise AlreadyExists(msg)
        self._moved(writer)

    def add_device(self, writer: Writer, change: AddDevice) -> None:
        device = change.device
        row = device_row(device)
        if writer.run(self._sql.add_device, row) == 0:
            # The title may be taken again when it was revoked. Its version goes on counting,
            # so that an association of the old device does not pass for one of the new.
            found = writer.row(self._sql.revoked_version, {"ae_title": device.ae_title.value})
            if found is None:
                msg = f"a device {device.ae_title} is enrolled already. Revoke it first"
                raise AlreadyExists(msg)
            row["version"] = max(device.version, found[0] + 1)
            row["last_seen_at"] = None
            self._replace(writer, row, found[0])
        self._moved(writer)

    def replace_device(self, writer: Writer, change: ReplaceDevice) -> None:
        device = change.device
        self._replace(writer, device_row(device), device.version - 1)
        self._moved(writer)

    def _replace(self, writer: Writer, row: Row, version: int) -> None:
        if writer.run(self._sql.replace_device, row | {"old_version": version}) == 0:
            msg = (
                f"device {row['ae_title']} was changed by somebody else. Look at it, then try again"
            )
            raise ChangeRefused(msg)

    def revoke_device(self, writer: Writer, change: RevokeDevice) -> None:
        row = {"ae": change.ae_title.value, "moment": to_microseconds(change.at)}
        if writer.run(self._sql.revoke_device, row) == 0 and not writer.rows(
            self._sql.device_there, row
        ):
            msg = f"no device {change.ae_title} is enrolled"
            raise ChangeRefused(msg)
        self._moved(writer)

    def touch_device(self, writer: Writer, change: TouchDevice) -> None:
        row = {"ae": change.ae_title.value, "moment": to_microseconds(change.at)}
        if writer.run(self._sql.touch_device, row) == 0 and not writer.rows(
            self._sql.device_there, row
        ):
            msg = f"no device {change.ae_title} is enrolled"
            raise ChangeRefused(msg)

    def add_token(self, writer: Writer, change: AddToken) -> None:
        if writer.run(self._sql.add_token, token_row(change.token)) == 0:
            msg = f"a token {change.token.token_id} is there already. Make another"
            raise AlreadyExists(msg)
        self._moved(writer)

    def revoke_token(self, writer: Writer, change: RevokeToken) -> None:
        row = {"token": change.token_id, "moment": to_microseconds(change.at)}
        if writer.run(self._sql.revoke_token, row) == 0 and not writer.rows(
            self._sql.token_there, row
        ):
            msg = f"there is no token {change.token_id}"
            raise ChangeRefused(msg)
        self._moved(writer)

    def add_job(self, writer: Writer, job: NewJob) -> None:
        writer.run(
            self._sql.add_job,
            {
                "kind": job.kind.value,
                "key": clean(job.key),
                "not_before": to_microseconds(job.not_before),
                "payload": job.payload,
            },
        )

    def _moved(self, writer: Writer) -> None:
        writer.run(self._sql.move, {})


def device_row(device: Device) -> Row:
    """Columns of a device."""
    exemption = device.exemption
    return {
        "ae_title": device.ae_title.value,
        "facility": device.facility,
        "rights": _listed(sorted(right.value for right in device.rights)),
        "networks": _listed([str(network) for network in device.networks]),
        "certificate_sha256": _listed(list(device.certificate_sha256)),
        "own_certificates_pem": _listed(list(device.own_certificates_pem)),
        "certificate_expires_at": some_microseconds(device.certificate_expires_at),
        "exempt_until": some_microseconds(exemption.until if exemption else None),
        "exemption_owner": clean(exemption.owner) if exemption else "",
        "exemption_reason": clean(exemption.reason) if exemption else "",
        "enrolled_at": to_microseconds(device.enrolled_at),
        "revoked_at": some_microseconds(device.revoked_at),
        "last_seen_at": some_microseconds(device.last_seen_at),
        "version": device.version,
    }


def token_row(token: ApiToken) -> Row:
    """Columns of a token."""
    return {
        "token_id": token.token_id,
        "name": clean(token.name),
        "role": token.role.value,
        "facilities": _listed(sorted(token.facilities)),
        "secret_sha256": token.secret_sha256,
        "networks": _listed([str(network) for network in token.networks]),
        "created_at": to_microseconds(token.created_at),
        "expires_at": to_microseconds(token.expires_at),
        "revoked_at": some_microseconds(token.revoked_at),
        "version": token.version,
    }


def _listed(texts: list[str]) -> str:
    # Plain texts: the encoder takes no subclass of `str`, such as a FacilityName is.
    return json_text(texts)


class _Statements:
    """SQL of this file, made once for an engine."""

    def __init__(self, dialect: Dialect) -> None:
        def sql(clause: sa.ClauseElement, *columns: str) -> Statement:
            return compiled(dialect, clause, columns or None)

        facility, device, token, job = tables.facility, tables.device, tables.token, tables.job
        moment = sa.bindparam("moment", type_=sa.BigInteger())

        self.add_facility = sql(dialect.insert_or_ignore(facility), *facility.c.keys())
        self.add_device = sql(dialect.insert_or_ignore(device), *device.c.keys())
        self.add_token = sql(dialect.insert_or_ignore(token), *token.c.keys())
        self.add_job = sql(dialect.insert_or_ignore(job), "kind", "key", "not_before", "payload")

        self.revoked_version = sql(
            sa.select(device.c.version).where(
                device.c.ae_title == sa.bindparam("ae_title"), device.c.revoked_at.is_not(None)
            )
        )
        self.replace_device = sql(
            sa.update(device)
            .where(
                device.c.ae_title == sa.bindparam("ae_title"),
                device.c.version == sa.bindparam("old_version"),
            )
            .values(
                {
                    column.name: sa.bindparam(column.name, type_=column.type)
                    for column in device.columns
                    if column.name != "ae_title"
                }
            )
        )
        its = device.c.ae_title == sa.bindparam("ae")
        self.device_there = sql(sa.select(device.c.version).where(its))
        self.revoke_device = sql(
            sa.update(device)
            .where(its, device.c.revoked_at.is_(None))
            .values(revoked_at=moment, version=device.c.version + 1)
        )
        seen = device.c.last_seen_at
        self.touch_device = sql(
            sa.update(device)
            .where(its, sa.or_(seen.is_(None), seen < moment))
            .values(last_seen_at=moment)
        )
        its = token.c.token_id == sa.bindparam("token")
        self.token_there = sql(sa.select(token.c.version).where(its))
        self.revoke_token = sql(
            sa.update(token)
            .where(its, token.c.revoked_at.is_(None))
            .values(revoked_at=moment, version=token.c.version + 1)
        )
        value = tables.generation.c.value
        self.move = sql(sa.update(tables.generation).values({value: value + 1}))
