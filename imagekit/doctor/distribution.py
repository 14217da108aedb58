"""Which distribution this is, and which packages it offers for a need (packages.txt, shared with bin/setup)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

_COLUMNS = {"debian-12": 3, "debian-13": 4, "ubuntu-24.04": 5, "ubuntu-26.04": 6}
_ABSENT = "-"
_ELSEWHERE = "use imagekit's own OCI image (docs/hosts.md)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Name as in the table (``debian-12``), or whatever os-release says; `known` when bin/setup can set it up."""

    name: str

    @property
    def known(self) -> bool:
        """Whether the table of packages has a column for it."""
        return self.name in _COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A line of the table for one distribution: `where` is main, backports or trixie."""

    need: str
    name: str
    least: str
    where: str
    why: str


def this_distribution(os_release: Path = Path("/etc/os-release")) -> Distribution:
    """The distribution of this machine."""
    try:
        lines = os_release.read_text().splitlines()
    except FileNotFoundError:
        return Distribution(name="unknown")
    fields = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    return Distribution(name=f"{fields.get('ID', 'unknown')}-{fields.get('VERSION_ID', '')}".rstrip("-"))


def packages(distribution: Distribution) -> list[Package]:
    """The packages for a distribution; for an unknown one those of Debian 13, as names to look for."""
    column = _COLUMNS.get(distribution.name, _COLUMNS["debian-13"])
    table = resources.files("imagekit.doctor").joinpath("packages.txt").read_text("utf-8")
    rows = [line.split(None, 7) for line in table.splitlines() if line.strip() and not line.startswith("#")]
    return [
        Package(need=row[0], name=row[1], least=row[2], where=row[column], why=row[7])
        for row in rows
        if row[column] != _ABSENT
    ]


def remedy(distribution: Distribution, need: str) -> str:
    """The command that installs what a need lacks here."""
    wanted = [package for package in packages(distribution) if package.need == need]
    if not wanted:
        return ""
    names = " ".join(package.name for package in wanted)
    if not distribution.known:
        return f"{_ELSEWHERE}, or install by hand what Debian calls {names}"
    if all(package.where == "main" for package in wanted):
        return f"apt-get install {names}"
    sources = " and ".join(sorted({package.where for package in wanted} - {"main"}))
    return f"bin/setup (installs {names}; it adds {sources} to apt, as Debian 12 has them too old)"
