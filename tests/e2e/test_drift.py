"""Nights on real machines: bad packages of a company's own archive are named, faults of ours are put to their layer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from imagekit.app import servicecontrol as control
from imagekit.base.process import run
from imagekit.build.packages import resolver
from imagekit.config.load import load_project
from imagekit.config.model import Arch
from imagekit.config.packagelock import LockedPackage, as_text, load, lock_path
from imagekit.plan.asks import locked_authorities
from tests.e2e.conftest import IMAGE, ROOT, Clone, environment
from tests.support.aptrepository import SignedArchive, repacked, served, signed_archive
from tests.support.authorities import Authority, certificate

pytestmark = [pytest.mark.vm, pytest.mark.online]
# Of 16 sources, in two layers; no other package asks for exactly the version that the lock has.
K0S = ("conntrack", "ethtool", "libnetfilter-conntrack3", "libnfnetlink0")
SSSD = (
    *("adcli", "libcares2", "libcrack2", "libicu76", "liblmdb0", "libnfsidmap1", "libpolkit-gobject-1-0"),
    *("media-types", "netbase", "python3-systemd", "realmd", "tzdata"),
)
NAMES = (*K0S, *SSSD)
BAD = "tzdata"
LAYERS = ("base", "k0s", "sssd", "ca-trust")
WHO = ("-c", "user.name=test", "-c", "user.email=test@example.org")


def unit(name: str, command: str) -> dict[str, str | Path]:
    """Files of a unit that runs a command at boot: no build fails on it, only systemd of a node that runs."""
    text = f"[Unit]\nDescription=Planted\n[Service]\nType=oneshot\nExecStart={command}\n"
    wants = f"usr/lib/systemd/system/multi-user.target.wants/{name}.service"
    return {f"usr/lib/systemd/system/{name}.service": text, wants: Path(f"../{name}.service")}


def near_its_end() -> str:
    """An authority that is good for ten days more."""
    return certificate(Authority(ends_in=timedelta(days=10)), generate_private_key(SECP256R1()))


ONE = {BAD: unit("zones", "/usr/libexec/index-zones")}
# Neither is bad alone. The first and the eighth to move, each in a layer of its own.
_HALF = "usr/share/conntrack/half"
# Installing the second fails where the first has its other version: it is the build that breaks, and nothing is booted.
PAIR: dict[str, Mapping[str, str | Path]] = {
    "conntrack": {_HALF: "half\n"},
    "libicu76": {"DEBIAN/postinst": f"#!/bin/sh\ntest ! -e /{_HALF}\n"},
}
# Of these layers some files are kept: this is about builds and boots. (A file that is not there is imagekit's own.)
# Of the controls of hardening base alone does not keep PAM-02, for which sssd brings the package.
CHECKS = {"base": ("test_boot.py", "test_hardening.py"), "k0s": ("test_kernel_needs.py",)}


PLANTED = unit("planted", "/usr/libexec/is-not-there")
# What is written into each layer's folder, below the part of it that goes into the image as it stands.
OURS: dict[str, Mapping[str, str | Path]] = {
    "base": {f"files/{path}": said for path, said in PLANTED.items()},
    # Seen by a check of base alone: that it is the fault of k0s, no suite says.
    "k0s": {f"files/{path}": said for path, said in PLANTED.items()},
    "sssd": {"files/etc/realmd.conf": "[service]\nautomatic-install = yes\n"},
    # In force for less than the rule of the layer wants: nothing is built with it, and nothing is booted.
    "ca-trust": {
        "files/planted.pem": certificate(Authority(ends_in=timedelta(days=10)), generate_private_key(SECP256R1()))
    },
}
SHOWN = {
    "base": "direct:base/test_boot.py::test_no_unit_failed",
    "k0s": "direct:base/test_boot.py::test_no_unit_failed",
    "sssd": "direct:sssd/test_sssd.py::test_joining_installs_nothing",
    "ca-trust": "",
}


@dataclass(frozen=True)
class Upstream:
    """The project, and the archive beside the mirror that its packages come from as well."""

    clone: Clone
    archive: SignedArchive

    def move(self, folder: Path, planted: Mapping[str, Mapping[str, str | Path]], suffix: str) -> None:
        """Newer versions of some packages of the lock; some of them have more files in them."""
        project = load_project(self.clone.root)
        lock = load(self.clone.root, IMAGE, "amd64")
        assert lock is not None
        rows: list[LockedPackage] = [
            each for each in lock.packages if each.name in NAMES and each.stage in ("k0s", "sssd")
        ]
        assert sorted(each.name for each in rows) == sorted(NAMES)
        folder.mkdir()
        assert resolver(project, IMAGE, Arch.AMD64).fetch(rows, folder) == {}
        for each in rows:
            self.archive.put(repacked(folder / each.sha256, folder / "new", suffix, planted.get(each.name)))
        self.archive.publish()

    def move_back(self) -> None:
        """Nothing is there any more that is newer than the lock."""
        self.archive.stanzas.clear()
        self.archive.publish()

    def plant(self, layer: str) -> None:
        """Commit the layer's fault, with a lock that covers it."""
        root = self.clone.root
        for path, said in OURS[layer].items():
            file = root / "images" / layer / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.symlink_to(said) if isinstance(said, Path) else file.write_text(said)
        lock = load(root, IMAGE, "amd64")
        assert lock is not None
        lock = replace(lock, authorities=locked_authorities(load_project(root), IMAGE))
        (root / lock_path(IMAGE, "amd64")).write_text(as_text(lock))
        self.clone.git("add", "--all")
        self.clone.git(*WHO, "commit", "-q", "-m", f"planted in {layer}")

    def night(self, *words: str) -> tuple[int, dict[str, Any]]:
        """A night without scenarios; its exit code and what it says."""
        argv = self.clone.argv("drift", IMAGE, "--no-lifecycle", "--json", *words)
        done = run(argv, timeout=7200, cwd=self.clone.root, env=environment(), ok=range(256))
        assert done.stdout.startswith("{"), done.stdout + done.stderr[-6000:]
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """One for all nights: its engine keeps the layers that none of them changes."""
    folder = tmp_path_factory.mktemp("drift")
    root = folder / "project"
    run(["git", "clone", "-q", str(ROOT), str(root)], timeout=120)
    with signed_archive(folder / "archive") as archive, served(archive.root) as uri:
        (root / "company.asc").write_text(archive.key)
        (root / "imagekit.yaml").write_text(
            f'version: 1\napt_archives:\n  - {{uri: "{uri}", suite: stable, key: company.asc}}\n'
        )
        clone = Clone(root, "")
        for layer, kept in CHECKS.items():
            for file in (root / "vm-harness/checks" / layer).glob("test_*.py"):
                if file.name not in kept:
                    file.write_text('"""Left out."""\n')
        clone.git("add", "--all")
        clone.git(*WHO, "commit", "-q", "-m", "the company's archive")
        try:
            yield Upstream(clone, archive)
        finally:
            control.down(root / ".imagekit", load_project(root).registry, (control.Service.ENGINE,))


@pytest.mark.nightly(minutes=30)
def test_a_bad_package_is_named_and_a_quiet_night_says_so(upstream: Upstream, tmp_path: Path) -> None:
    upstream.move(tmp_path / "packages", ONE, "+next1")
    code, said = upstream.night()
    assert (code, said["verdict"]) == (5, "drift"), said
    moved = {each["name"] for each in said["changes"]}
    assert moved >= {*NAMES}
    [cause] = said["causes"]
    assert (cause["attribution"], cause["layer"]) == ("upstream", "sssd")
    assert [each.split()[0] for each in cause["culprits"]] == [BAD]
    # The pinned and the fresh one, then at most 1 + log2 of what moved.
    assert said["builds"] <= 2 + 1 + (len(moved) - 1).bit_length()
    if moved == {*NAMES}:  # the mirror itself may have moved since the lock
        assert rebuilt(upstream.clone) == built_anew()

    upstream.move_back()
    code, quiet = upstream.night()
    if not quiet["changes"]:
        assert (code, quiet["builds"]) == (0, 0), quiet
        assert any(said["pinned"]["run_id"] in line for line in quiet["evidence"])
        assert quiet["seconds"] < 0.05 * said["seconds"]


@pytest.mark.nightly(minutes=13)
def test_two_that_break_only_together_are_both_named(upstream: Upstream, tmp_path: Path) -> None:
    """One half of the condition is in k0s and one in sssd; what is pinned is built only to compare."""
    upstream.move(tmp_path / "packages", PAIR, "+pair1")
    code, said = upstream.night("--part", "fresh")
    upstream.move_back()
    assert (code, said["verdict"]) == (5, "drift"), said
    moved = {each["name"] for each in said["changes"]}
    assert moved >= {*NAMES}
    [cause] = said["causes"]
    assert (cause["attribution"], cause["layer"]) == ("upstream", "k0s, sssd")
    assert [each.split()[0] for each in cause["culprits"]] == [*PAIR]
    assert "each alone is good; together they are bad" in cause["evidence"]
    assert said["builds"] <= 2 + 2 * (1 + (len(moved) - 1).bit_length())


@pytest.mark.nightly(minutes=6)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_planted_fault_of_ours_is_put_to_its_layer(upstream: Upstream, layer: str) -> None:
    """By twin stacks: base alone, base with k0s, and so on; the first that shows the fault has it in its top layer."""
    upstream.plant(layer)
    try:
        code, said = upstream.night("--part", "pinned")
    finally:
        upstream.clone.git("reset", "-q", "--hard", "HEAD~1")
    assert (code, said["verdict"]) == (1, "broken"), said
    [cause] = said["causes"]
    assert (cause["attribution"], cause["layer"], cause["culprits"]) == ("ours", layer, [])
    stacks = [line.split(" (")[0] for line in cause["evidence"] if line.startswith("stack ")]
    below = [f"stack {'+'.join(LAYERS[:count])}: good" for count in range(1, LAYERS.index(layer) + 1)]
    assert stacks == [*below, f"stack {'+'.join(LAYERS[: LAYERS.index(layer) + 1])}: bad"]
    if layer in ("k0s", "sssd"):
        assert any(line.startswith("stack base: good (breaks ") and "PAM-02" in line for line in cause["evidence"])
    assert SHOWN[layer] in said["pinned"]["failed"] if SHOWN[layer] else "planted.pem" in said["pinned"]["reason"]
    assert said["unknown"] == []


def rebuilt(clone: Clone) -> list[list[str]]:
    """Which layers each run after the first one built, of those that had to build."""
    found = []
    for file in sorted((clone.work / "runs").glob("*/result.json"))[1:]:
        result = json.loads(file.read_text())
        if ("build", "done") in {(each["name"], each["status"]) for each in result["stages"]}:
            anew = [each["name"] for each in result["layers"] if not each["cached"]]
            found.append([name for name in LAYERS if name in anew])
    return found


def built_anew() -> list[list[str]]:
    """The fresh lock, then halves of what moved, lowest layers first: k0s is built once, and found again above it."""
    above = ["sssd", "ca-trust"]
    return [["k0s", *above], *([above] * 5)]
