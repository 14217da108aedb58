"""Objects against the schemas of their kinds."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator

from imagekit.base.text import one_line
from imagekit.provision.check.finding import Finding, Key, Level, Rule, Seen, declare, dotted, found, key_of
from imagekit.provision.check.objects import KUSTOMIZE, Manifest, Tree
from imagekit.provision.check.store import KindSchema, Schemas

# Groups that kube-apiserver itself serves; each other group is a CRD's or an aggregated server's.
_BUILT_IN = frozenset(("", "apps", "batch", "autoscaling", "policy", "extensions"))
UNKNOWN = declare(
    "schema-unknown-field",
    Seen.SCHEMA,
    "A field that the CRD does not have is dropped by the server, or refused by server-side apply.",
    "Correct the name, or remove the field.",
)
REQUIRED = declare("schema-required", Seen.SCHEMA, "The CRD requires the field.", "Add it.")
TYPE = declare("schema-type", Seen.SCHEMA, "The CRD wants another type there.", "Write a value of that type.")
VALUE = declare(
    "schema-value",
    Seen.SCHEMA,
    "The CRD allows other values there (enum, pattern, length, range, list without repetitions).",
    "Take an allowed value.",
)
MISSING = declare(
    "schema-missing",
    Seen.SCHEMA,
    "Without a schema nothing was checked, and unchecked is not right.",
    "Fetch the schema (`imagekit provision schemas fetch`), or check with --apiserver or --kubeconfig.",
)
SERVED = declare(
    "version-not-served",
    Seen.SCHEMA,
    "The CRD serves the kind in other versions.",
    "Write apiVersion as one of the served versions; their fields may have other names.",
)
DEPRECATED = declare(
    "version-deprecated",
    Seen.SCHEMA,
    "Upstream removes deprecated versions, and their fields have other names in the next one.",
    "Move to the storage version.",
    level=Level.WARNING,
)
SCOPE = declare(
    "scope",
    Seen.SCHEMA,
    "A namespaced object without a namespace lands wherever the applier stands; a cluster-wide one has none.",
    "Give namespaced objects their namespace, and cluster-wide ones none.",
)
VALUES = declare(
    "chart-values",
    Seen.SCHEMA,
    "ClusterDeployment.spec.config is free-form to its CRD; the chart's own values schema decides, at install time.",
    "Write what the chart of the template takes.",
)


def schema_findings(tree: Tree, schemas: Schemas) -> Iterator[Finding]:
    """What the schemas say against the objects of a tree."""
    for each in tree.manifests:
        if each.group == KUSTOMIZE:
            continue
        schema = schemas.of(each.api_version, each.kind)
        if schema is None:
            yield from _without(each, schemas)
            continue
        if schema.deprecated:
            yield found(DEPRECATED, each, ("apiVersion",), f"{each.api_version}: {one_line(schema.deprecated)}")
        yield from _scope(each, schema)
        yield from judged(each, each.data, schema.validator)
        yield from _chart(each, schemas)


def unchecked(tree: Tree, schemas: Schemas) -> list[Manifest]:
    """Objects of kinds that are part of Kubernetes and have no schema in the folder: only a server checks them."""
    return [each for each in tree.manifests if built_in(each) and schemas.of(each.api_version, each.kind) is None]


def built_in(manifest: Manifest) -> bool:
    """Whether Kubernetes itself serves the kind."""
    group = manifest.group
    return group in _BUILT_IN or (group.endswith(".k8s.io") and group not in _FOREIGN)


_FOREIGN = (
    KUSTOMIZE,
    "snapshot.storage.k8s.io",
    "metrics.k8s.io",
    "gateway.networking.k8s.io",
    "policy.networking.k8s.io",
)


def _without(each: Manifest, schemas: Schemas) -> Iterator[Finding]:
    if built_in(each):
        return
    versions = schemas.versions(each.group, each.kind)
    if versions:
        yield found(SERVED, each, ("apiVersion",), f"{each.api_version} is not served; {', '.join(versions)} is")
    else:
        yield found(MISSING, each, ("kind",), f"no schema of {each.api_version} {each.kind} in {schemas.folder}")


def _scope(each: Manifest, schema: KindSchema) -> Iterator[Finding]:
    if schema.namespaced and not each.namespace:
        yield found(SCOPE, each, ("metadata",), f"{each.kind} is namespaced, and metadata.namespace is missing")
    if not schema.namespaced and each.namespace:
        yield found(SCOPE, each, ("metadata", "namespace"), f"{each.kind} is cluster-wide and has no namespace")


def _chart(each: Manifest, schemas: Schemas) -> Iterator[Finding]:
    config = each.get("spec", "config")
    if each.kind != "ClusterDeployment" or not isinstance(config, dict):
        return
    known = schemas.chart_values(str(each.get("spec", "template")))
    if known is None:
        return
    chart, validator = known
    for one in judged(each, config, validator, ("spec", "config")):
        yield found(VALUES, each, key_of(one.key), f"{one.message} (values of the chart {chart})")


def judged(each: Manifest, instance: Any, validator: Validator, at: Key = ()) -> Iterator[Finding]:
    """What a validator says against a part of an object."""
    for error in validator.iter_errors(instance):
        key: Key = (*at, *error.absolute_path)
        rule, where, message = _told(error, key)
        yield found(rule, each, where, message)


def _told(error: ValidationError, key: Key) -> tuple[Rule, Key, str]:
    name = dotted(key) or "the object"
    match error.validator:
        case "additionalProperties":
            return _unknown(error, key)
        case "required":
            missing = [each for each in error.validator_value if each not in error.instance]
            return REQUIRED, key, f"{dotted((*key, missing[0])) if missing else name} is required"
        case "type":
            wanted = error.validator_value
            kinds = " or ".join(wanted) if isinstance(wanted, list) else wanted
            return TYPE, key, f"{name} must be {kinds}, and is {_shown(error.instance)}"
        case "enum":
            return VALUE, key, f"{name} is {_shown(error.instance)}; allowed are {_choices(error.validator_value)}"
        case "anyOf" | "oneOf":
            inner = best_match(error.context or [])
            why = inner.message if inner is not None else error.message
            return VALUE, key, f"{name}: no alternative of the schema fits: {one_line(why)}"
        case _:
            return VALUE, key, f"{name}: {one_line(error.message)}"


def _unknown(error: ValidationError, key: Key) -> tuple[Rule, Key, str]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    extra = sorted(name for name in error.instance if name not in known)
    close = get_close_matches(extra[0], known, n=1) if extra else []
    likely = f"; did you mean {close[0]}?" if close else ""
    names = ", ".join(dotted((*key, name)) for name in extra[:5])
    return UNKNOWN, (*key, *extra[:1]), f"{names} is not known{likely}"


def _shown(value: Any) -> str:
    """A value, short: manifests may hold secrets, so long texts are cut early."""
    return one_line("null" if value is None else str(value) if isinstance(value, bool) else repr(value), 40)


def _choices(values: Any) -> str:
    return one_line(", ".join(str(value) for value in values if value is not None), 160)
