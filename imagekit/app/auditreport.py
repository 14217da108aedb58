"""An audit from question to files: the report, its page, its signed form, its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imagekit.app.auditing import gathered, question_of
from imagekit.app.trusted import signer_of, trust_of
from imagekit.audit.ask import report_of
from imagekit.audit.model import Report
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.config.load import Project
from imagekit.trust.sign.checked import CheckedSigner
from imagekit.trust.sign.trustfile import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as it stands on the command line."""

    node: str = ""
    digest: str = ""
    fleet: bool = False
    at: str = ""
    span: str = ""
    since: str = ""
    zone: str = "UTC"
    observations: Path | None = None
    offline: bool = False
    accept_history: bool = False

    def require_one(self) -> None:
        """Raise `ConfigError` unless one subject and at most one time was named."""
        if sum((bool(self.node), bool(self.digest), self.fleet)) != 1:
            raise ConfigError("what is asked about?", hint="One of --node NAME, --digest SHA256 and --fleet.")
        if sum((bool(self.at), bool(self.span), bool(self.since))) > 1:
            raise ConfigError("one of --at, --range and --since", hint="Without any the whole history is meant.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files that a report is written to, None for none; `key` signs."""

    html: Path | None = None
    sign: Path | None = None
    bundle: Path | None = None
    key: str | None = None
    observations: Path | None = None


def audit(project: Project, asked: Asked) -> Report:
    """Answer a question; raises `ConfigError`, `HistoryError`, and `ToolError` where git or a disk fails."""
    asked.require_one()
    question = question_of(
        node=asked.node, digest=asked.digest, at=asked.at, span=asked.span, since=asked.since, zone=asked.zone
    )
    with ExitStack() as held:
        sources = held.enter_context(
            gathered(
                project,
                node=asked.node,
                offline=asked.offline,
                observations=asked.observations,
                accept_history=asked.accept_history,
            )
        )
        return report_of(sources, question)


def written(project: Project, report: Report, files: Written) -> Iterator[Path]:
    """Write what was asked for, each file whole or not at all; the path of each."""
    if files.html is not None:
        from imagekit.audit.page import write_page

        yield write_page(report, files.html)
    if files.sign is not None:
        document = files.sign.with_suffix(".report.json")
        yield write_whole(document, _document(report))
        yield write_whole(files.sign, signed(project, report, key=files.key).decode() + "\n")
    if files.bundle is not None:
        from imagekit.app.auditbundle import write_bundle

        yield write_bundle(project, report, files.bundle, observations=files.observations)


def _document(report: Report) -> str:
    from imagekit.audit.show import as_json

    return as_json(report) + "\n"


def signed(project: Project, report: Report, *, key: str | None = None) -> bytes:
    """The report's statement in a sigstore bundle, by a key that trust.yaml trusts to promote."""
    from imagekit.audit.statement import statement_of

    said = statement_of(report, _document(report).encode())
    signer = signer_of(project, Purpose.PROMOTE, key=key)
    checked = CheckedSigner(signer, trust_of(project).verifier(Purpose.PROMOTE))
    return checked.sign(said.stamped(datetime.fromtimestamp(report.asked_at, UTC)))
