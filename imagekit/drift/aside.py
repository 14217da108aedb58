"""Builds that are kept: the pinned one set aside while it is made again, and what differs between two of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from imagekit.app.diff import diff
from imagekit.base.errors import ImagekitError
from imagekit.build.result import folder_of
from imagekit.config.load import Project
from imagekit.inventory.compare import ChangeKind
from imagekit.plan.resolve import make_plan
from imagekit.report.differences import as_markdown
from imagekit.report.markdown import code


@contextmanager
def kept_aside(project: Project, image: str) -> Iterator[None]:
    """The kept build of the pinned plan out of the way, so that it is built again; back when no new one came."""
    folder = folder_of(project.work, make_plan(project, image))
    aside = folder.with_name(f".{folder.name}.aside")
    if aside.exists() and not folder.exists():  # a night was killed
        aside.rename(folder)
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    try:
        yield
    finally:
        if folder.exists():
            shutil.rmtree(aside, ignore_errors=True)
        elif aside.exists():
            aside.rename(folder)


def told_difference(project: Project, old: str, new: str) -> str:
    """What differs between two digests beside their packages, as Markdown; empty where one is not kept any more."""
    try:
        found = diff(project, old, new)
    except (ImagekitError, OSError):
        return ""
    heads = [f"{side.inventory.version} {side.inventory.digest[:19]}" for side in (found.a, found.b)]
    changes = tuple(each for each in found.comparison.changes if each.kind is not ChangeKind.PACKAGE)
    if not changes and not found.comparison.equal:
        return f"Beside these packages nothing differs between {code(heads[0])} and {code(heads[1])}."
    return as_markdown(replace(found.comparison, changes=changes), heads, None, files=False)
