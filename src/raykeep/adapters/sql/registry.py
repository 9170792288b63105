"""The port `Registry`."""

from ipaddress import ip_network
from typing import Any

import msgspec
import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.values import facility_name, some_moment, to_moment
from raykeep.domain.access import Role
from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import Device, DeviceRight, Network, PlainExemption
from raykeep.domain.facility import Facility, FacilityName
from raykeep.domain.token import ApiToken

_texts = msgspec.json.Decoder(tuple[str, ...])


class SqlRegistry:
    """Keeps the port `Registry`; one for a `Database`, safe for many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        sql = database.statement
        device, token, facility = tables.device, tables.token, tables.facility
        name = sa.bindparam("name", type_=sa.Text())
        self._devices = sql(sa.select(*device.c).order_by(device.c.ae_title))
        self._device = sql(sa.select(*device.c).where(device.c.ae_title == name))
        self._tokens = sql(
            sa.select(*token.c).order_by(token.c.created_at.desc(), token.c.token_id)
        )
        self._token = sql(sa.select(*token.c).where(token.c.token_id == name))
        self._facilities = sql(sa.select(*facility.c).order_by(facility.c.name))
        self._facility = sql(sa.select(*facility.c).where(facility.c.name == name))
        self._generation = sql(sa.select(tables.generation.c.value))

    def device(self, ae_title: AETitle) -> Device | None:
        rows = self._database.rows(self._device, {"name": ae_title.value})
        return _device(*rows[0]) if rows else None

    def devices(self) -> list[Device]:
        return [_device(*row) for row in self._database.rows(self._devices, {})]

    def token(self, token_id: str) -> ApiToken | None:
        rows = self._database.rows(self._token, {"name": token_id})
        return _token(*rows[0]) if rows else None

    def tokens(self) -> list[ApiToken]:
        return [_token(*row) for row in self._database.rows(self._tokens, {})]

    def facility(self, name: FacilityName) -> Facility | None:
        rows = self._database.rows(self._facility, {"name": name})
        return _facility(*rows[0]) if rows else None

    def facilities(self) -> list[Facility]:
        return [_facility(*row) for row in self._database.rows(self._facilities, {})]

    def generation(self) -> int:
        return int(self._database.rows(self._generation, {})[0][0])


def _facility(name: str, title: str, created_at: int) -> Facility:
    return Facility(FacilityName(name), title, to_moment(created_at))


def _device(*row: Any) -> Device:  # noqa: ANN401 - columns of a row
    (
        ae_title, facility, rights, networks, certificates, own_certificates, expires_at,
        exempt_until, owner, reason, enrolled_at, revoked_at, last_seen_at, version,
    ) = row  # fmt: skip
    until = some_moment(exempt_until)
    return Device(
        ae_title=AETitle(ae_title),
        facility=facility_name(facility),
        rights=frozenset(DeviceRight(right) for right in _texts.decode(rights)),
        networks=_networks(networks),
        certificate_sha256=_texts.decode(certificates),
        certificate_expires_at=some_moment(expires_at),
        enrolled_at=to_moment(enrolled_at),
        own_certificates_pem=_texts.decode(own_certificates),
        exemption=PlainExemption(until, owner, reason) if until else None,
        revoked_at=some_moment(revoked_at),
        last_seen_at=some_moment(last_seen_at),
        version=version,
    )


def _token(*row: Any) -> ApiToken:  # noqa: ANN401 - columns of a row
    (
        token_id, name, role, facilities, secret, networks, created_at, expires_at,
        revoked_at, version,
    ) = row  # fmt: skip
    return ApiToken(
        token_id=token_id,
        name=name,
        role=Role(role),
        facilities=frozenset(facility_name(one) for one in _texts.decode(facilities)),
        secret_sha256=secret,
        networks=_networks(networks),
        created_at=to_moment(created_at),
        expires_at=to_moment(expires_at),
        revoked_at=some_moment(revoked_at),
        version=version,
    )


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(one) for one in _texts.decode(text))
