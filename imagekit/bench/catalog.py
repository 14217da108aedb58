"""The benchmarks by name; the module of one is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagekit.bench.model import Row
    from imagekit.bench.subject import BenchSubject

# name -> what it measures; imagekit/bench/<name>.py holds `measure`.
BENCHMARKS = {
    "startup": "CPU seconds of --help and plan",
    "growth": "CPU seconds of plan for 30 and 300 images, and of reading ledgers of 1,000 and 10,000 records",
    "evidence": "CPU seconds of verifying the evidence of an image",
    "inventory": "what an image is, against reading its bytes; two inventories compared",
    "unchanged": "a run with nothing changed, against the one that built",
    "rootfs": "image to root file system, against cp and a plain hash",
    "disk": "an installed disk, against cp; qcow2, against qemu-img convert",
    "boot": "both boot paths to SSH, against plain Debian with cloud-init",
    "fork": "a fork of a saved node to SSH, against the cold boot it came from",
    "installed": "an installed node to SSH, through firmware and GRUB, against the live boot path",
    "checks": "the checks, against testinfra with a connection a fact",
    "recheck": "a changed line of a check, to its verdict on the machine that runs",
    "suites": "all suites on a fork, against each on a node booted for it",
    "fixtures": "servers beside the node: each alone, all at once, a domain restored",
    "enterprise": "all suites with servers in one command, against the longest alone",
    "push": "bytes of a second push, memory of a push of 1 GiB",
    "clients": "push, copy, pull and verify of 1 GiB, against oras, crane and openssl",
    "races": "200 races of two publishers on each registry, with the lock and without",
    "change": "a certificate added to the top layer, to the verdict",
    "republish": "a run whose publish failed, and the same command again",
    "provision": "rendering and checking the manifests of 500 and of 5,000 nodes",
    "gitops": "an API server from start to verdict, and a commit to the objects that Flux applies",
    "audit": "the index of 500 nodes over 400 days, and a question to it",
    "upgrade": "bytes, memory and time of an upgrade on the node, against dd",
    "lifecycle": "every lifecycle scenario, against its boots and image writes",
    "locked": "a locked build that reaches no mirror, against a floating one; the same again",
    "cold": "a fresh clone with nothing cached, stage by stage",
}
EARLIER = {"ladder": "lifecycle"}  # what a benchmark was called before
SLOW = ("fixtures", "enterprise", "races", "lifecycle", "locked", "cold")  # only when named; the first two want root


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The named benchmarks in the order of the table, each once; without names all but the slow ones."""
    wanted = {EARLIER.get(name, name) for name in names} or {name for name in BENCHMARKS if name not in SLOW}
    return tuple(name for name in BENCHMARKS if name in wanted)


def measure_of(name: str) -> Callable[[BenchSubject], list[Row]]:
    """The function that measures."""
    measure: Callable[[BenchSubject], list[Row]] = importlib.import_module(f"imagekit.bench.{name}").measure
    return measure
