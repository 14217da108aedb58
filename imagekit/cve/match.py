"""Packages against advisories (pure)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from imagekit.artifact.packagelist import Package
from imagekit.cve.errors import NoAdvisoriesError
from imagekit.cve.model import Advisories, Advisory, Scan, State, Vulnerability
from imagekit.cve.versions import compare
from imagekit.cve.vex import Statement, described

_UNIMPORTANT = {"unimportant", "negligible"}


def scan(
    packages: Sequence[Package],
    known: Advisories,
    vex: Sequence[Statement] = (),
    layers: Mapping[str, str] | None = None,
) -> Scan:
    """What these packages have; `layers` gives the layer of a package by its name.

    Raises `NoAdvisoriesError` when no package is of the distribution that the advisories speak of, or there are none:
    then nothing is known.
    """
    covered = [each for each in packages if each.distro == known.distro]
    if not covered or not known.by_name:
        raise NoAdvisoriesError(
            f"{', '.join(known.said) or 'no source'}: nothing about {known.distro or 'this image'}",
            hint="Name a source for this distribution as `advisories` in imagekit.yaml, see docs/vulnerabilities.md.",
        )
    found = [each for group in _by_source(covered) for each in _of_group(group, known, vex, layers or {})]
    ordered = sorted(found, key=lambda each: (list(State).index(each.state), each.name, each.cve))
    return Scan(
        distro=known.distro,
        packages=len(covered),
        as_of=known.as_of,
        sources=known.said,
        found=tuple(ordered),
        uncovered=tuple(sorted({each.name for each in packages} - {each.name for each in covered})),
        layers=Counter(each.layer for each in ordered if each.state.counts),
    )


def compared(found: Scan, before: Iterable[tuple[str, str]], baseline: str) -> Scan:
    """The scan with what is new against pairs of CVE and package name of an earlier one."""
    known = set(before)
    marked = tuple(replace(each, new=(each.cve, each.name) not in known) for each in found.found)
    return replace(found, found=marked, baseline=baseline)


def _by_source(packages: Sequence[Package]) -> list[list[Package]]:
    """Packages by what advisories name: the source and its version for Debian, the package itself for rpm."""
    groups: dict[tuple[str, str], list[Package]] = defaultdict(list)
    for each in packages:
        groups[_subject(each)].append(each)
    return [groups[key] for key in sorted(groups)]


def _subject(package: Package) -> tuple[str, str]:
    if package.kind == "deb":
        return package.source or package.name, package.source_version or package.version
    return package.name, package.version


def _of_group(
    group: list[Package], known: Advisories, vex: Sequence[Statement], layers: Mapping[str, str]
) -> list[Vulnerability]:
    (name, version), kind = _subject(group[0]), group[0].kind
    names = tuple(sorted({each.name for each in group}))
    found: dict[str, Vulnerability] = {}
    for advisory in known.by_name.get(name, ()):
        state = _state(advisory, kind, version)
        if state is None:
            continue
        reason = described(vex, advisory.cve, group)
        one = Vulnerability(
            cve=advisory.cve,
            name=name,
            version=version,
            packages=names,
            state=State.NOT_APPLICABLE if reason else state,
            fixed=advisory.fixed,
            urgency=advisory.urgency,
            layer=next((layers[each] for each in names if each in layers), ""),
            reason=reason,
        )
        other = found.get(advisory.cve)
        # Two sources may speak of one CVE: what weighs more holds.
        if other is None or list(State).index(one.state) < list(State).index(other.state):
            found[advisory.cve] = one
    return list(found.values())


def _state(advisory: Advisory, kind: str, version: str) -> State | None:
    """How an advisory stands for a version; None when that version does not have it."""
    try:
        if not _has(advisory, kind, version):
            return None
    except ValueError:
        return State.UNDETERMINED
    if advisory.undetermined:
        return State.UNDETERMINED
    if advisory.urgency in _UNIMPORTANT:
        return State.UNIMPORTANT
    return State.FIXABLE if advisory.fixed else State.UNFIXED


def _has(advisory: Advisory, kind: str, version: str) -> bool:
    if version in advisory.versions:
        return True
    if advisory.listed:
        return False
    if advisory.introduced and compare(kind, version, advisory.introduced) < 0:
        return False
    if advisory.last:
        return compare(kind, version, advisory.last) <= 0
    return not advisory.fixed or compare(kind, version, advisory.fixed) < 0
