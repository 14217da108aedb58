"""OpenVEX documents: who looked at a vulnerability and says that it does not apply, and why.

https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from imagekit.artifact.packagelist import Package
from imagekit.cve.errors import AdvisoryError

FOLDER = "vex"
_MOST = 16 << 20
_CONTEXT = "https://openvex.dev/ns"
_PURL = re.compile(
    r"pkg:(?P<kind>[a-z]+)/(?:(?P<vendor>[^@?#]+)/)?(?P<name>[^/@?#]+)(?:@(?P<version>[^?#]+))?"
    r"(?:\?(?P<more>[^#]*))?(?:#.*)?"
)
# https://github.com/package-url/purl-spec names them otherwise than os-release(5) does.
_VENDORS = {"rocky-linux": "rocky", "almalinux-os": "almalinux"}


class Status(StrEnum):
    """What a statement says of a product."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A package that a statement is about: of any version, vendor, release (``debian-13``) when it names none."""

    kind: str
    name: str
    version: str = ""
    vendor: str = ""
    distro: str = ""
    arch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement; of several about one package the latest holds."""

    cves: frozenset[str]
    products: tuple[Product, ...]
    status: Status
    reason: str
    at: datetime


def read_folder(folder: Path) -> tuple[Statement, ...]:
    """The statements of every ``*.json`` of a folder, in the order of time; raises `AdvisoryError`."""
    found = [statement for path in sorted(folder.glob("*.json")) for statement in read_vex(path)]
    return tuple(sorted(found, key=lambda each: each.at))


def read_vex(path: Path) -> tuple[Statement, ...]:
    """The statements of a document; one that does not read makes the whole document unusable, for it may deny."""
    try:
        data = path.read_bytes()
        document = json.loads(data) if len(data) <= _MOST else None
        if not isinstance(document, dict) or not str(document.get("@context", "")).startswith(_CONTEXT):
            raise ValueError("not an OpenVEX document: no @context of openvex.dev")
        return tuple(_statement(each, document) for each in document["statements"])
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise AdvisoryError(
            f"{path}: {str(error)[:200] or error!r}", hint="vexctl makes and checks such files."
        ) from None


def described(statements: Sequence[Statement], cve: str, packages: Sequence[Package]) -> str:
    """Why a vulnerability of packages of one source does not apply; empty when it does, or nobody has said so.

    The last word about the source, or about the package itself, counts for each: what is said of one excuses no other.
    """
    words = [_last_word([each for each in statements if cve in each.cves], package) for package in packages]
    return words[0] if words and all(words) else ""


def _last_word(about: Sequence[Statement], package: Package) -> str:
    last: Statement | None = None
    for each in about:
        if any(_is_about(product, package) for product in each.products):
            last = each
    excused = last is not None and last.status in (Status.NOT_AFFECTED, Status.FIXED)
    return last.reason if last is not None and excused else ""


def _is_about(product: Product, package: Package) -> bool:
    vendor, _, _ = package.distro.rpartition("-")
    names = {package.name, package.source or package.name} if package.kind == "deb" else {package.name}
    return (
        product.kind == package.kind
        and product.name in names
        and product.version in ("", package.version, package.source_version or package.version)
        and product.vendor in ("", vendor)
        and product.distro in ("", package.distro)
        and product.arch in ("", package.arch, "source", "src")
    )


def _statement(data: dict[str, Any], document: dict[str, Any]) -> Statement:
    vulnerability = data["vulnerability"]
    cves = {str(vulnerability["name"]), *map(str, vulnerability.get("aliases") or ())}
    status = Status(data["status"])
    why = [str(data[key]) for key in ("justification", "impact_statement") if data.get(key)]
    if status is Status.NOT_AFFECTED and not why:
        raise ValueError(f"{vulnerability['name']}: not_affected wants a justification or an impact_statement")
    products = tuple(product for each in data["products"] for product in _products(each))
    if not products:
        raise ValueError(f"{vulnerability['name']}: the statement is about no package URL")
    at = _instant(str(data.get("timestamp") or document["timestamp"]))
    author = str(document.get("author", "")) or "nobody named"
    reason = f"{status.value}: {'; '.join(why) or 'no reason given'} ({author}, {at:%Y-%m-%d})"
    return Statement(cves=frozenset(cves), products=products, status=status, reason=reason, at=at)


def _products(data: dict[str, Any]) -> Iterator[Product]:
    """The packages that a product names: itself, or where it is an image, its subcomponents."""
    inner = data.get("subcomponents") or ()
    for each in inner or (data,):
        purl = str((each.get("identifiers") or {}).get("purl") or each["@id"])
        found = _PURL.fullmatch(purl)
        if found is None:
            raise ValueError(f"no package URL: {purl!r}")
        if found["kind"] in ("oci", "docker", "generic"):
            raise ValueError(f"{purl}: a whole image cannot be excused; name its subcomponents")
        more = {key: values[0] for key, values in parse_qs(found["more"] or "").items()}
        version, vendor = unquote(found["version"] or ""), unquote(found["vendor"] or "").lower()
        yield Product(
            kind=found["kind"],
            name=unquote(found["name"]),
            version=f"{more['epoch']}:{version}" if version and "epoch" in more else version,
            vendor=_VENDORS.get(vendor, vendor),
            distro=more.get("distro", ""),
            arch=more.get("arch", ""),
        )


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
