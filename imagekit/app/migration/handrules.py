"""What imagekit cannot change by itself, because only its owner knows what is meant: found, named, and left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imagekit.app.migration.model import Change, line_of
from imagekit.app.migration.yamlplaces import Place, matches, places

_REVISION = re.compile(r"\bREVISION\b")
_AUTHORITIES = re.compile(r"\bcheck-authorities\.sh\b")
_RUN = re.compile(r"^RUN\b(?:[^\n\\]|\\\r?\n|\\.)*", re.M)
_INSTALLS = re.compile(r"\binstall-packages\.sh\b")
_PACKAGES = re.compile(r"--mount=\S*\bfrom=packages\b")


def dockerfile_changes(text: str, name: str, *, stamp: bool) -> Iterator[Change]:
    """What a project's own Dockerfile has to do otherwise; `stamp` is the one of ``images/stamp``."""
    for found in _REVISION.finditer(text) if stamp else ():
        yield _by_hand(name, text, found.start(), found[0], "nothing sets it; remove it: provenance names the commit")
    for found in _AUTHORITIES.finditer(text):
        yield _by_hand(name, text, found.start(), found[0], "gone; authorities are judged before the build, remove it")
    for step in _RUN.finditer(text):
        installs = _INSTALLS.search(step[0])
        if installs and not _PACKAGES.search(step[0]):
            yield _by_hand(
                name,
                text,
                step.start() + installs.start(),
                installs[0],
                "add --mount=type=bind,from=packages,dst=/media to this RUN: a locked build has no network",
            )


def template_changes(text: str, name: str) -> Iterator[Change]:
    """What a project's own machine template lacks."""
    if "incoming" not in text:
        yield Change(
            file=name,
            line=1,
            old="no `incoming`",
            new="copy the lines about `incoming` from imagekit's own template: forks of booted nodes need them",
        )


def trust_changes(text: str, path: Path, name: str) -> Iterator[Change]:
    """Entries of workflows in ``trust.yaml`` that do not say whose runs sign, which is refused."""
    every = places(text, path)
    known = {place.key[:-1] for place in every if place.is_key and place.key[-1] == "source_repository"}
    for place in every:
        if _is_workflow(place) and place.key[:-1] not in known:
            yield Change(
                file=name,
                line=place.line,
                old="keyless without source_repository",
                new="add source_repository: https://github.com/OWNER/REPOSITORY of the repository whose runs sign",
            )


def policy_changes(text: str, path: Path, name: str) -> Iterator[Change]:
    """Rules of ``policy.yaml`` that bind nobody, which is refused."""
    for place in places(text, path):
        if not place.is_key and place.value == "0" and place.key[-2:] == ("signatures", "least"):
            yield Change(
                file=name, line=place.line, old="least: 0", new="say how many keys must have signed, 1 or more"
            )
        if place.is_key and place.key == ("channels", "publish"):
            what = "no channel can be called publish; what a version tag needs stands at the top"
            yield Change(file=name, line=place.line, old="channels: publish", new=what)


def unread_fleet_file(name: str) -> Change:
    """A fleet file that is not where fleet files are read."""
    return Change(file=name, line=1, old="not read", new="move it to fleet/NAME.yaml")


def _is_workflow(place: Place) -> bool:
    return not place.is_key and matches(place.key, ("keys", "*", "keyless", "identity")) and "://" in place.value


def _by_hand(name: str, text: str, index: int, old: str, new: str) -> Change:
    return Change(file=name, line=line_of(text, index), old=old, new=new)
