"""Admission policies: bound, denying, failing closed."""

from __future__ import annotations

from collections.abc import Iterator

from imagekit.provision.check.finding import Hit, lint
from imagekit.provision.check.objects import Tree

_POLICY, _BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"


@lint(
    "policy-unbound",
    "A ValidatingAdmissionPolicy without a binding acts on nothing.",
    "Add a ValidatingAdmissionPolicyBinding.",
)
def bound(tree: Tree) -> Iterator[Hit]:
    """Policies that no binding names."""
    names = {each.get("spec", "policyName") for each in tree.of(_BINDING)}
    for each in tree.of(_POLICY):
        if each.short not in names:
            yield Hit(each, ("metadata", "name"), "no binding names the policy")


@lint(
    "policy-does-not-deny",
    "A binding with Warn or Audit alone lets everything in.",
    "Set validationActions: [Deny].",
)
def denies(tree: Tree) -> Iterator[Hit]:
    """Bindings that do not deny."""
    for each in tree.of(_BINDING):
        actions = each.get("spec", "validationActions")
        if not isinstance(actions, list) or "Deny" not in actions:
            yield Hit(each, ("spec", "validationActions"), "Deny is not among the actions")


@lint(
    "policy-fails-open",
    "With failurePolicy Ignore, or parameterNotFoundAction Allow, whoever breaks the policy or deletes its parameter "
    "is let in.",
    "Set failurePolicy: Fail and parameterNotFoundAction: Deny.",
)
def closed(tree: Tree) -> Iterator[Hit]:
    """Policies that let in what they cannot judge."""
    for each in tree.of(_POLICY):
        if each.get("spec", "failurePolicy") == "Ignore":
            yield Hit(each, ("spec", "failurePolicy"), "failurePolicy is Ignore")
    for each in tree.of(_BINDING):
        if each.get("spec", "paramRef", "parameterNotFoundAction") == "Allow":
            yield Hit(each, ("spec", "paramRef", "parameterNotFoundAction"), "parameterNotFoundAction is Allow")
