"""Manifests before a real API server: all CRDs, server-side dry run of everything, admission policies that act."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from imagekit.base.log import step
from imagekit.base.waiting import Deadline, wait_until
from imagekit.kube.client import Api, ApiError
from imagekit.provision.check.finding import Finding, Level, Seen, declare, found, key_of
from imagekit.provision.check.objects import KUSTOMIZE, Manifest, Tree
from imagekit.provision.check.probes import BINDING, POLICY, probe_policies, rules_of, within
from imagekit.provision.check.store import Schemas

_AT_ONCE = 4
_SECONDS = 60.0
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_VALUES = ("default", "enum", "example")
_DENIES = "ValidatingAdmissionPolicy"

REFUSED = declare(
    "server-refused",
    Seen.SERVER,
    "The API server does not take the object: a field, a type, a value, or a rule in CEL of its CRD.",
    "Correct the field that it names.",
)
DENIED = declare(
    "server-denied",
    Seen.SERVER,
    "An admission policy refuses the object.",
    "Give the policy what it asks for; a policy of imagekit's asks for an image by digest, allowed and not withdrawn.",
)
UNSERVED = declare(
    "server-kind",
    Seen.SERVER,
    "The API server has no such kind in that version: its CRD is not installed.",
    "Fetch the CRD (`imagekit provision schemas fetch`), install it in the cluster, or correct apiVersion.",
)
LATER = declare(
    "server-later",
    Seen.SERVER,
    "The namespace is made by these files and is not in the cluster yet, so the server could not try the object.",
    "Check again when the namespace is there, or with --apiserver.",
    level=Level.WARNING,
)


def check_with(api: Api, tree: Tree, schemas: Schemas) -> tuple[tuple[Finding, ...], str]:
    """Everything before a server that is ours alone: CRDs, namespaces and policies are really made there.

    Returns the findings, and what was done in words. Raises what `Api` raises when the server goes away.
    """
    with step("Making CRDs, namespaces and policies on the API server"):
        number = make_crds(api, [*_needed(tree, schemas), *(each.data for each in tree.of("CustomResourceDefinition"))])
        _make_namespaces(api, tree)
        wrong = list(_made(api, _policies(tree)))
    with step("Probing the policies"):
        probed, words = probe_policies(api, tree, schemas)
    with step(f"Dry run of {len(tree.manifests)} objects"):
        wrong += [*probed, *_dry_run(api, tree)]
    return tuple(
        wrong
    ), f"API server {version_of(api)}: {number} CRDs, dry run of {len(tree.manifests)} objects; {words}"


def check_live(api: Api, tree: Tree) -> tuple[tuple[Finding, ...], str]:
    """Server-side dry run of everything in a cluster that others use; nothing is changed there."""
    with step(f"Dry run of {len(tree.manifests)} objects at {api.server}"):
        wrong = list(_dry_run(api, tree))
    return tuple(wrong), f"{api.server} ({version_of(api)}): dry run of {len(tree.manifests)} objects"


def version_of(api: Api) -> str:
    """The server's version."""
    return str(api.get("/version").get("gitVersion"))


def _needed(tree: Tree, schemas: Schemas) -> list[dict[str, Any]]:
    """The CRDs of the kinds that are there, and of those that a policy is about: each costs the server time."""
    kinds = {(each.group, each.kind) for each in tree.manifests}
    rules = [rule for policy in tree.of(POLICY) for rule in rules_of(policy)]

    def wanted(spec: Mapping[str, Any]) -> bool:
        group, names = spec["group"], spec["names"]
        return (group, names["kind"]) in kinds or any(
            within(group, rule.get("apiGroups")) and within(names["plural"], rule.get("resources")) for rule in rules
        )

    return [each for each in schemas.crds if wanted(each["spec"])]


def make_crds(api: Api, crds: list[dict[str, Any]]) -> int:
    """Apply CRDs, the last of each name, and wait until they are served; conversion webhooks are left out."""
    if not crds:
        return 0
    plain = {each["metadata"]["name"]: _without_webhooks(each) for each in crds}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda each: api.apply(each, force=True), plain.values()))
    wait_until(lambda: plain.keys() <= _established(api), Deadline.after(_SECONDS), what=f"{len(plain)} CRDs")
    api.forget()
    return len(plain)


def _without_webhooks(crd: dict[str, Any]) -> dict[str, Any]:
    spec = {name: _undescribed(value) for name, value in crd["spec"].items() if name != "conversion"}
    return {
        "apiVersion": crd["apiVersion"],
        "kind": crd["kind"],
        "metadata": {key: value for key, value in crd["metadata"].items() if key in ("name", "annotations", "labels")},
        "spec": spec,
    }


def _undescribed(value: Any) -> Any:
    """A schema without its prose, which is most of it and refuses nothing; values stay as they are."""
    if isinstance(value, dict):
        return {
            key: each if key in _VALUES else _undescribed(each)
            for key, each in value.items()
            if not (key == "description" and isinstance(each, str))  # a property of that name has a schema
        }
    return [_undescribed(each) for each in value] if isinstance(value, list) else value


def _established(api: Api) -> set[str]:
    return {
        each["metadata"]["name"]
        for each in api.get(_CRDS)["items"]
        if any(
            one["type"] == "Established" and one["status"] == "True"
            for one in (each.get("status", {}).get("conditions") or ())
        )
    }


def _make_namespaces(api: Api, tree: Tree) -> None:
    names = {each.namespace for each in tree.manifests if each.namespace}
    for name in sorted(names | {each.short for each in tree.of("Namespace")}):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, force=True)


def _policies(tree: Tree) -> list[Manifest]:
    """Policies with their bindings, and before them the parameters that bindings name."""
    refs = [each.get("spec", "paramRef") for each in tree.of(BINDING)]
    named = {(one.get("namespace"), one.get("name")) for one in refs if isinstance(one, dict)}
    parameters = [each for each in tree.of("ConfigMap") if (each.namespace, each.short) in named]
    return [*parameters, *tree.of(POLICY), *tree.of(BINDING)]


def _made(api: Api, objects: Iterable[Manifest]) -> Iterator[Finding]:
    for each in objects:
        yield from _asked(each, lambda each=each: api.apply(each.data, force=True), set())  # type: ignore[misc]


def _dry_run(api: Api, tree: Tree) -> Iterator[Finding]:
    own = {each.short for each in tree.of("Namespace")}
    objects = [each for each in tree.manifests if each.group != KUSTOMIZE and each.kind not in (POLICY, BINDING)]

    def ask(each: Manifest) -> list[Finding]:
        return list(_asked(each, lambda: api.apply(each.data, dry_run=True, force=True), own))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for answers in pool.map(ask, objects):
            yield from answers


def _asked(each: Manifest, ask: Callable[[], object], own: set[str]) -> Iterator[Finding]:
    """What the server has against an object; nothing when it takes it. Faults of the server itself are raised."""
    try:
        ask()
    except ApiError as error:
        text = str(error).partition(": ")[2] or str(error)
        at = key_of(error.field)
        if error.status == 404 and each.namespace in own and "namespaces" in text:
            yield found(LATER, each, ("metadata", "namespace"), f"the namespace {each.namespace} is not there yet")
        elif error.status == 404:
            yield found(UNSERVED, each, ("apiVersion",), text)
        elif error.status in (403, 422) and _DENIES in text:
            yield found(DENIED, each, at, text)
        # Server-side apply answers unknown fields and wrong types with 500: "failed to create typed patch object".
        elif error.status in (400, 403, 409, 413, 422) or (error.status == 500 and "typed patch object" in text):
            yield found(REFUSED, each, at, text)
        else:
            raise
