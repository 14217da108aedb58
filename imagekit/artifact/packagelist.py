"""The packages of an image, read from the distribution's own data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from imagekit.base.errors import RefusedError


class PackageListError(RefusedError):
    """A package list does not read as what the distribution writes."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Package:
    """One installed package; `source` and `source_version` name what it was built from."""

    name: str
    version: str
    arch: str
    kind: str
    source: str = ""
    source_version: str = ""
    distro: str = ""
    maintainer: str = field(default="", compare=False)

    @property
    def purl(self) -> str:
        """The package URL; https://github.com/package-url/purl-spec/blob/main/types-doc/deb-definition.md."""
        version, qualifiers = self.version, [f"arch={quote(self.arch, safe='')}"]
        if self.distro:
            qualifiers.append(f"distro={quote(self.distro, safe='')}")
        # The purl type rpm keeps the epoch out of the version; the type deb leaves it in.
        if self.kind == "rpm" and ":" in version:
            epoch, _, version = version.partition(":")
            qualifiers.append(f"epoch={quote(epoch, safe='')}")
        vendor = self.distro.rpartition("-")[0] or {"deb": "debian", "rpm": "redhat"}[self.kind]
        return (
            f"pkg:{self.kind}/{quote(vendor, safe='')}/{quote(self.name, safe='.-_~')}"
            f"@{quote(version, safe='.-_~:')}?{'&'.join(qualifiers)}"
        )


def packages_of_dpkg(status: str, *, distro: str = "") -> tuple[Package, ...]:
    """Installed packages of `/var/lib/dpkg/status`, sorted; `distro` reads e.g. ``debian-13``.

    Raises `PackageListError` when no package is installed.
    """
    found = []
    for stanza in _stanzas(status):
        if stanza.get("status", "").split()[-1:] != ["installed"]:
            continue
        source, _, rest = stanza.get("source", stanza.get("package", "")).partition(" ")
        found.append(
            Package(
                name=_need(stanza, "package"),
                version=_need(stanza, "version"),
                arch=_need(stanza, "architecture"),
                kind="deb",
                source=source,
                source_version=rest.strip("() ") or _need(stanza, "version"),
                distro=distro,
                maintainer=stanza.get("maintainer", ""),
            )
        )
    return _sorted(found, "dpkg status")


def packages_of_rpm(listing: str, *, distro: str = "") -> tuple[Package, ...]:
    """Packages of `rpm -qa --qf '%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{SOURCERPM}\\n'`, sorted.

    Raises `PackageListError` for another form or an empty list.
    """
    found = []
    for number, line in enumerate(listing.splitlines(), 1):
        fields = line.split("\t")
        if not line.strip():
            continue
        if len(fields) != 4:
            raise PackageListError(f"rpm list, line {number}: four fields were expected, found {len(fields)}")
        name, version, arch, source = fields
        if name == "gpg-pubkey":
            continue
        found.append(
            Package(name=name, version=version.removeprefix("0:"), arch=arch, kind="rpm", source=source, distro=distro)
        )
    return _sorted(found, "rpm list")


def _sorted(found: list[Package], what: str) -> tuple[Package, ...]:
    if not found:
        raise PackageListError(f"{what}: no installed package in it", hint="Is it the file of the image's root?")
    return tuple(sorted(set(found)))


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Paragraphs of a Debian control file, field names in lower case, first lines of their values."""
    stanza: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            if stanza:
                yield stanza
            stanza = {}
        elif not line[0].isspace():
            key, _, value = line.partition(":")
            stanza[key.strip().lower()] = value.strip()
    if stanza:
        yield stanza


def _need(stanza: dict[str, str], key: str) -> str:
    value = stanza.get(key, "")
    if not value:
        raise PackageListError(f"dpkg status: package {stanza.get('package', '?')!r} has no field {key!r}")
    return value
