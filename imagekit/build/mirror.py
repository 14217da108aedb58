"""Package mirrors, from the machine's own apt configuration or imagekit.yaml, never from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagekit.base.errors import ToolError
from imagekit.base.log import trouble
from imagekit.base.process import run

_FORMAT = "$(REPO_URI)|$(ORIGIN)|$(LABEL)"


class MirrorError(ToolError):
    """No Debian mirror is known, or one does not serve what is asked for."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where Debian's archive is; `security` is empty where the machine has no security archive configured."""

    main: str
    security: str = ""

    def sources(self, suites: Sequence[str], components: Sequence[str]) -> list[str]:
        """One-line apt sources for the suites; a security pocket is left out where no security archive is known."""
        lines = []
        for suite in suites:
            uri = self.security if suite.endswith("-security") else self.main
            if uri:
                lines.append(f"deb {uri} {suite} {' '.join(components)}")
        return lines


def warn_of_missing_security(mirror: Mirror, suites: Sequence[str], others: Sequence[str]) -> None:
    """Say which security suites of `suites` no archive is known for; `others` are the suites of archives beside it."""
    missing = [suite for suite in suites if suite.endswith("-security") and not mirror.security and suite not in others]
    if missing:
        trouble(
            f"no archive is known for {', '.join(missing)}, so security updates come with point releases only; "
            "name one in imagekit.yaml: apt_archives (docs/lock.md)",
            blocks=False,
        )


def debian_mirror(configured: str | None = None) -> Mirror:
    """The mirror named in imagekit.yaml, else the one this machine's apt uses for Debian.

    Raises `MirrorError` where neither is there (a machine that is not Debian).
    """
    if configured:
        return Mirror(configured.rstrip("/"))
    targets = run(["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"], timeout=60).stdout
    return mirror_of(targets)


def mirror_of(targets: str) -> Mirror:
    """Read the output of ``apt-get indextargets`` (pure)."""
    main = security = ""
    for line in targets.splitlines():
        uri, _, rest = line.partition("|")
        origin, _, label = rest.partition("|")
        if origin != "Debian":
            continue
        if label == "Debian-Security":
            security = security or uri.rstrip("/")
        else:
            main = main or uri.rstrip("/")
    if not main:
        raise MirrorError(
            "apt on this machine knows no Debian archive to build the base from",
            hint="Name one in imagekit.yaml: `debian_mirror: <address of a Debian archive>`; or run `apt-get update`.",
        )
    return Mirror(main, security)
