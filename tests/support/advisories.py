"""Advisories in their published formats, and packages to hold against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagekit.artifact.packagelist import Package

DISTRO = "debian-13"


def package(name: str, version: str, source: str = "", **more: str) -> Package:
    """An installed package of Debian 13."""
    fields = {"arch": "amd64", "kind": "deb", "distro": DISTRO, **more}
    return Package(name=name, version=version, source=source or name, source_version=version, **fields)


def tracker(path: Path, **packages: dict[str, dict[str, Any]]) -> Path:
    """The tracker's JSON: package, CVE, and what it says of trixie; one more package so that trixie is known."""
    data = {
        "filler": {"CVE-1990-0001": {"releases": {"trixie": {"status": "open"}}}},
        **{
            name.replace("_", "-"): {cve: {"releases": {"trixie": said}} for cve, said in cves.items()}
            for name, cves in packages.items()
        },
    }
    path.write_text(json.dumps(data))
    return path


def record(name: str, events: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    """An OSV record about one package of Debian 13."""
    affected = {
        "package": {"ecosystem": "Debian:13", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    return {"id": "CVE-2026-1", "modified": "2026-11-20T00:00:00Z", "affected": [affected], **more}


def openvex(path: Path, *statements: dict[str, Any], **more: Any) -> Path:
    """An OpenVEX document."""
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/vex/1",
        "author": "ada@example.org",
        "timestamp": "2026-11-01T00:00:00Z",
        "version": 1,
        "statements": list(statements),
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def not_affected(cve: str, *products: str, **more: Any) -> dict[str, Any]:
    """A statement that a CVE does not apply to packages."""
    return {
        "vulnerability": {"name": cve},
        "products": [{"@id": each} for each in products],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
        **more,
    }
