"""Registries as their vendors document them, or as their users report them; each differs from the plain one below it.

None of the real ones was reached from here. Where the source of a manner is, `docs/registries.md` says.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from imagekit.oci.reference import MEDIA_TYPE_INDEX
from tests.support.registry import RegistrySimulator, Reply, serving

JSON = {"Content-Type": "application/json"}
USER, PASSWORD, IDENTITY = "robot", "correct horse battery", "identity-token-of-robot"
_BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def refusal(status: int, code: str, message: str = "") -> Reply:
    """An error as the distribution specification writes it."""
    return status, JSON, json.dumps({"errors": [{"code": code, "message": message, "detail": {}}]}).encode()


@dataclass(slots=True)
class Vendor(RegistrySimulator):
    """What the vendors share: a token server, storage elsewhere, and version tags that are given once."""

    realm: str = ""  # the path of the token server; empty for Basic alone
    service: str = ""
    taken: tuple[int, str, str] | None = None  # the refusal of a second write of a version tag
    storage: RegistrySimulator | None = None  # where a GET of a blob is sent
    wrong: list[str] = field(default_factory=list)  # what a client did that the real one would refuse
    token_address: str = ""

    def entry(self) -> dict[str, Any]:
        """What docker's config.json has for it."""
        return {"auths": {self.address: {"auth": _BASIC.partition(" ")[2]}}}

    def challenge(self, path: str) -> str:
        """The header of a 401."""
        if not self.realm:
            return f'Basic realm="{self.address}"'
        found = re.match(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/", path)
        scope = f',scope="repository:{found[1]}:pull,push"' if found else ""
        return f'Bearer realm="http://{self.token_address or self.address}{self.realm}",service="{self.service}"{scope}'

    def allowed(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply | None:
        given = headers.get("authorization", "")
        if self.realm and urlsplit(target).path == self.realm and not self.token_address:
            return self.token(method, target, body, given)
        if given == (f"Bearer {self.service}-token" if self.realm else _BASIC):
            return None
        return 401, {"WWW-Authenticate": self.challenge(target)}, refusal(401, "UNAUTHORIZED")[2]

    def token(self, method: str, target: str, body: bytes, given: str) -> Reply:
        """The token server: GET with a password."""
        if method != "GET" or given != _BASIC:
            return refusal(401, "UNAUTHORIZED", "incorrect username or password")
        return 200, JSON, json.dumps({"token": f"{self.service}-token", "expires_in": 300}).encode()

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        path = urlsplit(target).path
        found = re.fullmatch(r"/v2/(.+)/manifests/(v[^:]*)", path)
        if method == "PUT" and found and self.taken and found[2] in self.tags.get(found[1], {}):
            return refusal(*self.taken)
        if "/blobs/sha256:" in path and self.storage is not None and self._has(path):
            place = f"http://{self.storage.address}{path}?X-Amz-Signature=0123456789abcdef"
            return 307, {"Location": place}, b""
        return RegistrySimulator.answer(self, method, target, body, headers)

    def _has(self, path: str) -> bool:
        repository, _, digest = path.removeprefix("/v2/").partition("/blobs/")
        return digest in self.blobs.get(repository, {})


@dataclass(slots=True)
class Ecr(Vendor):
    """Amazon ECR: Basic by a helper, repositories made beforehand, one piece a blob, tags immutable by rule."""

    referrers_api: bool = True
    taken: tuple[int, str, str] | None = (400, "TAG_INVALID", "cannot be overwritten because the tag is immutable.")
    made: tuple[str, ...] = ("imagekit/node", "imagekit/dev/node", "imagekit/prod/node")

    def entry(self) -> dict[str, Any]:
        return {"credHelpers": {self.address: "ecr-login"}}

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        found = re.match(r"/v2/(.+?)/(manifests|blobs|tags|referrers)/", target)
        if found and found[1] not in self.made:
            return refusal(404, "NAME_UNKNOWN", f"The repository with name '{found[1]}' does not exist")
        if method != "PATCH":
            return Vendor.answer(self, method, target, body, headers)
        stored = self.uploads.get(urlsplit(target).path.rpartition("/")[2], bytearray())
        first = not stored
        status, place, said = Vendor.answer(self, method, target, body if first else b"", headers)
        return (201 if status == 202 else status), place, said


@dataclass(slots=True)
class OldEcr(Ecr):
    """ECR before it listed referrers: it said that it did (sigstore-js#1183)."""

    referrers_api: bool = False
    subject_claimed: bool = True


@dataclass(slots=True)
class Artifactory(Vendor):
    """JFrog Artifactory from 7.90.1, for an account that may not delete."""

    realm: str = "/artifactory/api/docker/docker-local/v2/token"
    service: str = "artifactory"
    referrers_api: bool = True
    taken: tuple[int, str, str] | None = (403, "DENIED", "not enough permissions to delete/overwrite artifact")

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        if method == "DELETE":
            return refusal(403, "DENIED", "not enough permissions to delete")
        accepted = headers.get("accept", "*/*")
        if "/tags/list" in target and "application/json" not in accepted and "*/*" not in accepted:
            return 406, {}, b""
        return Vendor.answer(self, method, target, body, headers)


@dataclass(slots=True)
class OldArtifactory(Artifactory):
    """Before 7.90.1: it has no referrers, and says 406 (go-containerregistry#1962)."""

    referrers_api: bool = False

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        if "/referrers/" in target:
            return 406, {"Content-Type": "text/html"}, b"<html><h1>HTTP Status 406 - Not Acceptable</h1></html>"
        return Artifactory.answer(self, method, target, body, headers)


@dataclass(slots=True)
class GitLab(Vendor):
    """GitLab's registry: tokens from GitLab itself, which is another host; no referrers."""

    realm: str = "/jwt/auth"
    service: str = "container_registry"
    taken: tuple[int, str, str] | None = (403, "DENIED", "tag is immutable")


@dataclass(slots=True)
class Acr(Vendor):
    """Azure Container Registry: an identity token, two challenges in two headers, blobs from a data endpoint."""

    realm: str = "/oauth2/token"
    service: str = "acr"
    referrers_api: bool = True
    taken: tuple[int, str, str] | None = (
        405,
        "DENIED",
        "The operation is disallowed on this registry, repository or image",
    )

    def entry(self) -> dict[str, Any]:
        nobody = base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode()
        return {"auths": {f"https://{self.address}/": {"auth": nobody, "identitytoken": IDENTITY}}}

    def challenge(self, path: str) -> str:
        return f'{Vendor.challenge(self, path)}\nBasic realm="{self.address}"'

    def token(self, method: str, target: str, body: bytes, given: str) -> Reply:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if method != "POST" or form.get("grant_type") != "refresh_token" or form.get("refresh_token") != IDENTITY:
            return refusal(401, "UNAUTHORIZED", "authentication required")
        if given or form.get("service") != self.service:
            return refusal(400, "BAD_REQUEST", "service")
        return 200, JSON, b'{"access_token": "acr-token"}'


@dataclass(slots=True)
class Quay(Vendor):
    """Quay: 404 for the referrers of a digest that is not there, blobs from a CDN."""

    realm: str = "/v2/auth"
    service: str = "quay"
    referrers_api: bool = True
    taken: tuple[int, str, str] | None = (409, "TAG_ALREADY_EXISTS", "tag was already pushed")

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        found = re.fullmatch(r"/v2/(.+)/referrers/(.+)", urlsplit(target).path)
        if found and found[2] not in self.manifests.get(found[1], {}):
            return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return Vendor.answer(self, method, target, body, headers)


@dataclass(slots=True)
class Harbor(Vendor):
    """Harbor from 2.8: `{}` for the referrers of a digest that is not there, 412 for immutable tags, cookies."""

    realm: str = "/service/token"
    service: str = "harbor-registry"
    referrers_api: bool = True
    taken: tuple[int, str, str] | None = (
        412,
        "PRECONDITION",
        "Failed to process request due to 'v1' configured as immutable.",
    )

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        found = re.fullmatch(r"/v2/(.+)/(referrers|manifests)/(.+)", urlsplit(target).path)
        if found and found[2] == "referrers" and found[3] not in self.manifests.get(found[1], {}):
            return 200, {"Content-Type": MEDIA_TYPE_INDEX, "X-Total-Count": "0"}, b"{}\n"
        if method == "DELETE" and found and self._immutable(found[1], found[3]):
            return refusal(412, "PRECONDITION", "the artifact has an immutable tag")
        if "cookie" in headers:
            self.wrong.append("a cookie was sent back")
        status, said, content = Vendor.answer(self, method, target, body, headers)
        return status, {**said, "Set-Cookie": "sid=0123456789; Path=/; HttpOnly"}, content

    def _immutable(self, repository: str, digest: str) -> bool:
        return any(tag[0] == "v" for tag, named in self.tags.get(repository, {}).items() if named == digest)


@dataclass(slots=True)
class Ghcr(Vendor):
    """GHCR: nothing is deleted by this API, tags move, referrers are a redirect to a web page of github.com."""

    realm: str = "/token"
    service: str = "ghcr.io"
    deletes: bool = False

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        found = re.fullmatch(r"/v2/(.+)/referrers/(.+)", urlsplit(target).path)
        if found:
            return 303, {"Location": f"https://github.com/-/v2/packages/container/package/{found[1]}%2Freferrers"}, b""
        return Vendor.answer(self, method, target, body, headers)


VENDORS: dict[str, type[Vendor]] = {
    "Amazon ECR": Ecr,
    "Amazon ECR, older": OldEcr,
    "Artifactory": Artifactory,
    "Artifactory, older": OldArtifactory,
    "GitLab": GitLab,
    "Azure Container Registry": Acr,
    "Quay": Quay,
    "Harbor": Harbor,
    "GHCR": Ghcr,
}
_STORAGE_ELSEWHERE = (Acr, Quay, Ghcr, Ecr)
ELSEWHERE = [name for name, kind in VENDORS.items() if issubclass(kind, (*_STORAGE_ELSEWHERE, GitLab))]


@dataclass(slots=True)
class _Elsewhere(RegistrySimulator):
    """Storage or a token server at another address; `asked` keeps the Authorization of each request."""

    vendor: Vendor | None = None

    def allowed(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply | None:
        assert self.vendor is not None
        given = headers.get("authorization", "")
        if self.vendor.realm and urlsplit(target).path == self.vendor.realm:
            return self.vendor.token(method, target, body, given)
        if given:
            self.vendor.wrong.append(f"credentials were sent to {self.address}")
        return (
            None
            if method == "GET"
            else (403, {"Content-Type": "application/xml"}, b"<Error>SignatureDoesNotMatch</Error>")
        )


@contextmanager
def simulated_vendor(name: str) -> Iterator[Vendor]:
    """Serve one on a free port of 127.0.0.1, with its storage or its token server on another one."""
    vendor = VENDORS[name]()
    other = _Elsewhere(vendor=vendor, blobs=vendor.blobs)
    with serving(vendor), serving(other):
        if isinstance(vendor, _STORAGE_ELSEWHERE):
            vendor.storage = other
        if isinstance(vendor, GitLab):
            vendor.token_address = other.address
        yield vendor
