"""Running an archive: sockets, keys and processes, under the supervisor."""

import json
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from raykeep.adapters.keys.names import ProcessRole
from raykeep.bootstrap.lock import locked
from raykeep.bootstrap.sockets import listen
from raykeep.config.layout import Layout, read_manifest
from raykeep.config.settings import Settings, read_settings
from raykeep.domain.errors import SettingsError
from raykeep.servers.control.sockets import bind_control_socket
from raykeep.supervisor import ProcessPlan, ServeKeys, Supervisor, python_argv, write_whole


@dataclass(frozen=True, slots=True)
class ServeWish:
    """What the command line asks for; None where the settings decide.

    Attributes:
        only: Parts to run: `dimse`, `web`, `worker` (with the sealer); empty for all.
        host: Address of the DICOM and HTTPS listeners.
        dimse_port: Of DICOM over TLS; 0 for a free one.
        https_port: Of HTTPS; 0 for a free one.
    """

    only: frozenset[str] = frozenset()
    host: str | None = None
    dimse_port: int | None = None
    https_port: int | None = None


PARTS = ("dimse", "web", "worker")


def serve(
    layout: Layout,
    config: Path,
    wish: ServeWish,
    ask: Callable[[], str],
    told_ready: Callable[[dict[str, Any]], None],
) -> int:
    """Run the archive until SIGTERM or SIGINT; returns the exit code.

    Args:
        layout: The data directory, with an archive in it.
        config: The settings file.
        wish: What the command line asks for.
        ask: Gives the passphrase.
        told_ready: Called with the content of `ready.json` once every listener answers.

    Raises:
        ArchiveDown: there is no archive, or another process has it open.
        SettingsError: the settings do not do, or an address is taken.
        KeyUnavailable: a key is missing.
        StorageUnavailable: the database cannot be opened, or a process does not come up.
    """
    if unknown := wish.only - set(PARTS):
        msg = f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}"
        raise SettingsError(msg)
    manifest = read_manifest(layout)
    settings = _wished(read_settings(config), wish)
    layout.make()
    with locked(layout):
        layout.ready.unlink(missing_ok=True)

        def prepare() -> ServeKeys:
            # Loaded only now, while the processes load what they are made of.
            from raykeep.bootstrap.prepare import prepare_keys  # noqa: PLC0415

            return prepare_keys(layout, manifest, settings, ask)

        return _run(layout, config, settings, prepare, wish=wish, told_ready=told_ready)


def _run(
    layout: Layout,
    config: Path,
    settings: Settings,
    prepare: Callable[[], ServeKeys],
    *,
    wish: ServeWish,
    told_ready: Callable[[dict[str, Any]], None],
) -> int:
    parts = wish.only or frozenset(PARTS)
    with ExitStack() as stack:
        sockets = _sockets(layout, settings, parts, stack)
        return _supervised(layout, config, prepare, sockets, parts=parts, told_ready=told_ready)


def _supervised(
    layout: Layout,
    config: Path,
    prepare: Callable[[], ServeKeys],
    sockets: dict[str, socket.socket],
    *,
    parts: frozenset[str],
    told_ready: Callable[[dict[str, Any]], None],
) -> int:
    ports = {
        f"{name}_port": listener.getsockname()[1]
        for name, listener in sockets.items()
        if listener.family != socket.AF_UNIX
    }
    told = {
        "data": str(layout.data.absolute()),
        "config": str(config.absolute()),
        "ports": ports,
        "supervisor": os.getpid(),
    }

    def on_ready() -> None:
        content = {
            "dimse_port": ports.get("dimse_port"),
            "https_port": ports.get("https_port"),
            "ca": str(layout.ca_bundle.absolute()),
            "pid": os.getpid(),
            "dimse_plain_port": ports.get("dimse_plain_port"),
            "health_port": ports.get("health_port"),
        }
        write_whole(layout.ready, json.dumps(content))
        told_ready(content)

    plans = [
        ProcessPlan(
            name=f"{role}-0",
            argv=python_argv("_process", role.value),
            told={**told, "process": f"{role}-0"},
            sockets={n: s for n, s in sockets.items() if n in _SOCKETS_OF[role]},
        )
        for role in _roles(parts)
    ]
    try:
        return Supervisor(plans, prepare, on_ready, dict(os.environ)).run()
    finally:
        layout.ready.unlink(missing_ok=True)
        layout.control_socket.unlink(missing_ok=True)


_SOCKETS_OF = {
    ProcessRole.DIMSE: {"dimse", "dimse_plain"},
    ProcessRole.WEB: {"https"},
    ProcessRole.WORKER: {"control", "health"},
    ProcessRole.SEALER: set[str](),
}


def _roles(parts: frozenset[str]) -> list[ProcessRole]:
    roles = {"dimse": [ProcessRole.DIMSE], "web": [ProcessRole.WEB]}
    roles["worker"] = [ProcessRole.WORKER, ProcessRole.SEALER]
    return [role for part in PARTS if part in parts for role in roles[part]]


def _sockets(
    layout: Layout, settings: Settings, parts: frozenset[str], stack: ExitStack
) -> dict[str, socket.socket]:
    sockets: dict[str, socket.socket] = {}

    def take(name: str, host: str, port: int, what: str) -> None:
        sockets[name] = stack.enter_context(listen(host, port, what))

    if "dimse" in parts:
        take("dimse", settings.dimse.host, settings.dimse.port, "DICOM")
        plain = settings.dimse_plain
        if plain.enabled:
            take("dimse_plain", plain.host, plain.port, "plain DICOM")
    if "web" in parts:
        take("https", settings.https.host, settings.https.port, "HTTPS")
    if "worker" in parts:
        if settings.health.enabled:
            take("health", "127.0.0.1", settings.health.port, "health")
        sockets["control"] = stack.enter_context(bind_control_socket(layout.control_socket))
    return sockets


def _wished(settings: Settings, wish: ServeWish) -> Settings:
    """The settings with the command line's wishes in their place."""
    dimse, https, health = settings.dimse, settings.https, settings.health
    if wish.host is not None:
        dimse = msgspec.structs.replace(dimse, host=wish.host)
        https = replace(https, host=wish.host)
    if wish.dimse_port is not None:
        dimse = msgspec.structs.replace(dimse, port=wish.dimse_port)
    if wish.https_port is not None:
        https = replace(https, port=wish.https_port)
    if 0 in {dimse.port, https.port}:
        # Whoever asks for free ports runs several archives on a host: none may be in the way.
        health = replace(health, port=0)
    return replace(settings, dimse=dimse, https=https, health=health)
