"""How the machines are that `provision apply` made: running, reached by SSH, and what they say they run."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagekit.app.applying import store_of
from imagekit.app.needs import libvirt_uri
from imagekit.app.observing import Observed, from_nodes
from imagekit.base.errors import ConfigError
from imagekit.base.log import step
from imagekit.base.waiting import Deadline, wait_until
from imagekit.config.load import Project
from imagekit.machine.errors import BootFailedError
from imagekit.machine.libvirt.persistent import local_libvirt
from imagekit.machine.persistent import Open
from imagekit.observe.model import Observation
from imagekit.observe.ssh import Login, Place, Silent, observe_nodes
from imagekit.observe.store import Observations
from imagekit.provision.machines.kept import Kept

if TYPE_CHECKING:
    from imagekit.app.applying import Applied

_GREETING = b"SSH-2.0-"
_ASK_EVERY = 2.0
_ASK_SECONDS = 8.0
_ACTIVE = "active"


def listed(project: Project, *, connect: Open = local_libvirt) -> list[dict[str, Any]]:
    """Every machine of the work folder, with its state on the hypervisor and its place."""
    kept = store_of(project).machines()
    if not kept:
        return []
    states = _states(project, kept, connect)
    return [
        {
            "node": each.node,
            "machine": each.name,
            "cluster": each.cluster,
            "state": states[each.name],
            "host": each.place[0],
            "port": each.place[1],
            "image": each.reference,
        }
        for each in kept.values()
    ]


def _states(project: Project, kept: Mapping[str, Kept], connect: Open) -> dict[str, str]:
    with connect(libvirt_uri(project)) as opened:
        found = {name: opened.find(name) for name in kept}
    return {
        name: "gone" if one is None or one.token != kept[name].token else "running" if one.running else "off"
        for name, one in found.items()
    }


def place_text(row: Mapping[str, Any]) -> str:
    """A machine's place as `imagekit observe ssh` takes it; empty where it is not on, or nothing tells where it is."""
    return f"{row['node']}={row['host']}:{row['port']}" if row["host"] and row["state"] == "running" else ""


def health_of(project: Project, *, user: str, key: Path) -> dict[str, Any]:
    """The answer of a health hook (docs/provisioning.md): a node is ready when it logs us in on its active image.

    Nodes are named by their host names, as hooks name them.
    """
    store = store_of(project)
    kept = store.machines()
    hosts = {host_of(each): each for each in kept.values()}
    places = [Place(host, *each.place) for host, each in sorted(hosts.items()) if each.place[0]]
    nodes: dict[str, dict[str, Any]] = {
        host: {"ready": False, "version": "", "detail": "nothing tells its address"} for host in hosts
    }
    login = Login(user=user, key=key, known_hosts=store.known_hosts)
    for each in observe_nodes(places, login, at=int(time.time()), observer="health") if places else ():
        nodes[each.node] = _health(each)
    return {"version": 1, "nodes": nodes}


def observe_machines(project: Project, store: Observations, *, user: str, key: Path) -> Observed:
    """Ask every machine that is on what it runs, and keep that under the name of its node.

    Raises `ConfigError` where there is none to ask.
    """
    rows = [row for row in listed(project) if place_text(row)]
    places = [Place(row["node"], row["host"], row["port"]) for row in rows]
    if not places:
        raise ConfigError(
            "no machine is on here whose address is known", hint="`imagekit provision machines` lists them."
        )
    login = Login(user=user, key=key, known_hosts=store_of(project).known_hosts)
    return from_nodes(store, places, login)


def host_of(kept: Kept) -> str:
    """The host name of a machine: its name without the digest."""
    return kept.name.rpartition("-")[0] or kept.name


def _health(said: Observation | Silent) -> dict[str, Any]:
    if isinstance(said, Silent):
        return {"ready": False, "version": "", "detail": said.reason}
    ready = said.mode == _ACTIVE
    detail = "" if ready else f"it runs {said.mode or 'nothing that it names'}, not its active image"
    return {"ready": ready, "version": said.version, "machine": said.machine, "detail": detail}


def wait_for_login(project: Project, done: Applied, *, seconds: int, connect: Open = local_libvirt) -> None:
    """Wait until each machine that is on greets; raises `DeadlineError`, `BootFailedError` for one that ended."""
    deadline, store = Deadline.after(seconds), store_of(project)
    names = {each.name for each in done.steps}
    kept = {name: each for name, each in store.machines().items() if name in names and each.place[0]}
    states = _states(project, kept, connect)
    for each in (kept[name] for name, state in states.items() if state == "running"):
        with step(f"Waiting for {each.name}"):
            wait_until(
                lambda kept=each: _greets(project, kept, connect),  # type: ignore[misc]
                deadline,
                what=f"the SSH server of {each.name}",
                every=_ASK_EVERY,
                hint=f"Its console: {store.folder(each.name) / 'console.log'}",
            )


def _greets(project: Project, kept: Kept, connect: Open) -> bool:
    """Whether an SSH server greets; QEMU takes connections before anybody is there, and says nothing then."""
    try:
        with socket.create_connection(kept.place, timeout=_ASK_SECONDS) as connection:
            if connection.recv(64).startswith(_GREETING):
                return True
    except OSError:
        pass
    state = _states(project, {kept.name: kept}, connect)[kept.name]
    if state != "running":
        console = store_of(project).folder(kept.name) / "console.log"
        raise BootFailedError(f"{kept.name} is {state}", hint=f"Its console: {console}")
    return False
