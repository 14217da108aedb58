"""Asking a change system through a provider: a program of the project or an entry point, in a process of its own.

It gets one JSON document on standard input and answers with one on standard output, in its time, within the limit; no
shell has a hand in it. Whatever else happens is no answer, and no answer satisfies nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.process import OutputLimitError, ProcessTimeoutError, run
from imagekit.base.text import answered, one_line
from imagekit.trust.change.model import LIMIT, ChangeError, ChangeQuestion, ChangeRecord, read_answer
from imagekit.trust.gate.policy import ChangeProvider

GROUP = "imagekit.change_providers"
_RUNNER = "imagekit.trust.change.entrypoint"


def ask_provider(
    provider: ChangeProvider, question: ChangeQuestion, root: Path, environ: Mapping[str, str] = os.environ
) -> ChangeRecord:
    """The change record that a provider answers with; raises `ChangeError` for everything else."""
    argv = _argv(provider, root)
    given = {name: environ[name] for name in provider.environment if name in environ}
    missing = [name for name in provider.environment if name not in environ]
    if missing:
        raise ChangeError(f"{provider.name}: {missing[0]} is not set", hint="policy.yaml names it in `environment`.")
    try:
        done = run(
            argv,
            timeout=provider.seconds,
            env=given,
            cwd=root,
            stdin=json.dumps(question.document()).encode(),
            most=LIMIT,
        )
    except ProcessTimeoutError:
        raise ChangeError(f"{provider.name}: no answer within {provider.seconds} s") from None
    except OutputLimitError:
        raise ChangeError(f"{provider.name}: an answer of more than {LIMIT} bytes") from None
    except (ToolError, OSError) as error:
        hint = getattr(error, "hint", "")
        raise ChangeError(f"{provider.name}: no answer: {_safe(f'{error} {hint}', given)}") from None
    return read_answer(done.raw, question, provider.name)


def _safe(text: str, given: Mapping[str, str]) -> str:
    """What a provider complains of, without the credentials that it was given."""
    for value in given.values():
        text = text.replace(value, "[not shown]") if len(value) > 3 else text
    return one_line(answered(text), 300)


def _argv(provider: ChangeProvider, root: Path) -> list[str | Path]:
    if provider.entry_point is not None:
        return [sys.executable, "-m", _RUNNER, provider.entry_point]
    path = root / str(provider.run)
    inside = path.resolve().is_relative_to(root.resolve())
    if not inside or not path.is_file() or not os.access(path, os.X_OK):
        raise ChangeError(f"{provider.name}: no executable of the project", hint="`run` is a path from its folder.")
    return [path.resolve()]
