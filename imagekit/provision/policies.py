"""What the cluster itself refuses, whoever asks: admission policies in CEL, and signatures of the images of pods.

The policies read what imagekit wrote; a signature they cannot verify, so imagekit verifies before it renders. A policy
takes a moment to act after it was made. Rules on updates ask only what may change: status, labels and finalizers of
objects that are there, their digest yanked or not, stay free.
"""

from __future__ import annotations

from imagekit.provision.inputs import Inputs
from imagekit.provision.names import OCI_IMAGE
from imagekit.provision.objects import labels, made
from imagekit.provision.yamlout import Object

_ADMISSION = "admissionregistration.k8s.io"
PARAMETERS = "imagekit-digests"
_IMAGE = f"object.metadata.?annotations[?'{OCI_IMAGE}'].orValue('')"
_DIGEST = "^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$"
_ALLOWED = "params.data.registries.split('\\n').exists(prefix, prefix != '' && {}.startsWith(prefix))"
_YANKED = "params.data.yanked.split('\\n').exists(digest, digest != '' && {}.endsWith('@' + digest))"
_NEW = "request.operation != 'CREATE'"
_FROZEN = "request.operation != 'UPDATE' || object.spec == oldObject.spec"
_KEPT = f"request.operation != 'UPDATE' || {_IMAGE} == oldObject.metadata.?annotations[?'{OCI_IMAGE}'].orValue('')"
_HEX = "^[0-9a-f]{64}$"


def parameters(inputs: Inputs, namespace: str) -> Object:
    """The allowed registries and the yanked digests, one a line, as all policies read them."""
    found = made("v1", "ConfigMap", PARAMETERS, None, namespace=namespace, label=labels())
    return found | {
        "data": {
            "registries": "".join(f"{each}\n" for each in sorted(inputs.platform.registries)),
            "yanked": "".join(f"{each}\n" for each in sorted(inputs.yanked)),
        }
    }


def upgrades_namespace(cluster: str) -> str:
    """Where the upgrades of a cluster are, in that cluster; named after it, so that no two objects share a name."""
    return f"{cluster}-upgrades"


def machine_policies(inputs: Inputs) -> list[Object]:
    """What is asked of VMImage and VirtualMachine, in the fleet's namespace."""
    space = inputs.platform.namespace
    image = _digest_rules(_IMAGE, f"the annotation {OCI_IMAGE}")
    source = "object.spec.source"
    vm_image = [
        *image,
        (
            f"{_NEW} || !(has({source}.registry) || has({source}.http) || has({source}.dataVolume))",
            "no provider reads this source, or none checks what it fetches",
        ),
        (
            f"{_NEW} || !has({source}.libvirt) || ({source}.libvirt.?checksum.orValue('').matches('{_HEX}') && "
            f"{source}.libvirt.?url.orValue('').startsWith('https://'))",
            "libvirt needs an https address and the SHA-256 in bare hex",
        ),
        (
            f"{_NEW} || !has({source}.vsphere) || !has({source}.vsphere.ovaURL) || "
            f"({source}.vsphere.?checksum.orValue('').matches('{_HEX}') && "
            f"{source}.vsphere.ovaURL.startsWith('https://'))",
            "an OVA needs an https address and the SHA-256 in bare hex",
        ),
        (_FROZEN, "a VMImage is never edited: a template of its name is taken as it is"),
        (_KEPT, f"the annotation {OCI_IMAGE} is what the image was made from, and stays"),
    ]
    machine = [
        *image,
        (
            f"{_NEW} || !{_IMAGE}.matches('{_DIGEST}') || object.spec.?imageRef.name.orValue('')"
            f".endsWith('-' + {_IMAGE}.split('@sha256:')[1].substring(0, 12))",
            f"imageRef names another digest than the annotation {OCI_IMAGE}",
        ),
        (
            "request.operation != 'UPDATE' || object.spec.?imageRef == oldObject.spec.?imageRef",
            "imageRef of a machine that exists does nothing; make a new VirtualMachine",
        ),
        (_KEPT, f"the annotation {OCI_IMAGE} is what the machine was made from, and stays"),
    ]
    group = ("infra.virtrigaud.io", "v1beta1")
    return [
        parameters(inputs, space),
        *_policy("imagekit-vmimage", (*group, "vmimages"), vm_image, space),
        *_policy("imagekit-virtualmachine", (*group, "virtualmachines"), machine, space),
    ]


def upgrade_policies(inputs: Inputs, cluster: str) -> list[Object]:
    """What is asked of NodeOpUpgrade, in the cluster where the Kairos operator runs."""
    space = upgrades_namespace(cluster)
    rules = [
        *_digest_rules("object.spec.image", "spec.image"),
        (
            f"{_NEW} || (object.spec.?concurrency.orValue(0) == 1 && object.spec.?stopOnFailure.orValue(false))",
            "one node at a time, and no further after a failure: concurrency 1, stopOnFailure true",
        ),
        (_FROZEN, "a NodeOpUpgrade is one run; another run is another object"),
    ]
    resource = ("operator.kairos.io", "v1alpha1", "nodeopupgrades")
    return [parameters(inputs, space), *_policy(f"imagekit-nodeopupgrade-{cluster}", resource, rules, space)]


def _digest_rules(image: str, what: str) -> list[tuple[str, str]]:
    return [
        (f"{_NEW} || {image}.matches('{_DIGEST}')", f"{what} must name an image by digest"),
        (f"{_NEW} || {_ALLOWED.format(image)}", f"{what} names an image of no allowed registry"),
        (f"{_NEW} || !{_YANKED.format(image)}", f"{what} names a digest that was withdrawn"),
    ]


def _policy(name: str, resource: tuple[str, str, str], rules: list[tuple[str, str]], space: str) -> list[Object]:
    group, version, plural = resource
    spec = {
        "failurePolicy": "Fail",
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [group],
                    "apiVersions": [version],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": [plural],
                }
            ]
        },
        "validations": [
            {"expression": expression, "message": message, "reason": "Forbidden"} for expression, message in rules
        ],
    }
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "paramRef": {"name": PARAMETERS, "namespace": space, "parameterNotFoundAction": "Deny"},
        "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}}},
    }
    api = f"{_ADMISSION}/v1"
    return [
        made(api, "ValidatingAdmissionPolicy", name, spec, label=labels()),
        made(api, "ValidatingAdmissionPolicyBinding", name, binding, label=labels()),
    ]


def image_policy(inputs: Inputs) -> list[Object]:
    """Sigstore's policy-controller: pods of these registries run only what one of the keys or identities signed."""
    platform = inputs.platform
    authorities: list[Object] = [
        {"name": name, "key": {"hashAlgorithm": "sha256", "data": pem}, "signatureFormat": "bundle"}
        for name, pem in sorted(inputs.public_keys.items())
    ]
    for index, each in enumerate(platform.keyless):
        identity = {"issuer": each.issuer, "subject": each.subject}
        keyless = {"identities": [identity], "url": "https://fulcio.sigstore.dev"}
        authorities.append({"name": f"keyless-{index}", "keyless": keyless, "signatureFormat": "bundle"})
    if not authorities:
        return []
    spec = {
        "mode": "enforce",
        "images": [{"glob": f"{prefix}**"} for prefix in sorted(platform.registries)],
        "authorities": authorities,
    }
    return [made("policy.sigstore.dev/v1alpha1", "ClusterImagePolicy", "imagekit-signed", spec, label=labels())]
