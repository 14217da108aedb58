"""What a check says about itself by its marks and its docstring, and whether it is to run here."""

from __future__ import annotations

from datetime import date

import pytest

from imagekit.base.earlier import boot_path_today
from imagekit.base.text import one_line
from imagekit.checks.judged import code_hash
from imagekit.checks.role import role_of
from imagekit.checks.session import CheckMeta, Session
from imagekit.checks.suites import MARK


def to_run(item: pytest.Item, session: Session) -> bool:
    """Whether a check is of this boot path, of this node's role, of where it is asked, and was asked for."""
    here = _on_boot_path(item, session.boot_path) and _has_role(item, session)
    return here and _asked_for(item, session) and _fits(item, session)


def _on_boot_path(item: pytest.Item, boot_path: str) -> bool:
    # `road` is the mark's earlier name.
    marks = [mark for name in ("boot_path", "road") for mark in item.iter_markers(name)]
    boot_paths = {boot_path_today(name) for mark in marks for name in mark.args}
    return not boot_paths or boot_path in boot_paths


def _has_role(item: pytest.Item, session: Session) -> bool:
    roles = {str(name) for mark in item.iter_markers("role") for name in mark.args}
    return not roles or role_of(session.profile, session.boot_path) in roles


def _asked_for(item: pytest.Item, session: Session) -> bool:
    by_id = not session.ids or _id(item, session) in session.ids
    return by_id and (not session.suites or not set(session.suites).isdisjoint(_suites(item, session)))


def _fits(item: pytest.Item, session: Session) -> bool:
    return not session.engine or item.get_closest_marker("container") is not None


def _suites(item: pytest.Item, session: Session) -> tuple[str, ...]:
    layer = item.path.relative_to(session.checks_root).parts[0]
    marked = {str(name) for mark in item.iter_markers(MARK) for name in mark.args}
    return (layer, *sorted(marked - {layer}))


def _id(item: pytest.Item, session: Session) -> str:
    return f"{item.path.relative_to(session.checks_root).as_posix()}::{item.name}"


def describe(item: pytest.Item, session: Session) -> CheckMeta:
    """The metadata of a check; raises `pytest.UsageError` when it has no docstring or no runbook page."""
    parts = item.path.relative_to(session.checks_root).parts
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    page = next((str(mark.args[0]) for mark in item.iter_markers("runbook")), "")
    if not doc or not page:
        raise pytest.UsageError(f"{item.nodeid}: a check needs a docstring (what it proves) and a runbook mark")
    name = _id(item, session)
    mute = next((each for each in session.mutes if each.check == name), None)
    required, ticket, expires, owner = _severity(item, session.day)
    if mute is not None:
        required, ticket, expires = False, mute.ticket, mute.until
    needs = {name: want for mark in item.iter_markers("needs") for name, want in mark.kwargs.items()}
    cold = item.get_closest_marker("cold_boot") is not None
    callspec = getattr(item, "callspec", None)
    own = item.get_closest_marker("title")
    title = one_line(doc.splitlines()[0].rstrip(".")) + (f" [{callspec.id}]" if callspec is not None else "")
    return CheckMeta(
        id=name,
        layer=parts[0],
        title=title if own is None else one_line(str(own.args[0])),
        required=required,
        runbook=page,
        ticket=ticket,
        expires=expires,
        owner=owner,
        muted_by=mute.by if mute is not None else "",
        needs=needs,
        cold=cold,
        source=code_hash(item.path) if cold else "",
        suites=_suites(item, session),
    )


def _severity(item: pytest.Item, today: date) -> tuple[bool, str, str, str]:
    mark = item.get_closest_marker("warn_only")
    if mark is None:
        return True, "", "", ""
    try:
        until, ticket = date.fromisoformat(mark.kwargs["until"]), str(mark.kwargs["ticket"])
    except (KeyError, ValueError, TypeError):
        raise pytest.UsageError(f'{item.nodeid}: warn_only needs until="YYYY-MM-DD" and ticket="..."') from None
    return today >= until, ticket, until.isoformat(), str(mark.kwargs.get("owner", ""))
