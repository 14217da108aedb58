"""Requests to an API server: discovery, reading, server-side apply; over urllib3."""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from imagekit.base.errors import ToolError
from imagekit.base.text import answered, one_line
from imagekit.kube.kubeconfig import Access
from imagekit.kube.tls import trusting

_SECONDS = 30.0
_LIMIT = 64 << 20  # bytes of one answer
# A server that is busy, or whose kinds are new ("storage is (re)initializing"), is asked again for a quarter of a
# minute, whatever time it names; client-go asks up to ten times, too. What changes something is asked once: the refusal
# of an eviction is a 429 as well, and an answer.
_RETRIES = urllib3.Retry(
    None,
    connect=False,
    read=False,
    redirect=False,
    status=10,
    status_forcelist=(429,),
    allowed_methods=("GET",),
    raise_on_status=False,
    respect_retry_after_header=False,
    backoff_factor=0.2,
    backoff_max=2.0,
)
_APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
Object = Mapping[str, Any]


class ApiError(ToolError):
    """The server answered no; `status` is HTTP's, `reason` Kubernetes' word such as NotFound or Invalid.

    `field` is the first field that it complains of, empty where it names none.
    """

    def __init__(self, message: str, *, status: int, reason: str = "", field: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.field = field


class ApiUnreachableError(ToolError):
    """No answer from the server."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Where objects of a kind are."""

    plural: str
    namespaced: bool


@dataclass
class Api:
    """One server; `session` makes it, and ends its connections."""

    server: str
    pool: urllib3.PoolManager
    headers: Mapping[str, str]
    _known: dict[str, dict[str, Resource]] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        kind: str = _JSON,
    ) -> Any:
        """One request; the JSON of the answer. Raises `ApiError`, `ApiUnreachableError`."""
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        data = json.dumps(body).encode() if body is not None else None
        try:
            answer = self.pool.request(
                method,
                url,
                body=data,
                headers={**self.headers, "Content-Type": kind, "Accept": _JSON},
                timeout=_SECONDS,
                retries=_RETRIES,
                preload_content=False,
            )
            text = answer.read(_LIMIT)
        except HTTPError as error:
            raise ApiUnreachableError(
                f"{self.server} does not answer: {one_line(str(error))}", hint="Is it the right kubeconfig and context?"
            ) from None
        return self._read(answer.status, text, f"{method} {path}")

    def _read(self, status: int, text: bytes, what: str) -> Any:
        try:
            value = json.loads(text)
        except ValueError:
            value = text.decode("utf-8", "replace")
        if status < 400:
            return value
        reported = value if isinstance(value, dict) else {"message": str(value)}
        message = one_line(answered(str(reported.get("message") or f"HTTP {status}")), 600)
        raise ApiError(
            f"{what}: {message}", status=status, reason=str(reported.get("reason") or ""), field=_field(reported)
        )

    def get(self, path: str, **query: str) -> Any:
        """What is at a path."""
        return self.call("GET", path, query=query or None)

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """How the server serves a kind; None where it does not."""
        if api_version not in self._known:
            self._known[api_version] = self._discovered(api_version)
        return self._known[api_version].get(kind)

    def forget(self) -> None:
        """Ask anew which kinds there are."""
        self._known.clear()

    def _discovered(self, api_version: str) -> dict[str, Resource]:
        try:
            reported = self.get(root_of(api_version))
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        return {
            each["kind"]: Resource(each["name"], bool(each["namespaced"]))
            for each in reported.get("resources", ())
            if "/" not in each["name"]
        }

    def path_of(self, api_version: str, kind: str, namespace: str, name: str = "") -> str:
        """Where an object is, or its kind's list. Raises `ApiError` where the server does not serve the kind."""
        found = self.resource(api_version, kind)
        if found is None:
            raise ApiError(f"the server has no {kind} in {api_version}", status=404, reason="NotFound")
        space = f"/namespaces/{quote(namespace or 'default')}" if found.namespaced else ""
        return f"{root_of(api_version)}{space}/{found.plural}" + (f"/{quote(name)}" if name else "")

    def find(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """An object; None where it, or its kind, is not there."""
        try:
            found: dict[str, Any] = self.get(self.path_of(api_version, kind, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found

    def apply(self, item: Object, *, manager: str = "imagekit", dry_run: bool = False, force: bool = False) -> Any:
        """Server-side apply with strict fields; the object as the server would have it. Raises `ApiError`."""
        metadata = item["metadata"]
        path = self.path_of(item["apiVersion"], item["kind"], metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        return self.call("PATCH", path, query=query, body=item, kind=_APPLY)

    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            self.call("DELETE", self.path_of(api_version, kind, namespace, name))
        except ApiError as error:
            if error.status != 404:
                raise


def _field(reported: Object) -> str:
    details = reported.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    found = causes[0].get("field") if isinstance(causes, list) and causes and isinstance(causes[0], dict) else None
    return str(found) if found else ""


def root_of(api_version: str) -> str:
    """The path of a group and version."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


@contextmanager
def session(access: Access) -> Iterator[Api]:
    """Requests to a server for the time of the block; its key is in a private file only while it is read."""
    context = _context(access)
    headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
    pool = urllib3.PoolManager(ssl_context=context, server_hostname=access.server_name or None, maxsize=4)
    try:
        yield Api(access.server, pool, headers)
    finally:
        pool.clear()


def _context(access: Access) -> ssl.SSLContext:
    context = trusting(access.authority)
    if access.certificate:
        with tempfile.TemporaryDirectory(prefix="imagekit-kube-") as folder:
            path = Path(folder) / "client.pem"
            path.touch(mode=0o600)
            path.write_bytes(access.certificate.rstrip() + b"\n" + access.key)
            context.load_cert_chain(path)
    return context
