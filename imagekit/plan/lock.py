"""What images.lock says of the inputs that come from elsewhere: images by digest, downloads by checksum (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from platform import machine

from imagekit.base.errors import ConfigError
from imagekit.config.imagesfile import ImageSpec, LockFile
from imagekit.config.layerfile import Download, LayerSpec
from imagekit.config.model import Arch
from imagekit.plan.model import Plan

_MACHINES = {"x86_64": Arch.AMD64, "aarch64": Arch.ARM64}


class NotLockedError(ConfigError):
    """An input of an image has no digest yet, so nothing may be built from it."""


class ForeignArchError(ConfigError):
    """The plan is for another architecture than this machine's."""


@dataclass(slots=True)
class Locked:
    """Looks inputs up in the lock and remembers what was found and what is not there."""

    lock: LockFile
    missing: list[str] = field(default_factory=list)
    used: dict[str, str] = field(default_factory=dict)

    def image(self, name: str) -> str:
        """The image with its digest; the bare name where the lock has none."""
        if "@" in name:
            return name
        digest = self.lock.images.get(name)
        if digest is None:
            self._miss(name)
            return name
        self.used[name] = digest
        return f"{name}@{digest}"

    def checksum(self, url: str) -> str:
        """The SHA-256 of a download, in hex; empty where the lock has none."""
        checksum = self.lock.files.get(url)
        if checksum is None:
            self._miss(url)
            return ""
        self.used[url] = checksum
        return checksum

    def _miss(self, what: str) -> None:
        if what not in self.missing:
            self.missing.append(what)


def address(template: str, args: Mapping[str, str]) -> str:
    """A download's address with the build arguments put in; raises `ConfigError` for one that is not declared."""
    try:
        return template.format_map(args)
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"download address {template!r}: no build argument {error} in this layer",
            hint="Name one of the layer's `args` in braces.",
        ) from None


def download_address(download: Download, args: Mapping[str, str], arch: Arch) -> str:
    """Where the file for an architecture comes from; raises `ConfigError` when it is not declared for it."""
    if arch not in download.url:
        raise ConfigError(f"no download is declared for {arch}", hint=f"Declared: {', '.join(download.url)}.")
    return address(download.url[arch], args)


def listing_address(download: Download, args: Mapping[str, str], arch: Arch) -> str:
    """The list with its checksum for an architecture; raises `ConfigError` when it is not declared for it."""
    if isinstance(download.checksums, str):
        return address(download.checksums, args)
    if arch not in download.checksums:
        raise ConfigError(f"no checksums are declared for {arch}", hint=f"Declared: {', '.join(download.checksums)}.")
    return address(download.checksums[arch], args)


def taken_downloads(layer: LayerSpec, image: ImageSpec) -> dict[str, Download]:
    """What a layer of an image takes from elsewhere: on the stand-in not what the framework would fetch."""
    return {key: each for key, each in layer.downloads.items() if each.with_standin or not image.embedded}


def here() -> Arch:
    """This machine's architecture; raises `ConfigError` for one that no image can be built for."""
    if machine() not in _MACHINES:
        raise ConfigError(f"no image is built for {machine()} machines", hint="Use an amd64 or arm64 machine.")
    return _MACHINES[machine()]


def require_buildable(plan: Plan) -> None:
    """Refuse a plan with inputs that are not locked, or for another architecture than this machine's."""
    if plan.unlocked:
        raise NotLockedError(
            f"{plan.image}: images/images.lock has no digest for {', '.join(plan.unlocked)}",
            hint=f"Run `imagekit lock {plan.image}` where these can be reached, look at the change, and commit it.",
        )
    if plan.stale:
        raise NotLockedError(
            f"{plan.image}: images/locks does not cover what is declared: {'; '.join(plan.stale)}",
            hint=f"Run `imagekit lock {plan.image}` where a mirror can be reached, look at the change, and commit it. "
            "With `--floating` the image is built from what the mirror has now.",
        )
    if plan.arch != here():
        raise ForeignArchError(
            f"{plan.image} is planned for {plan.arch}: on this {here()} machine it is neither built nor booted",
            hint=f"Build on an {plan.arch} machine; `imagekit plan --matrix` names a runner for each architecture.",
        )
