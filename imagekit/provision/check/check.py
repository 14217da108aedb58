"""The whole check of manifests without a server: reading, schemas, lint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from imagekit.provision.check import reading, rules, server  # makes every rule known
from imagekit.provision.check.finding import LINTS, RULES, Finding, Level, found
from imagekit.provision.check.objects import Tree
from imagekit.provision.check.schemacheck import schema_findings, unchecked
from imagekit.provision.check.store import Schemas

__all__ = ["RULES", "Report", "check_tree", "lint_findings", "reading", "rules", "server"]


@dataclass(frozen=True)
class Report:
    """What a check found, and what it could not look at.

    `unchecked` are kinds of Kubernetes without a schema here, `cel` the CEL rules by kind that only a server
    evaluates; neither counts as right.
    """

    findings: tuple[Finding, ...]
    objects: int
    files: int
    unchecked: Mapping[str, int]
    cel: Mapping[str, int]
    ledger: bool = True  # whether withdrawn digests were asked for
    served: str = ""  # what the API server added, in words; empty when none was asked

    @cached_property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(each.rule.level is Level.ERROR for each in self.findings)

    @property
    def good(self) -> bool:
        """Whether there is something, and no error in it."""
        return self.errors == 0 and self.objects > 0

    def with_more(self, findings: tuple[Finding, ...], served: str) -> Report:
        """With what a server said; it has looked at what was left unchecked."""
        every = sorted((*self.findings, *findings), key=Finding.order)
        return replace(self, findings=tuple(every), served=served, unchecked={}, cel={})


def check_tree(tree: Tree, schemas: Schemas) -> Report:
    """Everything that can be said of manifests without a server."""
    every = [*tree.problems, *schema_findings(tree, schemas), *lint_findings(tree)]
    kinds = {each.kind for each in tree.manifests}
    known = [each for each in schemas.kinds.values() if each.kind in kinds and each.rules]
    used = {(each.api_version, each.kind) for each in tree.manifests}
    blind: dict[str, int] = {}
    for each in unchecked(tree, schemas):
        blind[each.kind] = blind.get(each.kind, 0) + 1
    return Report(
        findings=tuple(sorted(set(every), key=Finding.order)),
        objects=len(tree.manifests),
        files=len(tree.files),
        unchecked=blind,
        cel={each.kind: each.rules for each in known if (each.api_version, each.kind) in used},
    )


def lint_findings(tree: Tree) -> Iterator[Finding]:
    """What the lint says."""
    for rule, lint in LINTS:
        for hit in lint(tree):
            yield found(rule, hit.manifest, hit.key, hit.message)
