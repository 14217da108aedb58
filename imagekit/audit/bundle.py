"""The evidence of a report as a ZIP file that stock cosign, git, jq and sha256sum check: same evidence, same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagekit.audit.asked import stamp
from imagekit.audit.gitlog import FOLDERS
from imagekit.audit.model import Report
from imagekit.audit.page import render_page
from imagekit.audit.show import as_csv, as_json, as_text
from imagekit.base.git import FATAL, Git

_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP file can say
_UNIX, _MODE = 3, 0o100644 << 16
_README = Path(__file__).with_name("bundle.md.j2")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed file of the bundle: by which key of ``keys/``, of which type, about which SHA-256."""

    path: str
    key: str
    kind: str
    digest: str


def pack(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file of some files: the same files give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr, info.compress_type = _UNIX, _MODE, zipfile.ZIP_DEFLATED
            made.writestr(info, files[name])
    return stream.getvalue()


def report_files(report: Report) -> Iterator[tuple[str, bytes]]:
    """The report in every form."""
    yield "report.json", (as_json(report) + "\n").encode()
    yield "report.txt", (as_text(report) + "\n").encode()
    yield "report.csv", as_csv(report).encode()
    yield "timeline.html", render_page(report).encode()


def git_files(git: Git, report: Report) -> Iterator[tuple[str, bytes]]:
    """Git's own objects, named by their ids: the first-parent commits, and the files as the cited ones have them."""
    commits = git.text("rev-list", "--first-parent", report.head).split()
    wanted = dict.fromkeys(commits)
    for change in report.commits:
        wanted |= dict.fromkeys(_below(git, change.commit))
        wanted |= dict.fromkeys(each.commit for each in change.merged)
    for name, kind, data in git.objects(list(wanted)):
        yield f"git/{name}.{kind}", data


def _below(git: Git, commit: str) -> Iterator[str]:
    """The tree of a commit, and of the folders that matter every tree and file."""
    yield git.text("rev-parse", f"{commit}^{{tree}}")
    for folder in FOLDERS:
        found = git("rev-parse", "--verify", "-q", f"{commit}:{folder}", ok=(0, 1, FATAL)).stdout.strip()
        if found:
            yield found
            lines = git("ls-tree", "-r", "-t", "-z", found).stdout.split("\0")
            yield from (line.partition("\t")[0].split()[2] for line in lines if line and " commit " not in line)


def readme(report: Report, signed: Sequence[Signed], keys: Mapping[str, str], *, observations: int) -> bytes:
    """What is in the bundle and how to check it, with every command; `keys` are fingerprints by id."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    made = environment.from_string(_README.read_text()).render(
        asked=stamp(report.asked_at),
        head=report.head,
        branch=report.branch,
        format="sha256" if len(report.head) == 64 else "sha1",
        keys=keys,
        signed=len(signed),
        observations=observations,
        commits=[each.commit for each in report.commits[:5]],
    )
    return made.encode()


def table(signed: Sequence[Signed]) -> bytes:
    """``signed.tsv``: what the README's commands go through."""
    return "".join(f"{each.path}\t{each.key}\t{each.kind}\t{each.digest}\n" for each in signed).encode()
