"""Probes of admission policies: objects that each of them must deny, made out of those that it is about.

A policy takes a moment to act after it was made, and one that never acts looks like one that is content; so each is
asked until it has denied something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.kube.client import Api, ApiError
from imagekit.provision.check.finding import Finding, Level, Seen, declare, found
from imagekit.provision.check.objects import Manifest, Tree
from imagekit.provision.check.store import KindSchema, Schemas
from imagekit.provision.check.structural import Schema

POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
_SECONDS = 20.0
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")
_HEX = re.compile(r"sha256:[0-9a-f]{64}")
_REGISTRY = re.compile(r'"[A-Za-z0-9.:-]+/([a-z0-9._/-]+@sha256:[0-9a-f]{64})"')

SILENT = declare(
    "policy-never-denies",
    Seen.SERVER,
    "The policy let in an image by tag, of another registry, without a name, and a withdrawn one: it guards nothing.",
    "See that its rules match the kind, and that its binding selects the namespace.",
)
UNPROBED = declare(
    "policy-unprobed",
    Seen.SERVER,
    "Neither the files nor the schemas have a kind that the policy is about, so nothing could be made for it to deny.",
    "Check it together with what it guards.",
    level=Level.WARNING,
)


def probe_policies(api: Api, tree: Tree, schemas: Schemas) -> tuple[list[Finding], str]:
    """Ask each policy that denies until it does; findings, and how many did in words."""
    wrong: list[Finding] = []
    denied = 0
    for policy in tree.of(POLICY):
        bindings = [each for each in tree.of(BINDING) if _denies(each, policy)]
        if not bindings:
            continue  # the lint names it
        probes = _probes_of(api, policy, bindings[0], tree, schemas)
        if not probes:
            wrong.append(found(UNPROBED, policy, ("metadata", "name"), "no object of its kinds can be made"))
        elif _acts(api, policy, probes):
            denied += 1
        else:
            wrong.append(found(SILENT, policy, ("metadata", "name"), f"no probe was denied in {_SECONDS:.0f} s"))
    return wrong, f"{denied} policies seen to deny"


def _probes_of(api: Api, policy: Manifest, binding: Manifest, tree: Tree, schemas: Schemas) -> list[dict[str, Any]]:
    """Out of an object that the policy is about; where the files have none, the least one that its schema allows."""
    sample = next((each for each in tree.manifests if _about(api, policy, each.api_version, each.kind)), None)
    if sample is not None:
        return list(_probes(tree, sample))
    space = str(binding.get("spec", "paramRef", "namespace") or "default")
    return [
        least(kind, space)
        for kind in schemas.kinds.values()
        if kind.of_crd and _about(api, policy, kind.api_version, kind.kind)
    ]


def least(kind: KindSchema, namespace: str) -> dict[str, Any]:
    """The least object of a kind: what its schema requires, and nothing that names an image by digest."""
    space = {"namespace": namespace} if kind.namespaced else {}
    spec = _least(kind.raw.get("properties", {}).get("spec", {}))
    metadata = {"name": "imagekit-probe", **space}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}


def _least(schema: Schema) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _least(schema.get("properties", {}).get(name, {})) for name in schema.get("required", ())}
        case "array":
            return [_least(schema.get("items", {}))] * int(schema.get("minItems", 0))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            return "x" * max(1, int(schema.get("minLength", 1)))


def _denies(binding: Manifest, policy: Manifest) -> bool:
    actions = binding.get("spec", "validationActions")
    return binding.get("spec", "policyName") == policy.short and isinstance(actions, list) and "Deny" in actions


def rules_of(policy: Manifest) -> list[dict[str, Any]]:
    """What a policy is about, rule by rule."""
    rules = policy.get("spec", "matchConstraints", "resourceRules")
    return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []


def _about(api: Api, policy: Manifest, api_version: str, kind: str) -> bool:
    """Whether a policy's rules match the creation of an object of a kind."""
    group, _, version = api_version.rpartition("/")
    wanted = rules_of(policy)
    if not any(within(group, rule.get("apiGroups")) and within(version, rule.get("apiVersions")) for rule in wanted):
        return False
    resource = api.resource(api_version, kind)
    return resource is not None and any(
        within(group, rule.get("apiGroups"))
        and within(version, rule.get("apiVersions"))
        and within(resource.plural, rule.get("resources"))
        and within("CREATE", rule.get("operations"))
        for rule in wanted
    )


def within(word: str, words: Any) -> bool:
    """Whether a rule names a word, or all of them."""
    return isinstance(words, list) and (word in words or "*" in words)


def _acts(api: Api, policy: Manifest, probes: list[dict[str, Any]]) -> bool:
    try:
        wait_until(
            lambda: any(_denied(api, policy.short, probe) for probe in probes),
            Deadline.after(_SECONDS),
            what=f"the policy {policy.short} to deny",
        )
    except DeadlineError:
        return False
    return True


def _denied(api: Api, name: str, probe: dict[str, Any]) -> bool:
    try:
        api.apply(probe, dry_run=True, force=True)
    except ApiError as error:
        return f"ValidatingAdmissionPolicy '{name}'" in str(error)
    return False


def _probes(tree: Tree, sample: Manifest) -> Iterator[dict[str, Any]]:
    """An object with an image by tag, of another registry, unnamed, and of each withdrawn digest."""
    text = json.dumps(sample.data)
    yield json.loads(_DIGEST.sub(":latest", text))
    yield json.loads(_REGISTRY.sub(r'"registry.invalid/\1"', text))
    bare = json.loads(text)
    bare["metadata"].pop("annotations", None)
    yield bare
    for digest in sorted({one for each in tree.of("ConfigMap") for one in _HEX.findall(json.dumps(each.data))}):
        yield json.loads(_DIGEST.sub(f"@{digest}", text))
