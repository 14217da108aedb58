"""Images with a defect: the stand-in's program built with a change, put over the one that an image has."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from imagekit.artifact import cpio
from imagekit.artifact.inventory import read_root
from imagekit.base.process import run
from imagekit.build.result import Build
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import Source, entries
from imagekit.plan.model import Plan, StageKind
from imagekit.scenarios.variants import File, append_layer
from tests.e2e.mutations import Change, Mutation, Where

STANDIN = Path("images/kairos-init-standin")
_PROGRAM, _INITRD = "/usr/bin/kairos", "/boot/initrd"
_BASE = "ARG BASE_IMAGE=distro\nFROM scratch AS distro\nADD rootfs.tar /\n"
_TESTS = "go vet ./... && go test ./... && "
_BUILD_SECONDS = 900.0


def changed(text: str, change: Change) -> str:
    """A file's text with the change; it must fit exactly once."""
    assert text.count(change.old) == 1, f"{change.file}: {change.old!r} is there {text.count(change.old)} times"
    return text.replace(change.old, change.new)


def mutated(
    mutation: Mutation, image: Build, plan: Plan, root: Path, distro: Path, scratch: Path, engine: str
) -> Build:
    """The image with the defect, in a layout of its own below `scratch`; `root` is the project it was built from."""
    tree = scratch / "standin"
    shutil.copytree(root / STANDIN, tree)
    files: list[File] = []
    for change in mutation.changes:
        path = tree / change.where / change.file
        path.write_text(changed(path.read_text(), change))
        if change.where is Where.FILES:
            files = [file for file in files if file.path != change.installed]
            files.append(File(change.installed, path.read_bytes()))
    if any(change.where is Where.SRC for change in mutation.changes):
        program = _compiled(tree, plan, distro, scratch, engine)
        files += [File(_PROGRAM, program, mode=0o755), File(_INITRD, _initrd(image.layout, image.digest, program))]
    made = append_layer(
        image.layout, image.digest, scratch / "oci", files, name=mutation.name, version=f"{image.version}+mutant"
    )
    return replace(image, layout=made.layout, digest=made.digest, version=made.version)


def _compiled(tree: Path, plan: Plan, distro: Path, scratch: Path, engine: str) -> bytes:
    """The program, by the stand-in's own Dockerfile without its tests, which such a change does not pass."""
    dockerfile = tree / "Dockerfile"
    text = dockerfile.read_text()
    assert _TESTS in text
    dockerfile.write_text(_BASE + text.replace(_TESTS, "").replace("ARG BASE_IMAGE=distro\n", ""))
    shutil.copyfile(distro / "rootfs.tar", tree / "rootfs.tar")
    out, packages = scratch / "program", scratch / "no packages"
    packages.mkdir()
    options = (f"--output=type=local,dest={out}", *build_options(plan, packages))
    argv = ["docker", "buildx", "build", "--network=host", *options, os.fspath(tree)]
    run(argv, timeout=_BUILD_SECONDS, env={"DOCKER_HOST": engine})
    return (out / "kairos-init").read_bytes()


def build_options(plan: Plan, packages: Path) -> list[str]:
    """What the stand-in's Dockerfile gets from the plan in a build of the image; an empty folder means the mirror's."""
    [stage] = (each for each in plan.stages if each.kind is StageKind.FRAMEWORK)
    arguments = [f"--build-arg={name}={value}" for name, value in stage.args.items() if name != "BASE_IMAGE"]
    return [*arguments, f"--build-context=packages={packages}"]


def _initrd(layout: Path, digest: Digest, program: bytes) -> bytes:
    """The image's initrd with another program: a second archive, which the kernel unpacks over the first."""
    found = b""

    def read(source: Source) -> None:
        nonlocal found
        for entry in entries(source):
            data = source.read(entry.padded)
            if entry.path == _INITRD.lstrip("/"):
                found = data[: entry.size]

    read_root(layout, digest, read)
    assert found, f"the image has no {_INITRD}"
    over = cpio.archive([cpio.file("usr/bin/kairos", program, 0o755), cpio.file("init", program, 0o755)])
    # Zeros end an lz4 archive; without them the kernel would read on in what follows (lib/decompress_unlz4.c).
    return found + bytes(-len(found) % 512 + 512) + over
