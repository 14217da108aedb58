"""Secrets in the clear: what Git keeps, everybody with a clone has."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

from imagekit.provision.check.finding import Hit, Key, lint
from imagekit.provision.check.objects import Manifest, Tree

_FIX = "Keep it out of Git: refer to a Secret that the cluster makes or a vault fills, or encrypt it (SOPS)."
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
# https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/; k3s: K10<hash>::<user>:<secret>.
_BOOTSTRAP = re.compile(r"(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])")
_K3S = re.compile(r"\bK10[0-9a-f]{64}::[a-z-]+:[^\s'\"]+")
_GZIP64 = re.compile(r"H4sI[A-Za-z0-9+/]{150,}={0,2}")
_CREDENTIAL = re.compile(
    r"""(?imx) ^ [\s-]* ["']? (passwd | password | client-secret | secret-key | api[_-]?key | bearer-?token | token |
    aws_secret_access_key) ["']? \s* [:=] \s* ["']? (?P<value>[^\s"'#,}]+)"""
)
# Hashes of crypt(3), locked accounts, what is filled in later, files and references instead of the word itself.
_NOT_CLEAR = re.compile(r"\$[0-9a-z]{1,3}\$|[!*]|\$?\{|<|/|ENC\[|(true|false|null|none|~|\||>)$", re.I)
_ENCRYPTED = "sops"
_TYPES = (
    *("bootstrap.kubernetes.io/token", "kubernetes.io/dockerconfigjson", "kubernetes.io/service-account-token"),
    *("kubernetes.io/ssh-auth", "kubernetes.io/basic-auth"),
)
_MAX_TOKEN = 1 << 20  # bytes of an unpacked join token


def clear_texts(each: Manifest) -> Iterator[tuple[Key, str]]:
    """Every text of an object; the data of a Secret decoded, because base64 hides nothing."""
    for key, text in each.texts():
        yield key, _decoded(text) if each.kind == "Secret" and key[:1] == ("data",) else text


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return text


def _open(tree: Tree) -> Iterator[tuple[Manifest, Key, str]]:
    for each in tree.manifests:
        if _ENCRYPTED not in each.data:
            yield from ((each, key, text) for key, text in clear_texts(each) if len(text) > 3)


@lint("secret-private-key", "A private key in Git is everybody's.", _FIX)
def private_key(tree: Tree) -> Iterator[Hit]:
    """Private keys."""
    for each, key, text in _open(tree):
        if _PRIVATE_KEY.search(text):
            yield Hit(each, key, "a private key in the clear")


@lint(
    "secret-join-token",
    "Whoever has a join token may add a node to the cluster, and get its workloads and their secrets.",
    _FIX,
)
def join_token(tree: Tree) -> Iterator[Hit]:
    """Join tokens of k0s, kubeadm and k3s, also packed as k0s packs them."""
    for each, key, text in _open(tree):
        if _BOOTSTRAP.search(text) or _K3S.search(text) or any(_joins(one[0]) for one in _GZIP64.finditer(text)):
            yield Hit(each, key, "a join token in the clear")


def _joins(token: str) -> bool:
    """Whether a gzip in base64 is a kubeconfig with a credential, which is what k0s takes as token."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4))
        plain = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, _MAX_TOKEN)
    except (ValueError, zlib.error):
        return False
    return b"clusters" in plain and b"token" in plain


@lint("secret-password", "A password in Git is everybody's, and stays in its history.", _FIX)
def password(tree: Tree) -> Iterator[Hit]:
    """Passwords and tokens that are no hashes."""
    for each, key, text in _open(tree):
        fields = [(found[1], found["value"]) for found in _CREDENTIAL.finditer(text)]
        if each.kind == "Secret" and key[:1] in (("data",), ("stringData",)) and key[-1] in ("password", "token"):
            fields.append((str(key[-1]), text.strip()))
        for name, value in fields:
            if not _NOT_CLEAR.match(value):
                yield Hit(each, key, f"{name} in the clear")
                break


@lint(
    "secret-bootstrap",
    "Bootstrap tokens, registry logins, tokens of service accounts and SSH keys are credentials, whatever they hold.",
    _FIX,
)
def typed(tree: Tree) -> Iterator[Hit]:
    """Secrets whose type says that they are credentials."""
    for each in tree.of("Secret"):
        kind = each.get("type")
        holds = bool(each.get("data") or each.get("stringData"))
        if holds and _ENCRYPTED not in each.data and kind in _TYPES:
            yield Hit(each, ("type",), f"a Secret of type {kind} in the clear")
