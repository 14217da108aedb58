"""How decisions are reported: what a channel points at now, and the text of a pull request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.release.channel.point import Moved


def tell_move(moved: Moved, pull_request: Path | None, more: str = "") -> None:
    """Say where the channel points; write the pull request's text when asked for and when something changed.

    `more` is Markdown that follows in that text.
    """
    from imagekit.release.channel.point import message_of

    pointer = moved.pointer
    if moved.signed is None:
        say(f"{moved.channel} points at {moved.image} {pointer.version} already (record {pointer.record})")
    else:
        before = f", before: {moved.before.version}" if moved.before else ""
        say(f"{moved.channel} points at {moved.image} {pointer.version}{before}")
        say(f"record   ledger/{moved.signed.record.file_name}, commit {moved.commit[:12]}")
        if pull_request is not None:
            text = message_of(moved.signed.record, moved.before)
            pull_request.write_text(f"{text}\n{more}" if more else text)
    say(pointer.reference)
