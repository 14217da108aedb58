"""What `imagekit services up|down|status` does."""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from imagekit.machine.libvirt import daemon as libvirtd
from imagekit.machine.libvirt.busy import URI
from imagekit.services import dockerd, registry
from imagekit.services.dockerapi import engine_facts
from imagekit.services.lease import drop, keep, running
from imagekit.services.model import Daemon, ServiceStatus


class Service(StrEnum):
    """A daemon that imagekit can start."""

    ENGINE = "engine"
    LIBVIRT = "libvirt"
    REGISTRY = "registry"


def up(
    work: Path, address: str, services: Iterable[Service] = tuple(Service), *, uri: str | None = None
) -> list[ServiceStatus]:
    """Start services and leave them running until `down`; what answers already and is not ours is left alone.

    `address` is the embedded registry's ``host:port``, `uri` the libvirt connection if another than the default.
    Raises `ServiceError` as the services themselves do.
    """
    for service in services:
        match service:
            case Service.ENGINE:
                if not os.environ.get("DOCKER_HOST"):
                    host = dockerd.address(work)
                    keep(dockerd.prepare(work), lambda host=host: engine_facts(host) is not None)  # type: ignore[misc]
            case Service.LIBVIRT:
                private = libvirtd.daemon()
                if (uri or libvirtd.default_uri()) != URI:
                    continue  # of another host, or a session's, which starts by itself
                if running(private) or not libvirtd.answers():
                    libvirtd.prepare(private)
                    keep(private, libvirtd.answers)
            case Service.REGISTRY:
                keep(registry.prepare(work, address), lambda: registry.answers(address))
            case _:
                assert_never(service)
    return status(work, address, uri=uri)


def down(
    work: Path, address: str, services: Iterable[Service] = tuple(Service), *, uri: str | None = None
) -> list[ServiceStatus]:
    """End what `up` began; a service that a running imagekit still uses goes on until that ends."""
    for service in services:
        private = _daemon(service, work, address)
        if private.state.is_dir():
            drop(private)
    return status(work, address, uri=uri)


def status(work: Path, address: str, *, uri: str | None = None) -> list[ServiceStatus]:
    """How each service stands now; nothing is started."""
    return [_status(service, work, address, uri or libvirtd.default_uri()) for service in Service]


def _status(service: Service, work: Path, address: str, uri: str) -> ServiceStatus:
    private = _daemon(service, work, address)
    where = _address(service, work, address, uri)
    ours = running(private) and (service is not Service.LIBVIRT or where == URI)
    answering = _answers(service, where)
    return ServiceStatus(
        name=service.value,
        running=answering,
        ours=ours,
        kept=private.keep.exists(),
        address=where,
        detail=f"log: {private.log}" if ours else ("started by somebody else" if answering else "not running"),
    )


def _daemon(service: Service, work: Path, address: str) -> Daemon:
    match service:
        case Service.ENGINE:
            return dockerd.daemon(work)
        case Service.LIBVIRT:
            return libvirtd.daemon()
        case Service.REGISTRY:
            return registry.daemon(work, address)
        case _:
            assert_never(service)


def _address(service: Service, work: Path, address: str, uri: str) -> str:
    match service:
        case Service.ENGINE:
            return os.environ.get("DOCKER_HOST") or dockerd.address(work)
        case Service.LIBVIRT:
            return uri
        case Service.REGISTRY:
            return address
        case _:
            assert_never(service)


def _answers(service: Service, where: str) -> bool:
    match service:
        case Service.ENGINE:
            return engine_facts(where) is not None
        case Service.LIBVIRT:
            return libvirtd.answers(where)
        case Service.REGISTRY:
            return registry.answers(where)
        case _:
            assert_never(service)
