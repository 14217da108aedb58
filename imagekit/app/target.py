"""What is tested, and where its checks are. It imports little: `imagekit check` answers in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from imagekit.checks.named import FOLDER as SUITES
from imagekit.checks.named import NamedSuite
from imagekit.checks.request import Suites
from imagekit.checks.selection import ALL, Selection
from imagekit.checks.session import Muted
from imagekit.config.imagesfile import ImageSpec
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath, VmShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What will be tested: an image of the project; `run_id` marks its machines, `folder` keeps what they leave.

    With a `suite` it is tested by that one alone, in the network of its fixtures. `uri` is the libvirt of its machines;
    empty: the project's.
    """

    project: Project
    name: str
    run_id: str
    folder: Path
    selection: Selection = ALL
    suite: NamedSuite | None = None
    uri: str = ""

    @property
    def checked(self) -> tuple[str, ...]:
        """The folders of checks that are run: those of the image's layers, or of the suite."""
        return self.spec.layers if self.suite is None else self.suite.checked

    @property
    def spec(self) -> ImageSpec:
        """The image's declaration."""
        return self.project.image(self.name)

    @property
    def harness(self) -> Path:
        """What its machines are started and checked with."""
        return self.project.harness

    @property
    def shape(self) -> VmShape:
        """The machine it gets."""
        vm = self.spec.vm
        nics = max(vm.extra_nics, self.suite.extra_nics if self.suite is not None else 0)
        return VmShape(memory_mib=vm.memory_mib, cpus=vm.cpus, firmware=vm.firmware, tpm=vm.tpm, extra_nics=nics)

    @property
    def cloud_config(self) -> dict[str, Any]:
        """The image's own cloud-config, with what a suite's seed brings, merged."""
        from imagekit.config.merge import merge, merged_cloud_config

        merged = merged_cloud_config(self.profile)
        if self.suite is not None and self.suite.seed and self.suite.secrets:
            merged = merge(merged, {"stages": {"initramfs": [self.suite.secret_step]}})
        return merged

    @property
    def profile(self) -> tuple[Path, ...]:
        """The files of the image's own cloud-config, and of a suite whose node gets its own by the seed."""
        own = tuple(self.project.root / path for path in self.spec.cloud_config)
        if self.suite is None or not self.suite.seed or self.suite.cloud_config is None:
            return own
        return (*own, self.harness / SUITES / self.suite.cloud_config)


_Tested = TypeVar("_Tested", bound=Target)


def with_suite(target: _Tested, suite: NamedSuite) -> _Tested:
    """The same, tested by a suite with fixtures alone; a selection by suites has chosen it already."""
    selection = replace(target.selection, suites=())
    return replace(target, suite=suite, selection=selection, folder=target.folder / f"suite-{suite.name}")


def suites_of(subject: Target, boot_path: BootPath) -> Suites:
    """Where the checks of an image are."""
    return Suites(
        checks_root=subject.harness / "checks",
        images_root=subject.project.root / "images",
        out=subject.folder / boot_path.value,
        family=subject.spec.family.value,
        profile=subject.profile,
        mutes=_mutes(subject.project),
        selection=subject.selection,
        image_layers=subject.spec.layers,
    )


def _mutes(project: Project) -> tuple[Muted, ...]:
    """The mutes in force. Signatures are a second's import, which a project without mutes does not wait for."""
    if not (project.root / "mutes").is_dir():
        return ()
    from imagekit.app.muting import mutes_in_force

    return mutes_in_force(project)
